/** Every case and every graph on the reference backend. */
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { declareGraphs } from "../support/graphSuite.js";
import { declareState } from "../support/stateSuite.js";
import { declareCases } from "../support/suite.js";

declareCases(referenceBackend, { counts: [1], set: () => {} });
declareGraphs(referenceBackend);
declareState(referenceBackend);
