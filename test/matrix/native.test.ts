import { declareMatrix } from "./suite.js";

declareMatrix("native");
