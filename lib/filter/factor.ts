/**
 * Kernels as products of thin matrices: K = left[height, terms] * right[terms, width]. A separable kernel has one term (box,
 * Gaussian, Sobel), a difference of two such has two (Laplacian, unsharp mask, difference of Gaussians, Gabor).
 */
import type { Weights } from "./weights.js";

export interface Factors {
  readonly terms: number;
  /** [height, terms] */
  readonly left: Float32Array;
  /** [terms, width] */
  readonly right: Float32Array;
}

/**
 * Multiplications of a product against those of the whole that cost the same time: filtered rows are stored and read again.
 * Measured on Zen 4 (native/kernels/filter2d/filter2d.h): one term pays from 5x5 on, two from 7x7.
 */
const costRatio = 1.5;

/** Kernels of more terms than this are no products of anything; to look on would take longer than to filter. */
const mostTerms = 4;

/** What is left of a kernel whose weights were rounded to float32, as a share of the largest. */
const roundedAway = 4 * 2 ** -24;

/** How much larger the products of the factors may be than the weights: cancellation costs as many digits. */
const mostGrowth = 4;

/**
 * The cheapest exact factors, by cross approximation with full pivoting: each term is the row and the column of the largest
 * weight that is left (M. Bebendorf, Approximation of boundary element matrices, 2000).
 *
 * @returns undefined where the kernel as it is costs less
 */
export function factorsOf({ height, width, values }: Weights): Factors | undefined {
  const nonzero = values.reduce((count, weight) => count + (weight === 0 ? 0 : 1), 0);
  const most = Math.min(mostTerms, Math.floor((nonzero - 1) / (costRatio * (height + width))));
  const largest = values.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  const rest = Float64Array.from(values);
  const columns: Float64Array[] = [];
  const rows: Float64Array[] = [];
  for (let terms = 0; ; terms++) {
    let pivot = 0;
    for (let i = 1; i < rest.length; i++) if (Math.abs(rest[i]!) > Math.abs(rest[pivot]!)) pivot = i;
    if (Math.abs(rest[pivot]!) <= roundedAway * largest) break;
    if (terms >= most) return undefined;
    const [top, left] = [Math.floor(pivot / width), pivot % width];
    const scale = Math.sqrt(Math.abs(rest[pivot]!));
    const row = Float64Array.from({ length: width }, (_, x) => rest[top * width + x]! / scale);
    const column = Float64Array.from({ length: height }, (_, y) => (rest[y * width + left]! * scale) / rest[pivot]!);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) rest[y * width + x]! -= column[y]! * row[x]!;
    }
    // Exactly nothing remains in the cross, whatever rounding says.
    for (let y = 0; y < height; y++) rest[y * width + left] = 0;
    for (let x = 0; x < width; x++) rest[top * width + x] = 0;
    columns.push(column);
    rows.push(row);
  }
  const terms = columns.length;
  if (terms === 0 || growth(values, columns, rows) > mostGrowth) return undefined;
  return {
    terms,
    left: Float32Array.from({ length: height * terms }, (_, i) => columns[i % terms]![Math.floor(i / terms)]!),
    right: Float32Array.from(rows.flatMap((row) => [...row])),
  };
}

/** Sum of |left| |right| over sum of |kernel|. */
function growth(values: Float64Array, columns: readonly Float64Array[], rows: readonly Float64Array[]): number {
  const magnitude = (list: Float64Array): number => list.reduce((total, value) => total + Math.abs(value), 0);
  return columns.reduce((total, column, t) => total + magnitude(column) * magnitude(rows[t]!), 0) / magnitude(values);
}
