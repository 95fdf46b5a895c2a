/** Minimum and median: what a shared, noisy machine leaves of a distribution. */

export interface Timing {
  /** Milliseconds. */
  readonly minimum: number;
  readonly median: number;
  readonly calls: number;
}

/** @param times milliseconds of single calls, in any order; at least one */
export function summarize(times: Float64Array): Timing {
  const sorted = times.toSorted();
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { minimum: sorted[0]!, median, calls: sorted.length };
}

/** Billions of floating-point operations a second. */
export function gflops(flops: number, milliseconds: number): number {
  return flops / (milliseconds * 1e6);
}
