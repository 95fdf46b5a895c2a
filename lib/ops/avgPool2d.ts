/** Average pooling. */
import type { OpDefinition, Value } from "../graph/value.js";
import type { Padding, Pair, Rounding } from "../shape/types.js";
import { resolveWindow } from "../shape/window.js";
import { makeOne, poolWindow, requireImage, secondOrder } from "./define.js";

export interface Pool2dOpOptions {
  /** Window size: a number, or [height, width]. */
  readonly size: Pair;
  /** Default: the window size. */
  readonly stride?: Pair | undefined;
  readonly padding?: Padding | undefined;
  readonly rounding?: Rounding | undefined;
}

export interface AvgPool2dOpOptions extends Pool2dOpOptions {
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
 * @throws ShapeError where the window does not fit
 */
export function avgPool2d(x: Value, options: AvgPool2dOpOptions): Value {
  const [rows, height, width, channels] = requireImage("avgPool2d", x);
  const { size, stride = size, padding, rounding, countIncludePad = true } = options;
  const names = { kernel: "size", stride: options.stride === undefined ? "size" : "stride" } as const;
  const window = resolveWindow("avgPool2d", [height, width], { kernel: size, stride, padding, rounding }, names);
  const attributes = { ...poolWindow(window), countIncludePad: countIncludePad ? 1 : 0 };
  return makeOne(definition, [x], attributes, [rows, window.outH, window.outW, channels], x.batched);
}

/** The mean of each channel. @returns [rows, 1, 1, channels] */
export function globalAvgPool2d(x: Value): Value {
  const [, height, width] = requireImage("globalAvgPool2d", x);
  return avgPool2d(x, { size: [height, width] });
}
