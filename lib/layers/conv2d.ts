// conv2d and depthwiseConv2d: the second is the first with as many groups as channels.
import { conv2d as conv2dOp } from "../ops/conv2d.js";
import { conv2dShape, convolutionMacs, depthwiseAsConv2d, depthwiseConv2dShape, filterShape } from "../shape/conv2d.js";
import type {
  Conv2dOptions,
  Conv2dShape,
  Conv2dVerdict,
  DepthwiseConv2dOptions,
  DepthwiseConv2dShape,
  DepthwiseConv2dVerdict,
} from "../shape/conv2d.js";
import type { Padding, Pair, Rounding, Shape } from "../shape/types.js";
import { resolveWindow } from "../shape/window.js";
import { only, present } from "./definition.js";
import type { LayerDefinition, ParameterSpec } from "./definition.js";
import { windowFormula } from "./formula.js";
import { defineLayer } from "./layer.js";
import type { Layer, Rule, ShapeIn, VerdictOf } from "./layer.js";
import { flag, judged, oneOf, readOptions } from "./options.js";

const common = {
  kernel: judged(),
  stride: judged(1),
  padding: judged(0),
  paddingMode: oneOf("zero"),
  dilation: judged(1),
  rounding: judged("exact"),
  useBias: flag(true),
  algorithm: oneOf("auto", "im2col", "winograd"),
  precision: oneOf("fast", "exact"),
};

/** Filter [kh, kw, in / groups, out] and bias [out]. */
function filterAndBias(input: Shape, options: Conv2dOptions): ParameterSpec[] {
  const { groups = 1, useBias = true } = options;
  const shape = filterShape(input, options);
  const [kernelH, kernelW, channelsPerGroup, filters] = shape;
  const fanIn = kernelH * kernelW * channelsPerGroup;
  const fanOut = (kernelH * kernelW * filters) / groups;
  const weight: ParameterSpec = {
    name: "weight",
    shape,
    initializer: { kind: "heNormal", fanIn, fanOut },
    trainable: true,
    role: "weight",
  };
  const bias: ParameterSpec = {
    name: "bias",
    shape: [filters],
    initializer: { kind: "zeros", fanIn, fanOut },
    trainable: true,
    role: "bias",
  };
  return useBias ? [weight, bias] : [weight];
}

/** Both layers, seen as a convolution with groups. */
function convolution<Options extends Conv2dOptions | DepthwiseConv2dOptions, Type extends string>(
  type: Type,
  toConv2d: (input: Shape, options: Options) => Conv2dOptions,
  own: Pick<LayerDefinition<Options>, "checkOptions" | "outputShape">,
): LayerDefinition<Options, Type> {
  const read = (inputs: readonly Shape[], options: Options) => {
    const input = only(inputs);
    const conv = toConv2d(input, options);
    return { input, conv, window: resolveWindow(type, input, conv) };
  };
  return {
    type,
    ...own,
    parameters: (inputs, options) => {
      const { input, conv } = read(inputs, options);
      return filterAndBias(input, conv);
    },
    macs: (inputs, output, options) => {
      const { input, conv } = read(inputs, options);
      return convolutionMacs(output, filterShape(input, conv));
    },
    sees: (inputs, options) => read(inputs, options).window,
    formula: (inputs, options) => {
      const { window, input, conv } = read(inputs, options);
      return windowFormula(window, input, conv.padding, conv.rounding);
    },
    emit: (inputs, { weight, bias }, options) => {
      const x = only(inputs);
      const conv = toConv2d(x.shape.slice(1), options);
      const { stride, padding, dilation, groups, rounding, algorithm, precision } = conv;
      return conv2dOp(x, present(weight, type, "weight"), {
        ...{ bias, stride, padding, dilation, groups, rounding, algorithm, precision },
      });
    },
  };
}

/** Convolution with learned filters. */
export const conv2dDefinition = convolution("conv2d", (_: Shape, options: Conv2dOptions) => options, {
  checkOptions: (options) =>
    readOptions("conv2d", options, {
      filters: judged(),
      ...common,
      groups: judged(1),
      inChannels: judged(),
    }) as unknown as Conv2dOptions,
  outputShape: (inputs, options, label) => conv2dShape(label, only(inputs), options),
});

/** A convolution of each channel by itself. */
export const depthwiseConv2dDefinition = convolution("depthwiseConv2d", depthwiseAsConv2d, {
  checkOptions: (options) =>
    readOptions("depthwiseConv2d", options, {
      ...common,
      depthMultiplier: judged(1),
    }) as unknown as DepthwiseConv2dOptions,
  outputShape: (inputs, options, label) => depthwiseConv2dShape(label, only(inputs), options),
});

/** The shape rule of {@link conv2d}. */
export interface Conv2dRule<
  F extends number,
  K,
  S,
  P,
  D,
  G extends number,
  R extends Rounding,
  C extends number,
> extends Rule {
  readonly out: Conv2dShape<ShapeIn<this>, F, K, S, P, D, R>;
  readonly verdict: VerdictOf<Conv2dVerdict<ShapeIn<this>, F, K, S, P, D, G, R, C>>;
}

/** The shape rule of {@link depthwiseConv2d}. */
export interface DepthwiseConv2dRule<K, S, P, D, M extends number, R extends Rounding> extends Rule {
  readonly out: DepthwiseConv2dShape<ShapeIn<this>, K, S, P, D, M, R>;
  readonly verdict: VerdictOf<DepthwiseConv2dVerdict<ShapeIn<this>, K, S, P, D, M, R>>;
}

/**
 * A convolution that waits for an input [height, width, channels] and gives [height, width, filters]. Like every
 * framework's, it correlates: the filter is not flipped.
 *
 * @throws OptionError for an unknown option
 * @example
 * ```ts
 * const stem = stack(conv2d({ filters: 16, kernel: 3, padding: "same" }), relu());
 * sequential([8, 8, 1]).apply(stem); // Net<[8, 8, 1], [8, 8, 16]>
 * ```
 */
export function conv2d<
  const F extends number,
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const G extends number = 1,
  const R extends Rounding = "exact",
  const C extends number = number,
>(options: Conv2dOptions<F, K, S, P, D, G, R, C>): Layer<"conv2d", Conv2dRule<F, K, S, P, D, G, R, C>> {
  return defineLayer(conv2dDefinition, options);
}

/**
 * A depthwise convolution that waits for an input [height, width, channels] and gives
 * [height, width, channels * depthMultiplier].
 *
 * @throws OptionError for an unknown option
 * @example
 * ```ts
 * const separable = stack(depthwiseConv2d({ kernel: 3, padding: "same" }), conv2d({ filters: 32, kernel: 1 }));
 * ```
 */
export function depthwiseConv2d<
  const K extends Pair,
  const S extends Pair = 1,
  const P extends Padding = 0,
  const D extends Pair = 1,
  const M extends number = 1,
  const R extends Rounding = "exact",
>(options: DepthwiseConv2dOptions<K, S, P, D, M, R>): Layer<"depthwiseConv2d", DepthwiseConv2dRule<K, S, P, D, M, R>> {
  return defineLayer(depthwiseConv2dDefinition, options);
}
