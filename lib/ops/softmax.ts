/** Softmax over the last axis. */
import type { OpDefinition, Value } from "../graph/value.js";
import { sizeOf } from "../shape/values.js";
import { makeOne, requireF32, secondOrder } from "./define.js";

const backwardDefinition: OpDefinition = {
  name: "softmax.backward",
  gradient: secondOrder,
  flops: ([y]) => 4 * sizeOf(y!),
};
const definition: OpDefinition = {
  name: "softmax",
  gradient: ({ results: [y] }, [dy]) => [makeOne(backwardDefinition, [y, dy], {}, y!.shape, y!.batched)],
  flops: ([x]) => 4 * sizeOf(x!),
};

export const softmaxDefinitions = [definition, backwardDefinition];

/** exp(x) / sum(exp(x)) over the last axis, shifted by the maximum so that nothing overflows. */
export function softmax(x: Value): Value {
  requireF32("softmax", "x", x);
  return makeOne(definition, [x], {}, x.shape, x.batched);
}
