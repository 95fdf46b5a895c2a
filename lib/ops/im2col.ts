/** The classic pair: images to a matrix of patches, and its adjoint. */
import { GraphError } from "../errors.js";
import type { Attributes, OpDefinition, Value } from "../graph/value.js";
import type { Padding, Pair, Rounding } from "../shape/types.js";
import { isShape, requireOptions, showShape, showValue } from "../shape/values.js";
import { resolveWindow, type Window } from "../shape/window.js";
import { convolutionWindow, makeOne, requireImage } from "./define.js";

/** The window of im2col and col2im: that of the convolution. */
export interface Im2colOptions {
  /** Window size: a number, or [height, width]. */
  readonly kernel: Pair;
  /** Default 1. */
  readonly stride?: Pair | undefined;
  /** Zeros around the input. Default 0. */
  readonly padding?: Padding | undefined;
  /** Default 1. */
  readonly dilation?: Pair | undefined;
  /** Default "exact": windows that do not tile the image are an error. */
  readonly rounding?: Rounding | undefined;
}

function attributesOf(window: Window): Attributes {
  return { kernelH: window.kernelH, kernelW: window.kernelW, ...convolutionWindow(window) };
}

// Each is the other's transpose, so each is the other's gradient.
const im2colDefinition: OpDefinition = {
  name: "im2col",
  gradient: ({ operands: [x], attributes }, [dy]) => [
    makeOne(col2imDefinition, [dy], attributes, x!.shape, x!.batched),
  ],
};
const col2imDefinition: OpDefinition = {
  name: "col2im",
  gradient: ({ operands: [columns], attributes }, [dx]) => [
    makeOne(im2colDefinition, [dx], attributes, columns!.shape, columns!.batched),
  ],
};

export const im2colDefinitions = [im2colDefinition, col2imDefinition];

/**
 * The patches under each position of a window, as the rows of a matrix.
 * @param x [rows, height, width, channels]
 * @returns [rows, outHeight, outWidth, kernelHeight * kernelWidth * channels], taps in row-major order, channel
 *   fastest; a tap in the padding is 0. Its product with a filter of that many rows is the convolution.
 * @throws ShapeError where the window does not fit
 * @example
 * ```ts
 * const image = tensor([1, 3, 3, 1], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
 * run((x) => im2col(x, { kernel: 2 }), image); // [1, 2, 2, 4]: 1 2 4 5, 2 3 5 6, 4 5 7 8, 5 6 8 9
 * ```
 */
export function im2col(x: Value, options: Im2colOptions): Value {
  const [rows, height, width, channels] = requireImage("im2col", x);
  requireOptions("im2col", options);
  const window = resolveWindow("im2col", [height, width], options);
  const columns = window.kernelH * window.kernelW * channels;
  return makeOne(im2colDefinition, [x], attributesOf(window), [rows, window.outH, window.outW, columns], x.batched);
}

/**
 * The adjoint of im2col: adds every patch entry to the pixel it came from.
 * @param columns [rows, outHeight, outWidth, kernelHeight * kernelWidth * channels]
 * @param size [height, width] of the image
 * @param options those of the im2col
 * @returns [rows, height, width, channels]
 * @throws ShapeError where the window does not fit, GraphError where the columns are not those of such an image
 * @example
 * ```ts
 * // There and back, a pixel comes as often as windows use it: 1 2 1, 2 4 2, 1 2 1.
 * const ones = tensor([1, 3, 3, 1], new Float32Array(9).fill(1));
 * run((x) => col2im(im2col(x, { kernel: 2 }), [3, 3], { kernel: 2 }), ones);
 * ```
 */
export function col2im(columns: Value, size: readonly [height: number, width: number], options: Im2colOptions): Value {
  const [rows, outH, outW, depth] = requireImage("col2im", columns);
  requireOptions("col2im", options);
  if (!isShape(size) || (size as readonly number[]).length !== 2)
    throw new GraphError(`col2im: size must be [height, width], got ${showValue(size)}`);
  const window = resolveWindow("col2im", size, options);
  const taps = window.kernelH * window.kernelW;
  if (window.outH !== outH || window.outW !== outW || depth % taps !== 0) {
    throw new GraphError(
      `col2im: columns must be [rows, ${window.outH}, ${window.outW}, a multiple of ${taps}] for an image of ${showShape(size)}, got ${showShape(columns.shape)}`,
    );
  }
  return makeOne(
    col2imDefinition,
    [columns],
    attributesOf(window),
    [rows, size[0], size[1], depth / taps],
    columns.batched,
  );
}
