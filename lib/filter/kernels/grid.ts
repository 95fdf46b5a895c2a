/** What the families of kernels share: the type, sizes given as options, and how a grid is filled. */
import { OptionError } from "../../errors.js";
import type { Pair } from "../../shape/types.js";
import { isPositive, pairOf, showValue } from "../../shape/values.js";

/** The weights of a filter, row by row: `[[0, -1, 0], [-1, 5, -1], [0, -1, 0]]`. */
export type Kernel = readonly (readonly number[])[];

/** Weights of a kernel that is made from options; larger ones are mistakes. */
const mostWeights = 2 ** 20;

/**
 * The option `size`: a number, or [height, width].
 * @throws OptionError
 */
export function sizeOption(owner: string, size: Pair): readonly [height: number, width: number] {
  const [height, width] = pairOf(size) ?? [];
  if (!isPositive(height) || !isPositive(width) || height * width > mostWeights) {
    throw new OptionError(
      "size",
      `${owner}: size must be a positive whole number, or [height, width], with up to ${mostWeights} weights, got ${showValue(size)}`,
    );
  }
  return [height, width];
}

/** @throws OptionError where the value is not a finite number, or does not exceed `above` */
export function numberOption(owner: string, option: string, value: number, above = -Infinity): number {
  if (Number.isFinite(value) && value > above) return value;
  const rule = above === -Infinity ? "a finite number" : `a number above ${above}`;
  throw new OptionError(option, `${owner}: ${option} must be ${rule}, got ${showValue(value)}`);
}

/** @throws OptionError where the value is none of `choices` */
export function choiceOption<Choice>(owner: string, option: string, value: Choice, choices: readonly Choice[]): Choice {
  if (choices.includes(value)) return value;
  const words = choices.map(showValue).join(" or ");
  throw new OptionError(option, `${owner}: ${option} must be ${words}, got ${showValue(value)}`);
}

/** A kernel whose weight at distance (y, x) from its middle is `weight(y, x)`; y grows downwards. */
export function sampled(
  [height, width]: readonly [number, number],
  weight: (y: number, x: number) => number,
): number[][] {
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_, column) => weight(row - (height - 1) / 2, column - (width - 1) / 2)),
  );
}

/** The smallest odd size that reaches `radius` from its middle. */
export function oddSize(radius: number): number {
  return 2 * Math.ceil(radius) + 1;
}

/** kernel / its sum. */
export function normalized(kernel: Kernel): number[][] {
  const sum = kernel.flat().reduce((total, weight) => total + weight, 0);
  return kernel.map((row) => row.map((weight) => weight / sum));
}
