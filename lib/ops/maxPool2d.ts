/** Max pooling. */
import type { OpDefinition, Value } from "../graph/value.js";
import { requireOptions } from "../shape/values.js";
import { resolvePoolWindow, type PoolWindowOptions } from "../shape/pool2d.js";
import { epilogue, makeOne, poolWindow, requireImage, secondOrder } from "./define.js";

const backwardDefinition: OpDefinition = { name: "maxPool2d.backward", gradient: secondOrder };
const definition: OpDefinition = {
  name: "maxPool2d",
  gradient: ({ operands: [x], attributes }, [dy]) => [
    makeOne(backwardDefinition, [x, dy], { ...attributes, ...epilogue() }, x!.shape, x!.batched),
  ],
};

export const maxPool2dDefinitions = [definition, backwardDefinition];

/**
 * The largest value under each position of a window, channel by channel. Padding never wins, NaN does.
 * @param x [rows, height, width, channels]
 * @returns [rows, outHeight, outWidth, channels]
 * @throws ShapeError where the window does not fit, or would lie in the padding as a whole
 */
export function maxPool2d(x: Value, options: PoolWindowOptions): Value {
  const [rows, height, width, channels] = requireImage("maxPool2d", x);
  requireOptions("maxPool2d", options);
  const window = resolvePoolWindow("maxPool2d", [height, width], options);
  return makeOne(definition, [x], poolWindow(window), [rows, window.outH, window.outW, channels], x.batched);
}

/** The largest value of each channel. @returns [rows, channels] after a reshape: [rows, 1, 1, channels] here */
export function globalMaxPool2d(x: Value): Value {
  const [, height, width] = requireImage("globalMaxPool2d", x);
  return maxPool2d(x, { size: [height, width] });
}
