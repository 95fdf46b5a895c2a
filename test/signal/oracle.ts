// Convolution as its definition says it, in float64, on a signal that goes on for ever; nothing here is from lib/.
import { flushed, type Bounded, type Rounding } from "../support/oracle/tensor.js";

/** All that the definition needs. */
export interface SignalCase {
  readonly boundary: "full" | "same" | "valid" | number | readonly [number, number];
  readonly mode: string;
  readonly value: number;
  readonly stride: number;
  readonly dilation: number;
}

/** The sample at any position, by walking from copy to copy of the signal. */
export function sampleAt(signal: readonly number[], position: number, mode: string, value: number): number {
  const size = signal.length;
  if (position >= 0 && position < size) return signal[position]!;
  if (mode === "zero") return 0;
  if (mode === "constant") return value;
  if (mode === "replicate") return position < 0 ? signal[0]! : signal[size - 1]!;
  // Copies side by side, every other one mirrored; under reflect101 neighbours share the sample at the edge.
  const copy = mode === "reflect101" ? signal.slice(0, Math.max(1, size - 1)) : signal;
  const length = copy.length;
  const number = Math.floor(position / length);
  const inside = position - number * length;
  if (mode === "circular" || number % 2 === 0) return signal[inside]!;
  return signal[size - 1 - inside]!;
}

/** y[n] = sum over k of kernel[k] * x[n * stride - before + k * dilation], with how far a backend may be off. */
export function correlation(
  signal: readonly number[],
  kernel: readonly number[],
  options: SignalCase,
  rounding: Rounding,
): Bounded {
  const { boundary, mode, value, stride, dilation } = options;
  const reach = dilation * (kernel.length - 1);
  const half = Math.floor(reach / 2);
  const ends: Readonly<Record<string, readonly [number, number]>> = {
    full: [reach, reach],
    same: [half, reach - half],
    valid: [0, 0],
  };
  const [before, after] =
    typeof boundary === "number" ? [boundary, boundary] : typeof boundary === "string" ? ends[boundary]! : boundary;
  const length = before + signal.length + after;
  const extended = Float64Array.from({ length }, (_, i) => sampleAt(signal, i - before, mode, value));
  const data: number[] = [];
  const tolerance: number[] = [];
  for (let start = 0; start + reach < length; start += stride) {
    let sum = 0;
    let magnitude = 0;
    for (let k = 0; k < kernel.length; k++) {
      const product = kernel[k]! * extended[start + k * dilation]!;
      sum += product;
      magnitude += Math.abs(product);
    }
    data.push(sum);
    tolerance.push((kernel.length + 1) * (rounding.sum * magnitude + flushed) + 2 * rounding.store * Math.abs(sum));
  }
  return { shape: [data.length], data: Float64Array.from(data), tolerance: Float64Array.from(tolerance) };
}
