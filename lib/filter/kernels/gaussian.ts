/** The Gaussian, and what is made of Gaussians. */
import { OptionError } from "../../errors.js";
import type { Pair } from "../../shape/types.js";
import { normalized, numberOption, oddSize, sampled, sizeOption } from "./grid.js";

export interface GaussianOptions {
  /** A number, or [height, width]. Default: 3 sigma to either side, or 3 without sigma. */
  readonly size?: Pair | undefined;
  /** Standard deviation in pixels. Default: that of the binomial weights of the size, which are then taken themselves. */
  readonly sigma?: number | undefined;
}

/** Adding coins takes the square of the size: far beyond it lies a hang, and before it the sampled function is the same. */
const mostCoins = 4097;

/** The binomial coefficients C(size - 1, i) / 2^(size - 1): fair coins, added one by one. */
function binomial(size: number): number[] {
  let weights = [1];
  while (weights.length < size) {
    weights = Array.from({ length: weights.length + 1 }, (_, i) => ((weights[i - 1] ?? 0) + (weights[i] ?? 0)) / 2);
  }
  return weights;
}

const sizeFor = (sigma: number): number => oddSize(3 * sigma);

/**
 * Weights that fall off as a Gaussian does, and sum to 1: noise goes, edges soften.
 *
 * With `sigma` the function is sampled; without it the weights are binomial, a Gaussian of variance (size - 1) / 4 in exact
 * fractions, for sizes up to 4097.
 * @example
 * ```ts
 * gaussian({ size: 3 }); // [[1, 2, 1], [2, 4, 2], [1, 2, 1]] / 16
 * gaussian({ sigma: 2 }); // 13x13
 * ```
 */
export function gaussian({ size, sigma }: GaussianOptions = {}): number[][] {
  if (sigma === undefined) {
    const [height, width] = sizeOption("gaussian", size ?? 3);
    if (Math.max(height, width) > mostCoins) {
      const rule = `size without sigma must be at most ${mostCoins}`;
      throw new OptionError("size", `gaussian: ${rule}, got ${Math.max(height, width)}; give sigma too`);
    }
    const across = binomial(width);
    return binomial(height).map((down) => across.map((weight) => down * weight));
  }
  const width = numberOption("gaussian", "sigma", sigma, 0);
  const weight = (y: number, x: number): number => Math.exp(-(x * x + y * y) / (2 * width * width));
  return normalized(sampled(sizeOption("gaussian", size ?? sizeFor(width)), weight));
}

export interface DifferenceOfGaussiansOptions {
  /** Of the narrow one, in pixels. Default 1. */
  readonly sigma?: number | undefined;
  /** How many times wider the other is. Default 1.6, which comes close to the Laplacian of a Gaussian. */
  readonly ratio?: number | undefined;
  /** Default: 3 sigma of the wide one to either side. */
  readonly size?: Pair | undefined;
}

/**
 * A narrow Gaussian less a wide one: a band of frequencies, blobs of about the size of sigma. Its weights sum to 0.
 * @example
 * ```ts
 * differenceOfGaussians({ sigma: 2 });
 * ```
 */
export function differenceOfGaussians(options: DifferenceOfGaussiansOptions = {}): number[][] {
  const { sigma = 1, ratio = 1.6, size } = options;
  const narrow = numberOption("differenceOfGaussians", "sigma", sigma, 0);
  const wide = narrow * numberOption("differenceOfGaussians", "ratio", ratio, 1);
  const whole = sizeOption("differenceOfGaussians", size ?? sizeFor(wide));
  const other = gaussian({ sigma: wide, size: whole });
  return gaussian({ sigma: narrow, size: whole }).map((row, y) => row.map((weight, x) => weight - other[y]![x]!));
}

export interface UnsharpMaskOptions {
  /** Of the blur that is taken away, in pixels. Default 1. */
  readonly sigma?: number | undefined;
  /** How much of what the blur lost is added. Default 1. */
  readonly amount?: number | undefined;
  /** Odd; default: 3 sigma to either side. */
  readonly size?: number | undefined;
}

/**
 * The image and `amount` times what a Gaussian blur would take from it: sharpening of a chosen width.
 * @example
 * ```ts
 * unsharpMask({ sigma: 2, amount: 0.8 });
 * ```
 */
export function unsharpMask({ sigma = 1, amount = 1, size }: UnsharpMaskOptions = {}): number[][] {
  const width = numberOption("unsharpMask", "sigma", sigma, 0);
  const strength = numberOption("unsharpMask", "amount", amount);
  const [height] = sizeOption("unsharpMask", size ?? sizeFor(width));
  const side = height + 1 - (height % 2);
  const middle = (side - 1) / 2;
  return gaussian({ sigma: width, size: side }).map((row, y) =>
    row.map((weight, x) => (y === middle && x === middle ? 1 + strength : 0) - strength * weight),
  );
}
