/** Max pooling. */
import type { OpDefinition, Value } from "../graph/value.js";
import { resolveWindow } from "../shape/window.js";
import { makeOne, poolWindow, requireImage, secondOrder } from "./define.js";
import type { Pool2dOpOptions } from "./avgPool2d.js";

const backwardDefinition: OpDefinition = { name: "maxPool2d.backward", gradient: secondOrder };
const definition: OpDefinition = {
  name: "maxPool2d",
  gradient: ({ operands: [x], attributes }, [dy]) => [
    makeOne(backwardDefinition, [x, dy], attributes, x!.shape, x!.batched),
  ],
};

export const maxPool2dDefinitions = [definition, backwardDefinition];

/**
 * The largest value under each position of a window, channel by channel. Padding never wins, NaN does.
 * @param x [rows, height, width, channels]
 * @returns [rows, outHeight, outWidth, channels]
 * @throws ShapeError where the window does not fit
 */
export function maxPool2d(x: Value, options: Pool2dOpOptions): Value {
  const [rows, height, width, channels] = requireImage("maxPool2d", x);
  const { size, stride = size, padding, rounding } = options;
  const names = { kernel: "size", stride: options.stride === undefined ? "size" : "stride" } as const;
  const window = resolveWindow("maxPool2d", [height, width], { kernel: size, stride, padding, rounding }, names);
  return makeOne(definition, [x], poolWindow(window), [rows, window.outH, window.outW, channels], x.batched);
}

/** The largest value of each channel. @returns [rows, channels] after a reshape: [rows, 1, 1, channels] here */
export function globalMaxPool2d(x: Value): Value {
  const [, height, width] = requireImage("globalMaxPool2d", x);
  return maxPool2d(x, { size: [height, width] });
}
