import { declareLecture } from "./suite.js";

declareLecture("reference");
