/** Every case and every graph on the reference backend. */
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { declareCases, declareGraphs, declareState } from "../support/suite.js";

declareCases(referenceBackend, { counts: [1], set: () => {} });
declareGraphs(referenceBackend);
declareState(referenceBackend);
