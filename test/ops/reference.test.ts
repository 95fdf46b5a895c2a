/** Every case on the reference backend. */
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { declareCases } from "../support/suite.js";

declareCases(referenceBackend, { counts: [1], set: () => {} });
