/** All case tables by room. Adding a room means a line here; the meta-test compares the ops that they serve with the schema. */
import type { ErrorCase } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";
import * as activation from "./activation.js";
import * as arithmetic from "./arithmetic.js";
import * as avgPool2d from "./avgPool2d.js";
import * as batchNorm from "./batchNorm.js";
import * as conv2d from "./conv2d.js";
import * as filter2d from "./filter2d.js";
import * as im2col from "./im2col.js";
import * as loss from "./loss.js";
import * as matmul from "./matmul.js";
import * as maxPool2d from "./maxPool2d.js";
import * as sgd from "./sgd.js";
import * as softmax from "./softmax.js";

export interface Room {
  readonly cases: readonly StepCase[];
  readonly errors: readonly ErrorCase[];
}

export const rooms: Readonly<Record<string, Room>> = {
  conv2d,
  im2col,
  filter2d,
  matmul,
  maxPool2d,
  avgPool2d,
  batchNorm,
  activation,
  arithmetic,
  softmax,
  loss,
  sgd,
};
