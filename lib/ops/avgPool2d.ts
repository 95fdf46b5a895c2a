/** Average pooling. */
import type { OpDefinition, Value } from "../graph/value.js";
import { requireOptions } from "../shape/values.js";
import { resolvePoolWindow, type PoolWindowOptions } from "../shape/pool2d.js";
import { makeOne, poolWindow, requireImage, secondOrder } from "./define.js";

export interface AvgPool2dOpOptions extends PoolWindowOptions {
  /** Padding counts as zeros in the average. Default true, as in PyTorch. */
  readonly countIncludePad?: boolean | undefined;
}

const backwardDefinition: OpDefinition = { name: "avgPool2d.backward", gradient: secondOrder };
const definition: OpDefinition = {
  name: "avgPool2d",
  gradient: ({ operands: [x], attributes }, [dy]) => [
    makeOne(backwardDefinition, [dy], attributes, x!.shape, x!.batched),
  ],
};

export const avgPool2dDefinitions = [definition, backwardDefinition];

/**
 * The mean under each position of a window, channel by channel.
 * @param x [rows, height, width, channels]
 * @returns [rows, outHeight, outWidth, channels]
 * @throws ShapeError where the window does not fit, or would lie in the padding as a whole
 */
export function avgPool2d(x: Value, options: AvgPool2dOpOptions): Value {
  const [rows, height, width, channels] = requireImage("avgPool2d", x);
  requireOptions("avgPool2d", options);
  const { countIncludePad = true } = options;
  const window = resolvePoolWindow("avgPool2d", [height, width], options);
  const attributes = { ...poolWindow(window), countIncludePad: countIncludePad ? 1 : 0 };
  return makeOne(definition, [x], attributes, [rows, window.outH, window.outW, channels], x.batched);
}

/** The mean of each channel. @returns [rows, 1, 1, channels] */
export function globalAvgPool2d(x: Value): Value {
  const [, height, width] = requireImage("globalAvgPool2d", x);
  return avgPool2d(x, { size: [height, width] });
}
