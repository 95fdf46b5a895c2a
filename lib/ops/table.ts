/** Every op's definition by name: what explain() and the meta-test read. One line per room. */
import type { GraphOpName, OpDefinition } from "../graph/value.js";
import { activationDefinitions } from "./activation.js";
import { arithmeticDefinitions } from "./arithmetic.js";
import { avgPool2dDefinitions } from "./avgPool2d.js";
import { batchNormDefinitions } from "./batchNorm.js";
import { conv2dDefinitions } from "./conv2d.js";
import { filter2dDefinitions } from "./filter2d.js";
import { im2colDefinitions } from "./im2col.js";
import { lossDefinitions } from "./loss.js";
import { matmulDefinitions } from "./matmul.js";
import { maxPool2dDefinitions } from "./maxPool2d.js";
import { sgdDefinitions } from "./sgd.js";
import { softmaxDefinitions } from "./softmax.js";
import { structureDefinitions } from "./structure.js";

export const opDefinitions: ReadonlyMap<GraphOpName, OpDefinition> = new Map(
  [
    ...conv2dDefinitions,
    ...im2colDefinitions,
    ...filter2dDefinitions,
    ...matmulDefinitions,
    ...maxPool2dDefinitions,
    ...avgPool2dDefinitions,
    ...batchNormDefinitions,
    ...arithmeticDefinitions,
    ...activationDefinitions,
    ...softmaxDefinitions,
    ...lossDefinitions,
    ...sgdDefinitions,
    ...structureDefinitions,
  ].map((definition) => [definition.name, definition]),
);
