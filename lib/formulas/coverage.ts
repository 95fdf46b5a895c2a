// How often each pixel is used.
import type { Tensor } from "../data/tensor.js";
import type { Demand, Offer, Padding, Pair, Rounding } from "../shape/types.js";
import { allPositive, reject, showValue } from "../shape/values.js";
import { resolveWindow } from "../shape/window.js";
import type { WindowVerdict } from "../shape/windowTypes.js";

/** Options of {@link coverage}: those of a convolution's window. */
export interface CoverageOptions<K = Pair, S = Pair, P = Padding, D = Pair, R = Rounding> {
  /** Window size: a number, or [height, width]. */
  readonly kernel: K;
  /** Default 1. */
  readonly stride?: S;
  /** A number for each side, [height, width], [[top, bottom], [left, right]], "same" or "valid". Default 0. */
  readonly padding?: P | Offer<P, Padding>;
  /** Default 1. */
  readonly dilation?: D;
  /** Default "exact": windows that do not tile the image are an error. */
  readonly rounding?: R | Offer<R, Rounding>;
}

/** How many windows use each position of one axis. */
function usesAlong(size: number, kernel: number, stride: number, dilation: number, before: number, out: number) {
  const uses = new Int32Array(size);
  for (let window = 0; window < out; window++) {
    for (let tap = 0; tap < kernel; tap++) {
      const position = window * stride - before + tap * dilation;
      if (position >= 0 && position < size) uses[position]!++;
    }
  }
  return uses;
}

/** Counts up to 2^31 - 1 are exact; an image that could have more is refused with its allocation. */
const mostPixels = 2 ** 28;

/**
 * How many windows see each pixel of an image: why borders and corners count less, and what padding does about it.
 *
 * @param size [height, width]
 * @returns [height, width] of counts, row by row
 * @throws ShapeError where the windows do not fit or do not tile the image; while compiling where the sizes are known
 * @example
 * ```ts
 * coverage([7, 7], { kernel: 3 }).data[0]; // 1: a corner is used once,
 * coverage([7, 7], { kernel: 3, padding: 1 }).data[0]; // 4: with padding four times,
 * coverage([7, 7], { kernel: 3 }).data[3 * 7 + 3]; // 9: the middle nine times
 * ```
 */
export function coverage<
  const H extends number,
  const W extends number,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const R extends Rounding = "exact",
>(
  size: readonly [height: H, width: W],
  options: CoverageOptions<K, S, P, D, R> & Demand<WindowVerdict<[H, W, 1], K, S, P, D, R>, "coverage">,
): Tensor<[H, W], Int32Array> {
  const given: unknown = size;
  const [height, width] = Array.isArray(given) ? (given as unknown as [H, W]) : ([0, 0] as unknown as [H, W]);
  if (!Array.isArray(given) || given.length !== 2 || !allPositive(given) || height * width > mostPixels) {
    const rule = `two positive whole numbers of ${mostPixels} pixels at most`;
    reject("coverage", ["size", `size must be ${rule}, got ${showValue(size)}`]);
  }
  const window = resolveWindow("coverage", size, options);
  for (const [taps, windows] of [
    [window.kernelH, window.outH],
    [window.kernelW, window.outW],
  ] as const) {
    if (taps * windows > mostPixels) {
      const fault = `${windows} windows of ${taps} taps along one axis are more than ${mostPixels} taps`;
      reject("coverage", ["kernel", fault]);
    }
  }
  const rows = usesAlong(height, window.kernelH, window.strideH, window.dilationH, window.padTop, window.outH);
  const columns = usesAlong(width, window.kernelW, window.strideW, window.dilationW, window.padLeft, window.outW);
  const data = new Int32Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data[y * width + x] = rows[y]! * columns[x]!;
  }
  return { shape: [height, width], data };
}
