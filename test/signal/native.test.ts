import { declareSignals } from "./suite.js";

declareSignals("native");
