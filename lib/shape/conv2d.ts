// The shape rules of convolution and depthwise convolution, on types and on values.
import type { DivideWithRemainder, Multiply } from "./arithmetic.js";
import type {
  Channels,
  Compatible,
  Fault,
  HeightOf,
  IsImage,
  IsPositive,
  MustBePositive,
  NeedsImage,
  Offer,
  OrNumber,
  Padding,
  Pair,
  Rounding,
  Shape,
  ShowShape,
  WidthOf,
} from "./types.js";
import { isPositive, mustBePositive, needsImage, reject, showShape, showValue, sizeOf } from "./values.js";
import { resolveWindow } from "./window.js";
import type { Quotient, WindowHeight, WindowOptionsVerdict, WindowVerdict, WindowWidth } from "./windowTypes.js";

/**
 * How a convolution is computed: the fastest that applies; or an explicit im2col matrix and one product, to compare
 * with; or Winograd's minimal filtering (3x3 at stride 1 only) also where it is not expected to be faster.
 */
export type ConvolutionAlgorithm = "auto" | "im2col" | "winograd";
/** "exact" forbids algorithms that change the rounding of sums, such as Winograd's. */
export type Precision = "fast" | "exact";

/** What convolutions and depthwise convolutions share. */
export interface ConvolutionOptions<K, S, P, D, R> {
  /** Window size: a number, or [height, width]. */
  readonly kernel: K;
  /** Step of the window: a number, or [height, width]. Default 1. */
  readonly stride?: S;
  /**
   * Zeros around the input: a number for each side, [height, width], [[top, bottom], [left, right]], "same" or "valid".
   * Default 0.
   */
  readonly padding?: P | Offer<P, Padding>;
  /** What surrounds the input. Default "zero". */
  readonly paddingMode?: "zero";
  /** Distance between the window's taps: a number, or [height, width]. Default 1. */
  readonly dilation?: D;
  /** What to do where the windows do not tile the padded input. Default "exact", an error. */
  readonly rounding?: R | Offer<R, Rounding>;
  /** Adds a learned number to each output channel. Default true. */
  readonly useBias?: boolean;
  /** Default "auto". */
  readonly algorithm?: ConvolutionAlgorithm;
  /** Default "fast". */
  readonly precision?: Precision;
  /** The name of the parameters, `name.weight` and `name.bias`. Default: the type and a number. */
  readonly name?: string;
}

/** Options of conv2d; the type parameters hold the literals that the shape rule reads. */
export interface Conv2dOptions<
  F = number,
  K = Pair,
  S = Pair,
  P = Padding,
  D = Pair,
  G = number,
  R = Rounding,
  C = number,
> extends ConvolutionOptions<K, S, P, D, R> {
  /** Number of output channels. */
  readonly filters: F;
  /** Number of channel groups; both input channels and filters must be multiples of it. Default 1. */
  readonly groups?: G;
  /** Number of input channels that is expected; checked, never needed. */
  readonly inChannels?: C;
}

/** Options of depthwiseConv2d. */
export interface DepthwiseConv2dOptions<
  K = Pair,
  S = Pair,
  P = Padding,
  D = Pair,
  M = number,
  R = Rounding,
> extends ConvolutionOptions<K, S, P, D, R> {
  /** Number of filters on each channel: output channel c * depthMultiplier + m is filter m on channel c. Default 1. */
  readonly depthMultiplier?: M;
}

type Divides<C extends number, G extends number> = number extends C | G
  ? true
  : G extends 1 | C
    ? true
    : DivideWithRemainder<C, G> extends [number, 0]
      ? true
      : false;

/** "ok", or the option of conv2d at fault. */
export type Conv2dVerdict<
  I extends Shape,
  F extends number,
  K,
  S,
  P,
  D,
  G extends number,
  R extends Rounding,
  C extends number,
> =
  IsImage<I> extends false
    ? ["kernel", NeedsImage<I>]
    : IsPositive<F> extends false
      ? ["filters", MustBePositive<"filters", F>]
      : IsPositive<G> extends false
        ? ["groups", MustBePositive<"groups", G>]
        : Compatible<C, Channels<I>> extends false
          ? ["inChannels", `inChannels is ${C} but the input ${ShowShape<I>} has ${Channels<I>} channels`]
          : Divides<Channels<I>, G> extends false
            ? ["groups", `groups ${G} does not divide the ${Channels<I>} input channels`]
            : Divides<F, G> extends false
              ? ["groups", `groups ${G} does not divide the ${F} filters`]
              : WindowVerdict<I, K, S, P, D, R>;

/** [height, width, filters] */
export type Conv2dShape<I extends Shape, F extends number, K, S, P, D, R extends Rounding> =
  WindowOptionsVerdict<K, S, P, D> extends "ok"
    ? [OrNumber<WindowHeight<I, K, S, P, D, R>>, OrNumber<WindowWidth<I, K, S, P, D, R>>, F]
    : [number, number, F];

/** "ok", or the option of depthwiseConv2d at fault. */
export type DepthwiseConv2dVerdict<I extends Shape, K, S, P, D, M extends number, R extends Rounding> =
  IsImage<I> extends false
    ? ["kernel", NeedsImage<I>]
    : IsPositive<M> extends false
      ? ["depthMultiplier", MustBePositive<"depthMultiplier", M>]
      : WindowVerdict<I, K, S, P, D, R>;

/** [height, width, channels * depthMultiplier] */
export type DepthwiseConv2dShape<I extends Shape, K, S, P, D, M extends number, R extends Rounding> =
  IsPositive<M> extends false ? [number, number, number] : Conv2dShape<I, Multiply<Channels<I>, M>, K, S, P, D, R>;

/** Weights of a convolution's filters: kh * kw * channels / groups * filters. G must divide the channels. */
export type FilterSize<I extends Shape, F extends number, K, G extends number> = Multiply<
  Multiply<HeightOf<K>, WidthOf<K>>,
  Multiply<Quotient<Channels<I>, G>, F>
>;

/**
 * The shape of a convolution's filters: [kernelHeight, kernelWidth, channels / groups, filters].
 *
 * @param input [height, width, channels]
 */
export function filterShape(
  input: Shape,
  options: Pick<Conv2dOptions, "filters" | "kernel" | "groups">,
): [number, number, number, number] {
  const { kernel, filters, groups = 1 } = options;
  const [kernelH, kernelW] = typeof kernel === "number" ? [kernel, kernel] : kernel;
  return [kernelH, kernelW, (input[2] ?? 0) / groups, filters];
}

/** A depthwise convolution seen as a convolution with as many groups as channels. */
export function depthwiseAsConv2d(input: Shape, options: DepthwiseConv2dOptions): Conv2dOptions {
  const { depthMultiplier = 1, ...rest } = options;
  const channels = input[2] ?? 0;
  return { ...rest, filters: channels * depthMultiplier, groups: channels };
}

/**
 * Multiply-adds of a convolution for one sample: every weight is used once at each position of the window.
 *
 * @param output [height, width, filters]
 * @param filter [kernelHeight, kernelWidth, channels / groups, filters]
 */
export function convolutionMacs(output: Shape, filter: Shape): number {
  return (output[0] ?? 0) * (output[1] ?? 0) * sizeOf(filter);
}

function channelsFault(input: Shape, options: Conv2dOptions): Fault | undefined {
  const { filters, groups = 1, inChannels } = options;
  const channels = input[2] ?? 0;
  if (!isPositive(filters)) return mustBePositive("filters", filters);
  if (!isPositive(groups)) return mustBePositive("groups", groups);
  if (inChannels !== undefined && inChannels !== channels) {
    const has = `the input ${showShape(input)} has ${channels} channels`;
    return ["inChannels", `inChannels is ${showValue(inChannels)} but ${has}`];
  }
  if (channels % groups !== 0) return ["groups", `groups ${groups} does not divide the ${channels} input channels`];
  if (filters % groups !== 0) return ["groups", `groups ${groups} does not divide the ${filters} filters`];
  return undefined;
}

/**
 * The output shape of a convolution.
 *
 * @param layer begins the sentence of an error
 * @param input [height, width, channels]
 * @returns [height, width, filters]
 * @throws ShapeError
 * @example
 * ```ts
 * conv2dShape("conv2d", [32, 32, 3], { filters: 10, kernel: 5, padding: 2 }); // [32, 32, 10]
 * ```
 */
export function conv2dShape(layer: string, input: Shape, options: Conv2dOptions): [number, number, number] {
  reject(layer, needsImage("kernel", input));
  reject(layer, channelsFault(input, options));
  const { outH, outW } = resolveWindow(layer, input, options);
  return [outH, outW, options.filters];
}

/**
 * The output shape of a depthwise convolution: each channel is filtered by itself.
 *
 * @param input [height, width, channels]
 * @returns [height, width, channels * depthMultiplier]
 * @throws ShapeError
 */
export function depthwiseConv2dShape(
  layer: string,
  input: Shape,
  options: DepthwiseConv2dOptions,
): [number, number, number] {
  const { depthMultiplier = 1 } = options;
  reject(layer, needsImage("kernel", input));
  if (!isPositive(depthMultiplier)) reject(layer, mustBePositive("depthMultiplier", depthMultiplier));
  const { outH, outW } = resolveWindow(layer, input, options);
  return [outH, outW, (input[2] ?? 0) * depthMultiplier];
}
