// The sliding window of convolution and pooling on values: (N + 2P - F) / S + 1 with F = D(K - 1) + 1. windowTypes.ts
// beside this file is the same on types.
import { ShapeError } from "../errors.js";
import type { Fault, Pair, Padding, Rounding, Shape } from "./types.js";
import { isNatural, isPositive, mustBePositive, pairOf, showValue } from "./values.js";
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

/** The options of a window as users write them. Defaults: stride 1, padding 0, dilation 1, rounding "exact". */
export interface WindowOptions {
  readonly kernel: Pair;
  readonly stride?: Pair | undefined;
  readonly padding?: Padding | undefined;
  readonly dilation?: Pair | undefined;
  readonly rounding?: Rounding | undefined;
}

/** {@link WindowOptions} with the defaults filled in. */
interface CompleteOptions {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  readonly rounding: Rounding;
}

/** Padding in rows and columns of zeros. */
export interface Border {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/**
 * A window on an input of known size, in plain numbers: `out = floor((size + before + after - extent) / stride) + 1`
 * holds.
 */
export interface Window {
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly padTop: number;
  readonly padBottom: number;
  readonly padLeft: number;
  readonly padRight: number;
  readonly outH: number;
  readonly outW: number;
  /**
   * The padding that was asked for. With rounding "ceil" the last windows may reach further, and padBottom and padRight
   * say how far; what lies beyond the declared border never counts in an average.
   */
  readonly declared: Border;
}

const kernelAndStride: KernelAndStride = { kernel: "kernel", stride: "stride" };

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

function misfit(axis: AxisOptions, span: number, name: "height" | "width"): string {
  const { size, stride, padBefore, padAfter, kernel, dilation } = axis;
  const strideHint = stride <= 9 ? `Use stride ${fittingStride(span, stride)}` : "Change the stride";
  const more = stride - (span % stride);
  const lines = (name === "height" ? "row" : "column") + (more === 1 ? "" : "s");
  const extent = windowExtent(kernel, dilation);
  return (
    `stride ${stride} does not fit the ${name}: (${size} + ${padBefore + padAfter} - ${extent}) = ${span} is not a multiple of ` +
    `${stride}. ${strideHint}, pad ${more} more ${lines}, or set rounding: 'floor'`
  );
}

/** The number of windows along one axis, or a fault. */
function countWindows(axis: AxisOptions, name: "height" | "width", names: WindowNames): number | Fault {
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
export function windowOutput(axis: AxisOptions, name: "height" | "width" = "height", layer = "window"): number {
  const count = countWindows(axis, name, kernelAndStride);
  if (typeof count !== "number") throw new ShapeError(count[0], `${layer}: ${count[1]}`);
  return count;
}

/**
 * Padding before and after along one axis; "same" gives ceil(size / stride) windows, the odd zero at the end, as Keras
 * does.
 */
function resolvePadding(
  padding: Padding,
  axis: 0 | 1,
  size: number,
  extent: number,
  stride: number,
): readonly [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding === "same") {
    const total = Math.max((Math.ceil(size / stride) - 1) * stride + extent - size, 0);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  }
  const side = typeof padding === "number" ? padding : padding[axis];
  return typeof side === "number" ? [side, side] : side;
}

function isPadding(padding: unknown): boolean {
  if (padding === "same" || padding === "valid" || isNatural(padding)) return true;
  const pair = pairOf(padding);
  if (pair === undefined) return false;
  // Two numbers, or two pairs of numbers: a mixture is neither.
  return (
    pair.every(isNatural) || pair.every((side) => Array.isArray(side) && (pairOf(side)?.every(isNatural) ?? false))
  );
}

function isPositivePair(value: unknown): boolean {
  return pairOf(value)?.every(isPositive) ?? false;
}

/** The option that no input could make legal. */
function optionsFault(options: CompleteOptions, names: WindowNames): Fault | undefined {
  const { kernel, stride, dilation, padding, rounding } = options;
  if (!isPositivePair(kernel)) return mustBePositive(names.kernel, kernel);
  if (!isPositivePair(stride)) return mustBePositive("stride", stride);
  if (!isPositivePair(dilation)) return mustBePositive("dilation", dilation);
  if (!isPadding(padding)) {
    const rule = typeof padding === "string" ? "a number, pairs, 'same' or 'valid'" : "whole numbers from 0";
    return ["padding", `padding must be ${rule}, got ${showValue(padding)}`];
  }
  const roundings: readonly unknown[] = ["exact", "floor", "ceil"];
  if (!roundings.includes(rounding)) {
    return ["rounding", `rounding must be 'exact', 'floor' or 'ceil', got ${showValue(rounding)}`];
  }
  return undefined;
}

interface ResolvedAxis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly out: number;
  readonly declared: readonly [before: number, after: number];
}

function resolveAxis(input: Shape, index: 0 | 1, options: CompleteOptions, names: WindowNames): ResolvedAxis | Fault {
  const pick = (pair: Pair): number => (typeof pair === "number" ? pair : pair[index]);
  const size = input[index] ?? 0;
  const kernel = pick(options.kernel);
  const stride = pick(options.stride);
  const dilation = pick(options.dilation);
  const extent = windowExtent(kernel, dilation);
  const [padBefore, padAfter] = resolvePadding(options.padding, index, size, extent, stride);
  // "same" rounds the number of windows up by itself, so nothing is left to round.
  const rounding = options.padding === "same" ? "floor" : options.rounding;
  const name = index === 0 ? "height" : "width";
  const out = countWindows({ size, kernel, stride, dilation, padBefore, padAfter, rounding }, name, names);
  if (typeof out !== "number") return out;
  // The padding that the windows really reach under "ceil": more than declared where the last one overhangs.
  const after = rounding === "ceil" ? Math.max(0, (out - 1) * stride + extent - size - padBefore) : padAfter;
  return { kernel, stride, dilation, before: padBefore, after, out, declared: [padBefore, padAfter] };
}

const isFault = (value: object): value is Fault => Array.isArray(value);

function withDefaults(options: WindowOptions): CompleteOptions {
  const { kernel, stride = 1, padding = 0, dilation = 1, rounding = "exact" } = options;
  return { kernel, stride, padding, dilation, rounding };
}

/** The first option that no input could make legal: what {@link measureWindow} asks before it looks at the input. */
export function windowOptionsFault(options: WindowOptions, names: WindowNames = kernelAndStride): Fault | undefined {
  return optionsFault(withDefaults(options), names);
}

/** The window in plain numbers, or the first fault. What {@link resolveWindow} throws, a rule can look at. */
export function measureWindow(
  input: Shape,
  options: WindowOptions,
  names: WindowNames = kernelAndStride,
): Window | Fault {
  const complete = withDefaults(options);
  const fault = optionsFault(complete, names);
  if (fault !== undefined) return fault;
  const h = resolveAxis(input, 0, complete, names);
  if (isFault(h)) return h;
  const w = resolveAxis(input, 1, complete, names);
  if (isFault(w)) return w;
  return {
    kernelH: h.kernel,
    kernelW: w.kernel,
    strideH: h.stride,
    strideW: w.stride,
    dilationH: h.dilation,
    dilationW: w.dilation,
    padTop: h.before,
    padBottom: h.after,
    padLeft: w.before,
    padRight: w.after,
    outH: h.out,
    outW: w.out,
    declared: { top: h.declared[0], bottom: h.declared[1], left: w.declared[0], right: w.declared[1] },
  };
}

/**
 * Turns a window's options into plain numbers for an input [height, width, ...].
 *
 * @param layer begins the sentence of an error: "conv2d"
 * @param input sizes without the batch; only height and width are read
 * @throws ShapeError with the sentence that the compiler shows where it knows the sizes
 * @example
 * ```ts
 * resolveWindow("conv2d", [32, 32], { kernel: 5, padding: "same", stride: 2 }).outH; // 16
 * ```
 */
export function resolveWindow(
  layer: string,
  input: Shape,
  options: WindowOptions,
  names: WindowNames = kernelAndStride,
): Window {
  const window = measureWindow(input, options, names);
  if (isFault(window)) throw new ShapeError(window[0], `${layer}: ${window[1]}`);
  return window;
}
