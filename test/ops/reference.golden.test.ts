/** PyTorch and the reference backend. */
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { declareGoldens } from "../support/goldenSuite.js";
import { declareTrainingGoldens } from "../support/goldenTraining.js";

declareGoldens(referenceBackend);
declareTrainingGoldens(referenceBackend);
