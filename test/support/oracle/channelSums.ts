/** Sums over pixels, one per channel: the gradient of a bias. */
import { type Bounded, channelsOf, flushed, type OracleContext, pixelsOf, type Rounding, zeros } from "./tensor.js";

/** y[c] = sum of x[., c]; the errors of x, if it has any, add up. */
export function sumChannels(x: Pick<Bounded, "shape" | "data"> & Partial<Bounded>, rounding: Rounding): Bounded {
  const channels = channelsOf(x);
  const y = zeros([channels]);
  const magnitude = new Float64Array(channels);
  for (let i = 0; i < x.data.length; i++) {
    y.data[i % channels]! += x.data[i]!;
    magnitude[i % channels]! += Math.abs(x.data[i]!);
    y.tolerance[i % channels]! += x.tolerance?.[i] ?? 0;
  }
  for (let c = 0; c < channels; c++) {
    y.tolerance[c]! += pixelsOf(x) * rounding.sum * magnitude[c]! + rounding.store * Math.abs(y.data[c]!) + flushed;
  }
  return y;
}

/** The results, and the channel sums of the first if the step has one more. */
export function withChannelSums(results: readonly Bounded[], { rounding, shapes }: OracleContext): Bounded[] {
  return shapes.length > results.length ? [...results, sumChannels(results[0]!, rounding)] : [...results];
}
