// What layers cost, by the lecture's formulas: learned numbers and multiply-adds. The same rules as the layers' own.
import type { Add, Multiply } from "../shape/arithmetic.js";
import { ShapeError } from "../errors.js";
import {
  conv2dShape,
  convolutionMacs,
  depthwiseAsConv2d,
  depthwiseConv2dShape,
  filterShape,
  type Conv2dOptions,
  type Conv2dShape,
  type Conv2dVerdict,
  type DepthwiseConv2dOptions,
  type DepthwiseConv2dShape,
  type DepthwiseConv2dVerdict,
  type FilterSize,
} from "../shape/conv2d.js";
import type {
  Channels,
  Demand,
  DemandArgument,
  HeightOf,
  IsPositive,
  MustBePositive,
  Padding,
  Pair,
  Rounding,
  Shape,
  Size,
  WidthOf,
} from "../shape/types.js";
import { allPositive, isPositive, mustBePositive, reject, showValue, sizeOf } from "../shape/values.js";

/** Learned numbers of a layer; literals where all sizes are. */
export interface ParameterCounts<W extends number = number, B extends number = number> {
  readonly weights: W;
  readonly biases: B;
  readonly total: Add<W, B>;
}

type Biases<U extends number, B extends boolean> = boolean extends B ? number : B extends true ? U : 0;
type OutputPixels<O extends Shape> = O extends readonly [infer H extends number, infer W extends number, number]
  ? Multiply<H, W>
  : number;
/** V's literals, unless the layer is illegal. */
type Legal<Verdict, N extends number> = Verdict extends "ok" ? N : number;

/** A count that a number holds exactly. */
function exact(owner: string, what: string, count: number): number {
  if (Number.isSafeInteger(count)) return count;
  throw new ShapeError("input", `${owner}: ${what} must be 2^53 - 1 at most to be counted exactly, got about ${count}`);
}

function checkShape(owner: string, input: Shape): void {
  const given: unknown = input;
  if (!Array.isArray(given) || given.length === 0 || !allPositive(given)) {
    reject(owner, ["input", `input must be positive whole numbers, got ${showValue(input)}`]);
  }
}

function counts(owner: string, weights: number, outputs: number, useBias: boolean): ParameterCounts {
  const biases = useBias ? outputs : 0;
  const total = exact(owner, "parameters", weights + biases);
  return { weights, biases, total };
}

/** Any convolution's counts and multiply-adds; `output` has been checked by its own rule. */
function convolutionCounts(owner: string, input: Shape, output: Shape, options: Conv2dOptions) {
  const filter = filterShape(input, options);
  return {
    parameters: counts(owner, sizeOf(filter), options.filters, options.useBias ?? true),
    macs: exact(owner, "multiply-adds", convolutionMacs(output, filter)),
  };
}

function ofConv2d(owner: string, input: Shape, options: Conv2dOptions) {
  checkShape(owner, input);
  const output = conv2dShape(owner, input, options);
  return { output, ...convolutionCounts(owner, input, output, options) };
}

function ofDepthwise(owner: string, input: Shape, options: DepthwiseConv2dOptions) {
  checkShape(owner, input);
  const output = depthwiseConv2dShape(owner, input, options);
  return convolutionCounts(owner, input, output, depthwiseAsConv2d(input, options));
}

function ofDense(owner: string, input: Shape, units: number, useBias: boolean): ParameterCounts {
  checkShape(owner, input);
  if (!isPositive(units)) reject(owner, mustBePositive("units", units));
  return counts(owner, exact(owner, "weights", sizeOf(input) * units), units, useBias);
}

/**
 * The learned numbers of a convolution: `kh * kw * channels / groups * filters` weights and a bias for each filter.
 *
 * @param input [height, width, channels]
 * @param options those of the layer conv2d
 * @throws ShapeError where the layer would; while compiling where the sizes are known
 * @example
 * ```ts
 * conv2dParameters([32, 32, 3], { filters: 10, kernel: 5, padding: 2 }); // { weights: 750, biases: 10, total: 760 }
 * ```
 */
export function conv2dParameters<
  const I extends Shape,
  const F extends number,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const G extends number = 1,
  const R extends Rounding = "exact",
  const C extends number = number,
  const B extends boolean = true,
>(
  input: I,
  options: Conv2dOptions<F, K, S, P, D, G, R, C> & { readonly useBias?: B } & Demand<
      Conv2dVerdict<I, F, K, S, P, D, G, R, C>,
      "conv2dParameters"
    >,
): Conv2dVerdict<I, F, K, S, P, D, G, R, C> extends "ok"
  ? ParameterCounts<FilterSize<I, F, K, G>, Biases<F, B>>
  : ParameterCounts {
  const { parameters } = ofConv2d("conv2dParameters", input, options);
  return parameters as ReturnType<typeof conv2dParameters<I, F, K, S, P, D, G, R, C, B>>;
}

/**
 * The multiply-adds of a convolution for one image: its weights, once for each pixel of the output.
 *
 * @param input [height, width, channels]
 * @param options those of the layer conv2d
 * @throws ShapeError where the layer would; while compiling where the sizes are known
 * @example
 * ```ts
 * conv2dMacs([32, 32, 3], { filters: 10, kernel: 5, padding: 2 }); // 768000 = 32 * 32 * 750
 * ```
 */
export function conv2dMacs<
  const I extends Shape,
  const F extends number,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const G extends number = 1,
  const R extends Rounding = "exact",
  const C extends number = number,
>(
  input: I,
  options: Conv2dOptions<F, K, S, P, D, G, R, C> & Demand<Conv2dVerdict<I, F, K, S, P, D, G, R, C>, "conv2dMacs">,
): Conv2dVerdict<I, F, K, S, P, D, G, R, C> extends "ok"
  ? Multiply<OutputPixels<Conv2dShape<I, F, K, S, P, D, R>>, FilterSize<I, F, K, G>>
  : number {
  const { macs } = ofConv2d("conv2dMacs", input, options);
  return macs as ReturnType<typeof conv2dMacs<I, F, K, S, P, D, G, R, C>>;
}

type DepthwiseSize<I extends Shape, K, M extends number> = Multiply<
  Multiply<HeightOf<K>, WidthOf<K>>,
  Multiply<Channels<I>, M>
>;

/**
 * The learned numbers of a depthwise convolution: `kh * kw * channels * depthMultiplier` weights, a bias for each
 * output channel.
 *
 * @param input [height, width, channels]
 * @param options those of the layer depthwiseConv2d
 * @throws ShapeError where the layer would; while compiling where the sizes are known
 * @example
 * ```ts
 * depthwiseConv2dParameters([112, 112, 32], { kernel: 3, padding: 1 }); // { weights: 288, biases: 32, total: 320 }
 * ```
 */
export function depthwiseConv2dParameters<
  const I extends Shape,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const M extends number = 1,
  const R extends Rounding = "exact",
  const B extends boolean = true,
>(
  input: I,
  options: DepthwiseConv2dOptions<K, S, P, D, M, R> & { readonly useBias?: B } & Demand<
      DepthwiseConv2dVerdict<I, K, S, P, D, M, R>,
      "depthwiseConv2dParameters"
    >,
): DepthwiseConv2dVerdict<I, K, S, P, D, M, R> extends "ok"
  ? ParameterCounts<DepthwiseSize<I, K, M>, Biases<Multiply<Channels<I>, M>, B>>
  : ParameterCounts {
  const { parameters } = ofDepthwise("depthwiseConv2dParameters", input, options);
  return parameters as ReturnType<typeof depthwiseConv2dParameters<I, K, S, P, D, M, R, B>>;
}

/**
 * The multiply-adds of a depthwise convolution for one image.
 *
 * @param input [height, width, channels]
 * @param options those of the layer depthwiseConv2d
 * @throws ShapeError where the layer would; while compiling where the sizes are known
 * @example
 * ```ts
 * depthwiseConv2dMacs([112, 112, 32], { kernel: 3, padding: 1 }); // 3612672 = 112 * 112 * 288
 * ```
 */
export function depthwiseConv2dMacs<
  const I extends Shape,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const M extends number = 1,
  const R extends Rounding = "exact",
>(
  input: I,
  options: DepthwiseConv2dOptions<K, S, P, D, M, R> &
    Demand<DepthwiseConv2dVerdict<I, K, S, P, D, M, R>, "depthwiseConv2dMacs">,
): DepthwiseConv2dVerdict<I, K, S, P, D, M, R> extends "ok"
  ? Multiply<OutputPixels<DepthwiseConv2dShape<I, K, S, P, D, M, R>>, DepthwiseSize<I, K, M>>
  : number {
  const { macs } = ofDepthwise("depthwiseConv2dMacs", input, options);
  return macs as ReturnType<typeof depthwiseConv2dMacs<I, K, S, P, D, M, R>>;
}

type UnitsVerdict<U extends number> = IsPositive<U> extends false ? ["units", MustBePositive<"units", U>] : "ok";

/**
 * The learned numbers of a fully connected layer: every output has a weight for every input, and a bias.
 *
 * @param input any shape, flattened
 * @param units number of outputs
 * @param options.useBias default true
 * @throws ShapeError for sizes that count nothing, or counts beyond 2^53 - 1
 * @example
 * ```ts
 * denseParameters([1000, 1000, 3], 1000); // { weights: 3000000000, biases: 1000, total: 3000001000 }
 * ```
 */
export function denseParameters<const I extends Shape, const U extends number, const B extends boolean = true>(
  input: I,
  units: U & DemandArgument<UnitsVerdict<U>, "denseParameters">,
  options: { readonly useBias?: B } = {},
): ParameterCounts<Multiply<Size<I>, U>, Biases<U, B>> {
  const parameters = ofDense("denseParameters", input, units, options.useBias ?? true);
  return parameters as unknown as ReturnType<typeof denseParameters<I, U, B>>;
}

/**
 * The multiply-adds of a fully connected layer for one sample: one for each weight.
 *
 * @param input any shape, flattened
 * @param units number of outputs
 * @throws ShapeError for sizes that count nothing, or counts beyond 2^53 - 1
 * @example
 * ```ts
 * denseMacs([32, 32, 3], 10); // 30720
 * ```
 */
export function denseMacs<const I extends Shape, const U extends number>(
  input: I,
  units: U & DemandArgument<UnitsVerdict<U>, "denseMacs">,
): Multiply<Size<I>, U> {
  return ofDense("denseMacs", input, units, false).weights as Multiply<Size<I>, U>;
}

/** A layer's learned numbers and its multiply-adds for one sample. */
export interface LayerCost<
  W extends number = number,
  B extends number = number,
  M extends number = number,
> extends ParameterCounts<W, B> {
  readonly macs: M;
}

/** What {@link compareDense} found. */
export interface DenseComparison<ConvolutionWeights extends number = number, DenseWeights extends number = number> {
  /** [height, width, filters] of both. */
  readonly output: readonly number[];
  readonly convolution: LayerCost<ConvolutionWeights>;
  /** A fully connected layer between the same shapes. */
  readonly dense: LayerCost<DenseWeights>;
  /** Weights of the dense layer for each one of the convolution. */
  readonly ratio: number;
}

/**
 * A convolution beside the fully connected layer between the same shapes.
 *
 * @param input [height, width, channels]
 * @param options those of the layer conv2d
 * @throws ShapeError where the layer would, or for counts beyond 2^53 - 1
 * @example
 * ```ts
 * const { convolution, dense } = compareDense([32, 32, 3], { filters: 10, kernel: 5, padding: 2 });
 * convolution.weights; // 750
 * dense.weights; // 31457280 = (32 * 32 * 3) * (32 * 32 * 10)
 * ```
 */
export function compareDense<
  const I extends Shape,
  const F extends number,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const G extends number = 1,
  const R extends Rounding = "exact",
  const C extends number = number,
>(
  input: I,
  options: Conv2dOptions<F, K, S, P, D, G, R, C> & Demand<Conv2dVerdict<I, F, K, S, P, D, G, R, C>, "compareDense">,
): DenseComparison<
  Legal<Conv2dVerdict<I, F, K, S, P, D, G, R, C>, FilterSize<I, F, K, G>>,
  Legal<Conv2dVerdict<I, F, K, S, P, D, G, R, C>, Multiply<Size<I>, Size<Conv2dShape<I, F, K, S, P, D, R>>>>
> {
  const plain = options as unknown as Conv2dOptions;
  const { output, parameters, macs } = ofConv2d("compareDense", input, plain);
  const dense = ofDense("compareDense", input, sizeOf(output), plain.useBias ?? true);
  const comparison: DenseComparison = {
    output,
    convolution: { ...parameters, macs },
    dense: { ...dense, macs: dense.weights },
    ratio: dense.weights / parameters.weights,
  };
  return comparison as unknown as ReturnType<typeof compareDense<I, F, K, S, P, D, G, R, C>>;
}
