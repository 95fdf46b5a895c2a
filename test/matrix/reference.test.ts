import { declareMatrix } from "./suite.js";

declareMatrix("reference");
