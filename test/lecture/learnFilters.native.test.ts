import { declareLearning } from "./learnFilters.js";

declareLearning("native");
