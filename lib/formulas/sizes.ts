// The lecture's formula (N + 2P - F) / S + 1 along one axis, and its inverses: which strides and paddings are legal.
import { ShapeError } from "../errors.js";
import { resolveLength, windowExtent, type AxisWindowOptions } from "../shape/axis.js";
import type { DivideWithRemainder, Subtract } from "../shape/arithmetic.js";
import type {
  AxisPadding,
  Demand,
  DemandArgument,
  IsPositive,
  MustBePositive,
  OrNumber,
  Rounding,
} from "../shape/types.js";
import { isPositive, mustBePositive, reject } from "../shape/values.js";
import type { Extent, Fraction, WindowLength, WindowLengthVerdict } from "../shape/windowTypes.js";

/**
 * The number of windows along an axis: `(N + before + after - F) / S + 1`, where a dilation of D puts
 * `F' = D (F - 1) + 1` in place of F.
 *
 * @param size elements of the axis, N
 * @returns the number; its literal where all sizes are literals
 * @throws ShapeError where the windows do not fit or do not tile the axis; while compiling where the sizes are known
 * @example
 * ```ts
 * outputSize(7, { kernel: 3 }); // 5
 * outputSize(7, { kernel: 3, stride: 2 }); // 3
 * outputSize(7, { kernel: 3, stride: 3, padding: 1 }); // 3
 * ```
 */
export function outputSize<
  const N extends number,
  const K extends number,
  const S extends number = 1,
  const P extends AxisPadding = 0,
  const D extends number = 1,
  const R extends Rounding = "exact",
>(
  size: N,
  options: AxisWindowOptions<K, S, P, D, R> & Demand<WindowLengthVerdict<N, K, S, P, D, R>, "outputSize">,
): WindowLengthVerdict<N, K, S, P, D, R> extends "ok" ? OrNumber<WindowLength<N, K, S, P, D, R>> : number {
  const { out } = resolveLength("outputSize", size, options);
  return out as ReturnType<typeof outputSize<N, K, S, P, D, R>>;
}

type Half<E extends number> =
  Subtract<E, 1> extends infer span extends number ? DivideWithRemainder<span, 2> : [number, number];

/** "ok", or why no padding, equal on both sides, keeps the size. */
export type SamePaddingVerdict<K extends number, D extends number> =
  IsPositive<K> extends false
    ? ["kernel", MustBePositive<"kernel", K>]
    : IsPositive<D> extends false
      ? ["dilation", MustBePositive<"dilation", D>]
      : Half<Extent<K, D>> extends [infer before extends number, 1]
        ? Extent<K, D> extends infer E extends number
          ? Subtract<E, 1> extends infer span extends number
            ? [
                "kernel",
                `a window of ${E} has no equal padding that keeps the size: (${E} - 1) / 2 = ${Fraction<span, 2>}. Use an odd kernel, or padding: 'same', which puts ${before} before and one more after`,
              ]
            : never
          : never
        : "ok";

/** (F' - 1) / 2 for an odd extent F'. */
export type SamePadding<K extends number, D extends number> =
  SamePaddingVerdict<K, D> extends "ok" ? OrNumber<Half<Extent<K, D>>[0]> : number;

/**
 * The padding on each side that keeps the size at stride 1: `(F - 1) / 2` for an odd window F.
 *
 * @param kernel elements under the window
 * @param options.dilation distance between its taps, default 1
 * @throws ShapeError for an even window, which has none; while compiling where it is a literal
 * @example
 * ```ts
 * samePadding(5); // 2
 * samePadding(3, { dilation: 2 }); // 2
 * ```
 */
export function samePadding<const K extends number, const D extends number = 1>(
  kernel: K & DemandArgument<SamePaddingVerdict<K, D>, "samePadding">,
  options: { readonly dilation?: D } = {},
): SamePadding<K, D> {
  const { dilation = 1 } = options;
  if (!isPositive(kernel)) reject("samePadding", mustBePositive("kernel", kernel));
  if (!isPositive(dilation)) reject("samePadding", mustBePositive("dilation", dilation));
  const extent = windowExtent(kernel, dilation);
  if (extent % 2 === 0) {
    const before = extent / 2 - 1;
    reject("samePadding", [
      "kernel",
      `a window of ${extent} has no equal padding that keeps the size: (${extent} - 1) / 2 = ${(extent - 1) / 2}. ` +
        `Use an odd kernel, or padding: 'same', which puts ${before} before and one more after`,
    ]);
  }
  return ((extent - 1) / 2) as SamePadding<K, D>;
}

/** Options of {@link legalStrides}. */
export interface LegalStridesOptions {
  /** Elements under the window. */
  readonly kernel: number;
  /** On each side, or [before, after]. Default 0. With "same" every stride is legal, so it is none here. */
  readonly padding?: number | readonly [before: number, after: number] | "valid";
  /** Distance between the window's taps. Default 1. */
  readonly dilation?: number;
}

/**
 * The strides with which windows tile an axis: the divisors of `N + before + after - F`, smallest first. The largest
 * leaves two windows, one at each end; where the window covers the whole axis, only 1 is listed.
 *
 * @param size elements of the axis, N
 * @throws ShapeError where the window is larger than the padded axis
 * @example
 * ```ts
 * legalStrides(7, { kernel: 3 }); // [1, 2, 4]
 * ```
 */
export function legalStrides(size: number, options: LegalStridesOptions): number[] {
  const { kernel, padding = 0, dilation = 1 } = options;
  if ((padding as AxisPadding) === "same") {
    throw new ShapeError("padding", "legalStrides: with padding 'same' every stride is legal");
  }
  const span = resolveLength("legalStrides", size, { kernel, padding, dilation }).out - 1;
  if (span === 0) return [1];
  const small: number[] = [];
  const large: number[] = [];
  for (let divisor = 1; divisor * divisor <= span; divisor++) {
    if (span % divisor !== 0) continue;
    small.push(divisor);
    if (divisor * divisor !== span) large.push(span / divisor);
  }
  return [...small, ...large.reverse()];
}

/** Options of {@link legalPaddings}. */
export interface LegalPaddingsOptions {
  /** Elements under the window. */
  readonly kernel: number;
  /** Step of the window. Default 1. */
  readonly stride?: number;
  /** Distance between the window's taps. Default 1. */
  readonly dilation?: number;
}

/** The list is as long as the window twice; beyond this it would help nobody. */
const widestListed = 4096;

/**
 * The paddings, smallest first, with which windows tile an axis: as even on both sides as can be, the odd element at
 * the end, each side smaller than the window. Equal sides are `padding: p`; the others show that no number will do.
 *
 * @param size elements of the axis
 * @returns [before, after] of each, as a `padding` takes it
 * @throws ShapeError for numbers that count nothing, or a window of more than 4096 elements
 * @example
 * ```ts
 * legalPaddings(32, { kernel: 5, stride: 2 }); // [[0, 1], [1, 2], [2, 3], [3, 4]]: none is even
 * legalPaddings(7, { kernel: 3, stride: 3 }); // [[1, 1]]
 * ```
 */
export function legalPaddings(
  size: number,
  options: LegalPaddingsOptions,
): (readonly [before: number, after: number])[] {
  const { kernel, stride = 1, dilation = 1 } = options;
  // Its own checks of the numbers; a padding of the whole window always leaves room for one.
  resolveLength("legalPaddings", size, { kernel, stride, dilation, padding: "same" });
  const extent = windowExtent(kernel, dilation);
  if (extent > widestListed) {
    reject("legalPaddings", ["kernel", `the window must cover ${widestListed} elements at most, got ${extent}`]);
  }
  const found: (readonly [number, number])[] = [];
  for (let total = Math.max(0, extent - size); total <= 2 * (extent - 1); total++) {
    if ((size + total - extent) % stride === 0) found.push([Math.floor(total / 2), Math.ceil(total / 2)]);
  }
  return found;
}
