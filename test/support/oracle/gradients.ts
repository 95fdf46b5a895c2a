/**
 * The gradient of each op that has one, from its operands: what differentiation of a graph must come to. A backward op
 * reads float32 results of the forward op (y, statistics, probabilities); their rounding adds to the tolerance here.
 */
import { activationBackward } from "./activation.js";
import { channelSum } from "./arithmetic.js";
import { batchNormInferenceBackward, batchNormTrain, batchNormTrainBackward } from "./batchNorm.js";
import { col2im, conv2dBackwardFilter, conv2dBackwardInput, im2col } from "./convolution.js";
import { filter2dGradient } from "./filter2d.js";
import { meanSquaredErrorBackward } from "./loss.js";
import { matmul } from "./matmul.js";
import { avgPool2dBackward, maxPool2dBackward } from "./pooling.js";
import { softmaxBackward, softmaxCrossEntropyBackward } from "./softmax.js";
import { type Attributes, type Bounded, channelsOf, type OracleContext, pixelsOf, type Tensor } from "./tensor.js";

/** One entry per operand: undefined where it is absent or has no gradient. `results` are those of the forward oracle. */
export type GradientOracle = (
  operands: readonly (Tensor | undefined)[],
  results: readonly Bounded[],
  dy: Tensor,
  attributes: Attributes,
  context: OracleContext,
) => (Bounded | undefined)[];

function shaped(context: OracleContext, ...shapes: readonly (readonly number[])[]): OracleContext {
  return { ...context, shapes };
}

/** Widens a tolerance by `extra(i)`. */
function widened(gradient: Bounded, extra: (index: number) => number): Bounded {
  return { ...gradient, tolerance: gradient.tolerance.map((t, i) => t + extra(i)) };
}

function passed(dy: Tensor): Bounded {
  return { ...dy, tolerance: new Float64Array(dy.data.length) };
}

const product: GradientOracle = ([a, b, bias], _results, dy, attributes, context) => {
  const ta = attributes["transposeA"]!;
  const tb = attributes["transposeB"]!;
  const of = (left: Tensor, right: Tensor, transposeA: number, transposeB: number, shape: readonly number[]): Bounded =>
    matmul([left, right], { transposeA, transposeB }, shaped(context, shape))[0]!;
  return [
    ta === 1 ? of(b!, dy, tb, 1, a!.shape) : of(dy, b!, 0, 1 - tb, a!.shape),
    tb === 1 ? of(dy, a!, 1, ta, b!.shape) : of(a!, dy, 1 - ta, 0, b!.shape),
    bias && channelSum([dy], {}, context)[0]!,
  ];
};

const batchNormTraining: GradientOracle = ([x, gamma, beta], _results, dy, attributes, context) => {
  const [, mean, variance] = batchNormTrain([x, gamma, beta], attributes, context);
  const [dx, dgamma, dbeta] = batchNormTrainBackward([x, gamma, mean, variance, dy], attributes, context);
  const channels = channelsOf(x!);
  const pixels = pixelsOf(x!);
  // how far the rounded statistics move each normalised value, and the sums over them
  const moved = (i: number): number => {
    const c = i % channels;
    const spread = variance!.data[c]! + attributes["epsilon"]!;
    const deviation = Math.abs(x!.data[i]! - mean!.data[c]!);
    return (mean!.tolerance[c]! + (deviation * variance!.tolerance[c]!) / spread / 2) / Math.sqrt(spread);
  };
  const movedSum = new Float64Array(channels);
  for (let i = 0; i < x!.data.length; i++) movedSum[i % channels]! += Math.abs(dy.data[i]!) * moved(i);
  return [
    widened(dx!, (i) => {
      const c = i % channels;
      const spread = variance!.data[c]! + attributes["epsilon"]!;
      const scale = Math.abs(gamma!.data[c]!) / Math.sqrt(spread);
      const normal = Math.abs(x!.data[i]! - mean!.data[c]!) / Math.sqrt(spread);
      const sums = (moved(i) * Math.abs(dgamma!.data[c]!) + normal * movedSum[c]!) / pixels;
      return scale * sums + (Math.abs(dx!.data[i]!) * variance!.tolerance[c]!) / spread / 2;
    }),
    widened(dgamma!, (c) => movedSum[c]!),
    dbeta,
  ];
};

const fromSoftmax: GradientOracle = (_operands, [y], dy, attributes, context) => {
  const [dx] = softmaxBackward([y, dy], attributes, context);
  const channels = channelsOf(dy);
  return [
    widened(dx!, (i) => {
      const start = i - (i % channels);
      let inner = 0;
      let moved = 0;
      for (let j = start; j < start + channels; j++) {
        inner += y!.data[j]! * dy.data[j]!;
        moved += y!.tolerance[j]! * Math.abs(dy.data[j]!);
      }
      return y!.tolerance[i]! * Math.abs(dy.data[i]! - inner) + y!.data[i]! * moved;
    }),
  ];
};

/** By the name of the forward op. */
export const gradientOracles: Readonly<Record<string, GradientOracle>> = {
  conv2d: ([x, filter, bias], _results, dy, attributes, context) => [
    conv2dBackwardInput([dy, filter], attributes, shaped(context, x!.shape))[0]!,
    conv2dBackwardFilter([x, dy], attributes, shaped(context, filter!.shape))[0]!,
    bias && channelSum([dy], {}, context)[0]!,
  ],
  im2col: ([x], _results, dy, attributes, context) => col2im([dy], attributes, shaped(context, x!.shape)),
  col2im: ([columns], _results, dy, attributes, context) => im2col([dy], attributes, shaped(context, columns!.shape)),
  filter2d: filter2dGradient,
  matmul: product,
  maxPool2d: ([x], _results, dy, attributes, context) =>
    maxPool2dBackward([x, dy], attributes, shaped(context, x!.shape)),
  avgPool2d: ([x], _results, dy, attributes, context) => avgPool2dBackward([dy], attributes, shaped(context, x!.shape)),
  "batchNorm.inference": ([x, gamma, , mean, variance], _results, dy, attributes, context) =>
    batchNormInferenceBackward([x, gamma, mean, variance, dy], attributes, context),
  "batchNorm.train": batchNormTraining,
  add: (_operands, _results, dy) => [passed(dy), passed(dy)],
  rescale: (_operands, _results, dy, attributes, { rounding }) => {
    const scale = attributes["scale"]!;
    const data = dy.data.map((d) => d * scale);
    return [{ shape: dy.shape, data, tolerance: data.map((d) => 2 * rounding.store * Math.abs(d)) }];
  },
  activation: (_operands, [y], dy, attributes, context) => {
    const [dx] = activationBackward([y, dy], attributes, context);
    // |d act'(y) / dy| is at most 1 for sigmoid and 2 for tanh
    const curvature = attributes["activation"] === 3 ? 1 : attributes["activation"] === 4 ? 2 : 0;
    return [widened(dx!, (i) => curvature * y!.tolerance[i]! * Math.abs(dy.data[i]!))];
  },
  softmax: fromSoftmax,
  softmaxCrossEntropy: ([logits, labels], [, probabilities], dy, attributes, context) => {
    const [dlogits] = softmaxCrossEntropyBackward([probabilities, labels, dy], attributes, context);
    const scale = Math.abs(dy.data[0]!) / pixelsOf(logits!);
    return [widened(dlogits!, (i) => probabilities!.tolerance[i]! * scale), undefined];
  },
  meanSquaredError: ([prediction, target], _results, dy, attributes, context) => [
    meanSquaredErrorBackward([prediction, target, dy], attributes, context)[0]!,
    meanSquaredErrorBackward([target, prediction, dy], attributes, context)[0]!,
  ],
};
