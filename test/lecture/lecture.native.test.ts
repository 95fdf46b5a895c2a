import { declareLecture } from "./suite.js";

declareLecture("native");
