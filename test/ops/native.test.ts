/** Every case, graph and golden on the native backend, with the strongest instruction set of this machine. */
import { declareNative } from "../support/nativeSuite.js";

declareNative();
