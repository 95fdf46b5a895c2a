import { declareSignals } from "./suite.js";

declareSignals("reference");
