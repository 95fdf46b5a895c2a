// One axis of the sliding window on values: (N + 2P - F) / S + 1 with F = D(K - 1) + 1. window.ts takes the two of an
// image together, windowTypes.ts is the same on types.
import { ShapeError } from "../errors.js";
import type { AxisName, AxisPadding, Fault, Offer, Rounding } from "./types.js";
import { isNatural, isPositive, mustBePositive, pairOf, reject, showValue } from "./values.js";
import type { KernelAndStride, WindowNames } from "./windowTypes.js";

/** One axis in plain numbers; sizes in elements. */
export interface AxisOptions {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padBefore: number;
  readonly padAfter: number;
  readonly rounding: Rounding;
}

/** The options of a window on a single axis as users write them; the type parameters hold literals. */
export interface AxisWindowOptions<K = number, S = number, P = AxisPadding, D = number, R = Rounding> {
  /** Elements under the window. */
  readonly kernel: K;
  /** Step of the window. Default 1. */
  readonly stride?: S;
  /** Elements added at both ends, [before, after], "same" or "valid". Default 0. */
  readonly padding?: P | Offer<P, AxisPadding>;
  /** Distance between the window's taps. Default 1. */
  readonly dilation?: D;
  /** What to do where the windows do not tile the padded axis. Default "exact", an error. */
  readonly rounding?: R | Offer<R, Rounding>;
}

/** A window along one axis in plain numbers. */
export interface ResolvedAxis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** The padding that the windows reach, so that `out = floor((size + before + after - extent) / stride) + 1`. */
  readonly before: number;
  readonly after: number;
  readonly out: number;
  readonly declared: readonly [before: number, after: number];
}

/** Whether a rule answered with a fault. */
export const isFault = (value: object): value is Fault => Array.isArray(value);

/** What a convolution calls the options of its window. */
export const kernelAndStride: KernelAndStride = { kernel: "kernel", stride: "stride" };

/** What a kernel covers: dilation * (kernel - 1) + 1. */
export function windowExtent(kernel: number, dilation: number): number {
  return dilation * (kernel - 1) + 1;
}

/** The largest smaller stride that divides the span; it ends at 1. */
function fittingStride(span: number, stride: number): number {
  let fitting = stride - 1;
  while (span % fitting !== 0) fitting--;
  return fitting;
}

const lines = { height: "row", width: "column", length: "element" } as const;

/** a / b rounded to hundredths, as it is written: "2.33", "2.5". In whole numbers, as the types do it. */
function fraction(a: number, b: number): string {
  const hundredths = Math.floor((a * 100 + Math.floor(b / 2)) / b);
  return (hundredths / 100).toFixed(2).replace(/0$/, "");
}

function misfit(axis: AxisOptions, span: number, name: AxisName): string {
  const { size, stride, padBefore, padAfter, kernel, dilation } = axis;
  const strideHint = stride <= 9 ? `Use stride ${fittingStride(span, stride)}` : "Change the stride";
  const more = stride - (span % stride);
  const extent = windowExtent(kernel, dilation);
  return (
    `stride ${stride} does not fit the ${name}: (${size} + ${padBefore + padAfter} - ${extent}) / ${stride} + 1 = ` +
    `${fraction(span + stride, stride)}, not a whole number. ${strideHint}, pad ${more} more ${lines[name]}${more === 1 ? "" : "s"}, ` +
    "or set rounding: 'floor'"
  );
}

/** The number of windows along one axis, or a fault. */
function countWindows(axis: AxisOptions, name: AxisName, names: WindowNames): number | Fault {
  const { size, stride, padBefore, padAfter, rounding } = axis;
  const extent = windowExtent(axis.kernel, axis.dilation);
  const padded = size + padBefore + padAfter;
  const span = padded - extent;
  if (span < 0) {
    const sum = `${size} + ${padBefore + padAfter}`;
    return [names.kernel, `the window covers ${extent} but the padded ${name} is only ${padded} (${sum})`];
  }
  if (rounding === "ceil") {
    // As PyTorch and ONNX: a last window that would start in the trailing padding is dropped.
    const last = Math.ceil(span / stride);
    return last * stride >= size + padBefore ? last : last + 1;
  }
  if (rounding === "exact" && span % stride !== 0) return [names.stride, misfit(axis, span, name)];
  return Math.floor(span / stride) + 1;
}

/**
 * The number of windows along one axis: `(size + padBefore + padAfter - (dilation * (kernel - 1) + 1)) / stride + 1`.
 *
 * @throws ShapeError where the window is larger than the padded input, or the division leaves a rest under "exact"
 * @example
 * ```ts
 * windowOutput({ size: 32, kernel: 5, stride: 1, dilation: 1, padBefore: 2, padAfter: 2, rounding: "exact" }); // 32
 * ```
 */
export function windowOutput(axis: AxisOptions, name: AxisName = "height", layer = "window"): number {
  const count = countWindows(axis, name, kernelAndStride);
  if (typeof count !== "number") throw new ShapeError(count[0], `${layer}: ${count[1]}`);
  return count;
}

/**
 * Padding before and after along one axis; "same" gives ceil(size / stride) windows, the odd zero at the end, as Keras
 * does.
 */
function resolvePadding(padding: AxisPadding, size: number, extent: number, stride: number): readonly [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
  return typeof padding === "number" ? [padding, padding] : padding;
}

/** The sentence about a padding that is none. */
export function badPadding(padding: unknown): Fault {
  const rule = typeof padding === "string" ? "a number, pairs, 'same' or 'valid'" : "whole numbers from 0";
  return ["padding", `padding must be ${rule}, got ${showValue(padding)}`];
}

/** A rounding that there is not. */
export function roundingFault(rounding: unknown): Fault | undefined {
  if (["exact", "floor", "ceil"].includes(rounding as string)) return undefined;
  return ["rounding", `rounding must be 'exact', 'floor' or 'ceil', got ${showValue(rounding)}`];
}

function isAxisPadding(padding: unknown): boolean {
  if (padding === "same" || padding === "valid" || isNatural(padding)) return true;
  return Array.isArray(padding) && (pairOf(padding)?.every(isNatural) ?? false);
}

/** The option that no size could make legal. */
function lengthOptionsFault(options: Required<AxisWindowOptions>): Fault | undefined {
  for (const name of ["kernel", "stride", "dilation"] as const) {
    if (!isPositive(options[name])) return mustBePositive(name, options[name]);
  }
  return isAxisPadding(options.padding) ? roundingFault(options.rounding) : badPadding(options.padding);
}

/**
 * A window along an axis of a given size, or the fault.
 *
 * @param name what sentences call the axis
 */
export function resolveAxis(
  size: number,
  options: Required<AxisWindowOptions>,
  name: AxisName,
  names: WindowNames,
): ResolvedAxis | Fault {
  const { kernel, stride, dilation, padding } = options;
  const extent = windowExtent(kernel, dilation);
  const [padBefore, padAfter] = resolvePadding(padding, size, extent, stride);
  // "same" rounds the number of windows up by itself, so nothing is left to round.
  const rounding = padding === "same" ? "floor" : options.rounding;
  const out = countWindows({ size, kernel, stride, dilation, padBefore, padAfter, rounding }, name, names);
  if (typeof out !== "number") return out;
  // The padding that the windows really reach under "ceil": more than declared where the last one overhangs.
  const after = rounding === "ceil" ? Math.max(0, (out - 1) * stride + extent - size - padBefore) : padAfter;
  return { kernel, stride, dilation, before: padBefore, after, out, declared: [padBefore, padAfter] };
}

/**
 * Turns the options of a window along a single axis into plain numbers: {@link resolveWindow} of a signal.
 *
 * @param layer begins the sentence of an error: "outputSize"
 * @param size elements of the axis
 * @throws ShapeError with the sentence that the compiler shows where it knows the sizes
 * @example
 * ```ts
 * resolveLength("outputSize", 32, { kernel: 5, padding: [1, 2], stride: 2 }).out; // 16
 * ```
 */
export function resolveLength(layer: string, size: number, options: AxisWindowOptions): ResolvedAxis {
  if (!isPositive(size)) reject(layer, mustBePositive("size", size));
  const { kernel, stride = 1, padding = 0, dilation = 1, rounding = "exact" } = options;
  const complete = { kernel, stride, padding, dilation, rounding };
  reject(layer, lengthOptionsFault(complete));
  const axis = resolveAxis(size, complete, "length", kernelAndStride);
  if (isFault(axis)) throw new ShapeError(axis[0], `${layer}: ${axis[1]}`);
  return axis;
}
