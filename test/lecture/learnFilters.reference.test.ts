import { declareLearning } from "./learnFilters.js";

declareLearning("reference");
