// add and concat: where branches meet.
import { add as addOp } from "../ops/arithmetic.js";
import { concat as concatOp } from "../ops/structure.js";
import { addShape, concatShape } from "../shape/merge.js";
import { only } from "./definition.js";
import type { LayerDefinition } from "./definition.js";
import { readOptions } from "./options.js";

/** The element-wise sum of branches of one shape. */
export const addDefinition: LayerDefinition<object, "add"> = {
  type: "add",
  inputs: "many",
  checkOptions: (options) => readOptions("add", options, {}),
  outputShape: (inputs, _, label) => addShape(label, only(inputs), ...inputs.slice(1)),
  sees: () => "pixel",
  emit: (inputs) => inputs.slice(1).reduce((sum, value) => addOp(sum, value), only(inputs)),
};

/** Branches side by side in the last axis, the channels. */
export const concatDefinition: LayerDefinition<object, "concat"> = {
  type: "concat",
  inputs: "many",
  checkOptions: (options) => readOptions("concat", options, {}),
  outputShape: (inputs, _, label) => concatShape(label, only(inputs), ...inputs.slice(1)),
  sees: () => "pixel",
  emit: (inputs) => concatOp(inputs),
};
