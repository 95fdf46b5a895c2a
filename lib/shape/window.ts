// The sliding window of convolution and pooling on values: (N + 2P - F) / S + 1 with F = D(K - 1) + 1. windowTypes.ts
// beside this file is the same on types.
import { ShapeError } from "../errors.js";
import { badPadding, isFault, kernelAndStride, resolveAxis, roundingFault } from "./axis.js";
import type { ResolvedAxis } from "./axis.js";
import type { AxisPadding, Fault, Pair, Padding, Rounding, Shape } from "./types.js";
import { isNatural, isPositive, mustBePositive, pairOf } from "./values.js";
import type { WindowNames } from "./windowTypes.js";

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

/** The part of a padding that counts for one axis. */
function paddingOf(padding: Padding, axis: 0 | 1): AxisPadding {
  return typeof padding === "object" ? padding[axis] : padding;
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
  return isPadding(padding) ? roundingFault(rounding) : badPadding(padding);
}

function resolveImageAxis(
  input: Shape,
  index: 0 | 1,
  options: CompleteOptions,
  names: WindowNames,
): ResolvedAxis | Fault {
  const pick = (pair: Pair): number => (typeof pair === "number" ? pair : pair[index]);
  const axis = {
    kernel: pick(options.kernel),
    stride: pick(options.stride),
    dilation: pick(options.dilation),
    padding: paddingOf(options.padding, index),
    rounding: options.rounding,
  };
  return resolveAxis(input[index] ?? 0, axis, index === 0 ? "height" : "width", names);
}

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
  const h = resolveImageAxis(input, 0, complete, names);
  if (isFault(h)) return h;
  const w = resolveImageAxis(input, 1, complete, names);
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
