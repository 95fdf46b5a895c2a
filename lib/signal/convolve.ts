// Convolution and correlation of 1-D signals, by the kernels that convolve images: a signal is an image of one row, a
// long one a batch of such images.
import { OptionError } from "../errors.js";
import type { Value } from "../graph/value.js";
import { conv2d } from "../ops/conv2d.js";
import { run, runAsync } from "../run.js";
import { resolveLength, windowExtent } from "../shape/axis.js";
import { checkBoundaryMode, type BoundaryMode } from "../shape/boundary.js";
import type { Rounding } from "../shape/types.js";
import { isNatural, isPositive, mustBePositive, reject, showValue } from "../shape/values.js";
import type { Tensor } from "../data/tensor.js";
import { checkBorder, constantOf, extendSamples, toSamples, type Signal } from "./extend.js";

/**
 * Where the kernel may lie, for N samples under a kernel of F:
 * - `"full"`: wherever it touches the signal: N + F - 1 results;
 * - `"same"`: centred on each sample: N results;
 * - `"valid"`: inside of the signal only, which shrinks to N - F + 1;
 * - a number, or [before, after]: inside of the signal with so many samples more at both ends.
 */
export type SignalBoundary = "full" | "same" | "valid" | number | readonly [before: number, after: number];

/** Options of {@link convolve} and {@link correlate}. */
export interface ConvolveOptions {
  /** Default "full". */
  readonly boundary?: SignalBoundary;
  /** What the kernel meets beyond the ends of the signal. Default "zero". */
  readonly mode?: BoundaryMode;
  /** What mode "constant" puts there. Default 0. */
  readonly value?: number;
  /** Step of the kernel: every stride-th result of stride 1. Default 1. */
  readonly stride?: number;
  /** Distance between the kernel's taps, which then reaches over F' = dilation * (F - 1) + 1 samples. Default 1. */
  readonly dilation?: number;
  /**
   * What to do where a stride leaves samples over. Default "exact", an error, as for layers; "floor" drops them.
   * "same" gives ceil(N / stride) results whatever is left.
   */
  readonly rounding?: Rounding;
}

/** What is run: rows of samples, one filter of one row. */
interface Task {
  readonly samples: Tensor;
  readonly filter: Tensor;
  readonly build: (samples: Value, filter: Value) => Value;
  /** Results that count; a last row may have more. */
  readonly count: number;
}

/**
 * Into how many pieces a signal is cut, so that threads can share them: a million samples under 257 taps took 9.4 ms as
 * one row, as 64 rows 7.4 ms on one thread and 4.2 on two, copies included. Pieces overlap by the window, so they are to
 * be eight times as long; below some ten million products the copies cost what the cutting gains.
 */
function piecesOf(count: number, taps: number, extent: number, stride: number): number {
  const pieces = Math.min(64, Math.floor((count * stride) / (8 * extent)), Math.floor(count / 1024));
  return count * taps < 2 ** 24 || pieces < 4 ? 1 : pieces;
}

/** Pieces of `width` samples, one every `step`, the first `before` samples ahead of the signal; zeros outside of it. */
function cut(samples: Float32Array, pieces: number, width: number, step: number, before: number): Float32Array {
  const rows = new Float32Array(pieces * width);
  for (let piece = 0; piece < pieces; piece++) {
    const start = piece * step - before;
    const first = Math.max(0, start);
    const end = Math.min(samples.length, start + width);
    if (first < end) rows.set(samples.subarray(first, end), piece * width + first - start);
  }
  return rows;
}

function resultOf({ data }: Tensor<readonly number[], Float32Array>, count: number): Float32Array {
  return data.length === count ? data : data.slice(0, count);
}

function borderOf(owner: string, boundary: unknown, extent: number): readonly [number, number] {
  if (boundary === "valid") return [0, 0];
  if (boundary === "full") return [extent - 1, extent - 1];
  // The middle of an even kernel is its left one, as in layers and in MATLAB; NumPy takes the right one.
  if (boundary === "same") return [Math.floor((extent - 1) / 2), Math.ceil((extent - 1) / 2)];
  if (isNatural(boundary)) return [boundary, boundary];
  if (Array.isArray(boundary) && boundary.length === 2 && isNatural(boundary[0]) && isNatural(boundary[1])) {
    return boundary as [number, number];
  }
  throw new OptionError(
    "boundary",
    `${owner}: boundary must be 'full', 'same', 'valid', a whole number from 0 or two of them, got ${showValue(boundary)}`,
  );
}

function prepare(owner: string, flip: boolean, signal: Signal, kernel: Signal, options: ConvolveOptions): Task {
  const { boundary = "full", stride = 1, dilation = 1 } = options;
  const samples = toSamples(owner, "signal", signal);
  const taps = toSamples(owner, "kernel", kernel);
  const mode = checkBoundaryMode(options.mode ?? "zero", owner);
  const value = constantOf(owner, mode, options.value);
  if (!isPositive(stride)) reject(owner, mustBePositive("stride", stride));
  if (!isPositive(dilation)) reject(owner, mustBePositive("dilation", dilation));
  const extent = windowExtent(taps.length, dilation);
  const border = borderOf(owner, boundary, extent);
  checkBorder(owner, samples.length, ...border);
  const rounding = boundary === "same" ? "floor" : (options.rounding ?? "exact");
  const axis = { kernel: taps.length, stride, dilation, padding: border, rounding };
  const { out: count, before, after } = resolveLength(owner, samples.length, axis);

  // Zeros cost nothing: the kernels skip them. Any other border is written out, and the padding that "ceil" may add
  // beyond it is zero.
  const written = value !== 0 || (mode !== "zero" && mode !== "constant");
  const row = written ? extendSamples(samples, ...border, mode, value) : samples;
  const left = written ? 0 : before;
  const right = written ? Math.max(0, after - border[1]) : after;
  const reversed = flip ? taps.toReversed() : taps;
  const filter = { shape: [1, taps.length, 1, 1], data: reversed };
  const convolution = (x: Value, k: Value, padding: readonly [number, number]): Value =>
    conv2d(x, k, { stride: [1, stride], dilation: [1, dilation], padding: [[0, 0], padding], rounding: "floor" });

  const pieces = piecesOf(count, taps.length, extent, stride);
  if (pieces === 1) {
    const whole = { shape: [1, 1, row.length, 1], data: row };
    return { samples: whole, filter, count, build: (x, k) => convolution(x, k, [left, right]) };
  }
  const each = Math.ceil(count / pieces);
  const width = (each - 1) * stride + extent;
  const data = cut(row, pieces, width, each * stride, left);
  return { samples: { shape: [pieces, 1, width, 1], data }, filter, count, build: (x, k) => convolution(x, k, [0, 0]) };
}

/**
 * Convolution of a signal with a kernel: `y[n] = sum over k of kernel[k] * signal[n - k]`, the kernel flipped, as
 * mathematics and signal processing have it. Commutative with boundary "full". {@link correlate} does not flip.
 *
 * The sums are float32 on the native backend, float64 on the reference backend; results are float32. A million samples
 * under 31 taps take a few milliseconds natively; {@link convolveAsync} leaves the calling thread free.
 *
 * @param signal N samples
 * @param kernel F taps
 * @returns N + F - 1 samples, or fewer: see {@link SignalBoundary}
 * @throws OptionError for an option that is none; ShapeError where the kernel does not fit, or its stride
 * @example
 * ```ts
 * convolve([1, 2, 3], [0, 1, 0.5]); // 0 1 2.5 4 1.5
 * const third = 1 / 3;
 * convolve([4, 3, 2, -5, 3, 5, 2, 5, 5, 6], [third, third, third], { boundary: "valid" }); // 3 0 0 1 3.33 4 4 5.33
 * ```
 */
export function convolve(signal: Signal, kernel: Signal, options: ConvolveOptions = {}): Float32Array {
  const { build, samples, filter, count } = prepare("convolve", true, signal, kernel, options);
  return resultOf(run(build, samples, filter), count);
}

/** As {@link convolve}, off the calling thread. */
export async function convolveAsync(
  signal: Signal,
  kernel: Signal,
  options: ConvolveOptions = {},
): Promise<Float32Array> {
  const { build, samples, filter, count } = prepare("convolve", true, signal, kernel, options);
  return resultOf(await runAsync(build, samples, filter), count);
}

/**
 * Correlation of a signal with a kernel: `y[n] = sum over k of kernel[k] * signal[n + k]`, the kernel as it is, which
 * is what layers call a convolution. It is largest where the signal looks like the kernel.
 *
 * `correlate(x, k)` is `convolve(x, k.toReversed())` with every option.
 *
 * @param signal N samples
 * @param kernel F taps
 * @returns N + F - 1 samples, or fewer: see {@link SignalBoundary}
 * @throws OptionError for an option that is none; ShapeError where the kernel does not fit, or its stride
 * @example
 * ```ts
 * correlate([0, 0, 1, 1, 0], [-1, 1], { boundary: "valid" }); // 0 1 0 -1: the rises and the falls
 * ```
 */
export function correlate(signal: Signal, kernel: Signal, options: ConvolveOptions = {}): Float32Array {
  const { build, samples, filter, count } = prepare("correlate", false, signal, kernel, options);
  return resultOf(run(build, samples, filter), count);
}

/** As {@link correlate}, off the calling thread. */
export async function correlateAsync(
  signal: Signal,
  kernel: Signal,
  options: ConvolveOptions = {},
): Promise<Float32Array> {
  const { build, samples, filter, count } = prepare("correlate", false, signal, kernel, options);
  return resultOf(await runAsync(build, samples, filter), count);
}
