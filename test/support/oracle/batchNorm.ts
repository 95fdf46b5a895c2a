/** Batch normalisation, PyTorch's meaning: two-pass statistics over all pixels, per channel. */
import { activationBackward, epilogue } from "./activation.js";
import { withChannelSums } from "./channelSums.js";
import {
  type Attributes,
  type Bounded,
  channelsOf,
  flushed,
  type Oracle,
  type OracleContext,
  pixelsOf,
  type Rounding,
  type Tensor,
  zeros,
} from "./tensor.js";

interface Statistics {
  readonly mean: Bounded;
  /** Biased. */
  readonly variance: Bounded;
}

function statisticsOf(x: Tensor, rounding: Rounding): Statistics {
  const channels = channelsOf(x);
  const pixels = pixelsOf(x);
  const mean = zeros([channels]);
  const variance = zeros([channels]);
  for (let c = 0; c < channels; c++) {
    let total = 0;
    let magnitude = 0;
    for (let p = 0; p < pixels; p++) {
      total += x.data[p * channels + c]!;
      magnitude += Math.abs(x.data[p * channels + c]!);
    }
    mean.data[c] = total / pixels;
    // the error of the sum and of the stored mean
    const shift = (pixels * rounding.sum * magnitude) / pixels + 2 * rounding.store * Math.abs(total / pixels);
    mean.tolerance[c] = shift + flushed;
    let squares = 0;
    for (let p = 0; p < pixels; p++) squares += (x.data[p * channels + c]! - mean.data[c]!) ** 2;
    variance.data[c] = squares / pixels;
    // two passes: a mean that is off by `shift` adds shift^2, and each square carries three roundings
    variance.tolerance[c] =
      ((pixels + 1) * rounding.sum + 4 * rounding.store) * variance.data[c]! + 2 * shift * shift + flushed;
  }
  return { mean, variance };
}

/** y = act(x * scale + shift) with scale = gamma / sqrt(variance + epsilon); tolerances of the statistics come along. */
function normalize(
  [x, gamma, beta]: readonly [Tensor, Tensor, Tensor],
  { mean, variance }: Statistics,
  attributes: Attributes,
  rounding: Rounding,
): Bounded {
  const channels = channelsOf(x);
  const y = zeros(x.shape);
  for (let i = 0; i < y.data.length; i++) {
    const c = i % channels;
    const spread = variance.data[c]! + attributes["epsilon"]!;
    const scale = gamma.data[c]! / Math.sqrt(spread);
    const relative = variance.tolerance[c]! / spread / 2 + 4 * rounding.store;
    const deviation = x.data[i]! - mean.data[c]!;
    y.data[i] = deviation * scale + beta.data[c]!;
    // x * scale + (beta - mean * scale) is as legitimate as (x - mean) * scale + beta: so |x| + |mean|, not |x - mean|
    y.tolerance[i] =
      Math.abs(scale) * (mean.tolerance[c]! + relative * Math.abs(deviation)) +
      3 *
        rounding.store *
        (Math.abs(scale) * (Math.abs(x.data[i]!) + Math.abs(mean.data[c]!)) + Math.abs(beta.data[c]!)) +
      flushed;
  }
  return epilogue(y, attributes, rounding);
}

function exact(tensor: Tensor): Bounded {
  return { ...tensor, tolerance: new Float64Array(tensor.data.length) };
}

export const batchNormInference: Oracle = ([x, gamma, beta, mean, variance], attributes, { rounding }) => [
  normalize([x!, gamma!, beta!], { mean: exact(mean!), variance: exact(variance!) }, attributes, rounding),
];

export const batchNormTrain: Oracle = ([x, gamma, beta], attributes, { rounding }) => {
  const statistics = statisticsOf(x!, rounding);
  return [normalize([x!, gamma!, beta!], statistics, attributes, rounding), statistics.mean, statistics.variance];
};

/** dgamma = Σ dy * xhat and dbeta = Σ dy, shared by both backward ops. */
function parameterGradients(
  [x, mean, variance, dy]: readonly [Tensor, Tensor, Tensor, Tensor],
  epsilon: number,
  rounding: Rounding,
): { readonly dgamma: Bounded; readonly dbeta: Bounded } {
  const channels = channelsOf(x);
  const pixels = pixelsOf(x);
  const dgamma = zeros([channels]);
  const dbeta = zeros([channels]);
  for (let c = 0; c < channels; c++) {
    const inverse = 1 / Math.sqrt(variance.data[c]! + epsilon);
    let magnitudeGamma = 0;
    let magnitudeBeta = 0;
    for (let i = c; i < x.data.length; i += channels) {
      const d = dy.data[i]!;
      dgamma.data[c]! += d * (x.data[i]! - mean.data[c]!) * inverse;
      dbeta.data[c]! += d;
      magnitudeGamma += Math.abs(d) * (Math.abs(x.data[i]!) + Math.abs(mean.data[c]!)) * inverse;
      magnitudeBeta += Math.abs(d);
    }
    dgamma.tolerance[c] = ((pixels + 1) * rounding.sum + 4 * rounding.store) * magnitudeGamma + pixels * flushed;
    dbeta.tolerance[c] = pixels * rounding.sum * magnitudeBeta + rounding.store * Math.abs(dbeta.data[c]!) + flushed;
  }
  return { dgamma, dbeta };
}

export const batchNormInferenceBackward: Oracle = ([x, gamma, mean, variance, dy], attributes, { rounding }) => {
  const epsilon = attributes["epsilon"]!;
  const channels = channelsOf(x!);
  const { dgamma, dbeta } = parameterGradients([x!, mean!, variance!, dy!], epsilon, rounding);
  const dx = zeros(x!.shape);
  for (let i = 0; i < dx.data.length; i++) {
    const c = i % channels;
    dx.data[i] = (dy!.data[i]! * gamma!.data[c]!) / Math.sqrt(variance!.data[c]! + epsilon);
    dx.tolerance[i] = 6 * rounding.store * Math.abs(dx.data[i]!) + flushed;
  }
  return [dx, dgamma, dbeta];
};

/** The gradient before the activation that is fused, which is computed from y again; its error where y is near a kink. */
function beforeActivation(
  [x, gamma, mean, variance, dy, beta]: readonly (Tensor | undefined)[],
  attributes: Attributes,
  context: OracleContext,
): Bounded {
  const kind = attributes["activation"] ?? 0;
  const slope = attributes["slope"] ?? 0;
  if (kind === 0) return exact(dy!);
  const statistics = { mean: exact(mean!), variance: exact(variance!) };
  const pre = normalize([x!, gamma!, beta!], statistics, { ...attributes, activation: 0 }, context.rounding);
  const kinks = kind === 5 ? [0, 6] : kind === 1 || kind === 2 ? [0] : [];
  const steepest = kind === 2 ? Math.abs(1 - slope) : 1;
  const unsure = pre.data.map((value, i) => (kinks.some((at) => Math.abs(value - at) <= pre.tolerance[i]!) ? 1 : 0));
  const y = epilogue(pre, attributes, context.rounding);
  const [before] = activationBackward([y, dy], attributes, { ...context, shapes: context.shapes.slice(0, 1) });
  const curvature = kind === 3 ? 1 : kind === 4 ? 2 : 0;
  for (let i = 0; i < before!.data.length; i++) {
    before!.tolerance[i]! += (unsure[i]! * steepest + curvature * y.tolerance[i]!) * Math.abs(dy!.data[i]!);
  }
  return before!;
}

export const batchNormTrainBackward: Oracle = (operands, attributes, context) => {
  const [x, gamma, mean, variance] = operands;
  const { rounding } = context;
  const dy = beforeActivation(operands, attributes, context);
  const epsilon = attributes["epsilon"]!;
  const channels = channelsOf(x!);
  const pixels = pixelsOf(x!);
  const { dgamma, dbeta } = parameterGradients([x!, mean!, variance!, dy], epsilon, rounding);
  for (let i = 0; i < dy.data.length; i++) {
    const c = i % channels;
    const inverse = 1 / Math.sqrt(variance!.data[c]! + epsilon);
    dbeta.tolerance[c]! += dy.tolerance[i]!;
    dgamma.tolerance[c]! += dy.tolerance[i]! * Math.abs(x!.data[i]! - mean!.data[c]!) * inverse;
  }
  const dx = zeros(x!.shape);
  for (let i = 0; i < dx.data.length; i++) {
    const c = i % channels;
    const inverse = 1 / Math.sqrt(variance!.data[c]! + epsilon);
    const normal = (x!.data[i]! - mean!.data[c]!) * inverse;
    const normalMagnitude = (Math.abs(x!.data[i]!) + Math.abs(mean!.data[c]!)) * inverse;
    const scale = gamma!.data[c]! * inverse;
    dx.data[i] = scale * (dy.data[i]! - dbeta.data[c]! / pixels - (normal * dgamma.data[c]!) / pixels);
    const terms =
      Math.abs(dy.data[i]!) + (Math.abs(dbeta.data[c]!) + normalMagnitude * Math.abs(dgamma.data[c]!)) / pixels;
    const carried = dy.tolerance[i]! + (dbeta.tolerance[c]! + normalMagnitude * dgamma.tolerance[c]!) / pixels;
    dx.tolerance[i] = Math.abs(scale) * (8 * rounding.store * terms + carried) + flushed;
  }
  return withChannelSums([dx, dgamma, dbeta], context);
};

/** A single value has no unbiased variance: where PyTorch refuses it, its biased one (0) counts. */
export const batchNormUpdateStatistics: Oracle = (
  [mean, variance, runningMean, runningVariance],
  attributes,
  context,
) => {
  const momentum = attributes["momentum"]!;
  const count = context.rows * attributes["pixelsPerRow"]!;
  const blend = (batch: Tensor, running: Tensor, factor: number): Bounded => {
    const result = zeros(running.shape);
    for (let c = 0; c < result.data.length; c++) {
      const old = (1 - momentum) * running.data[c]!;
      const fresh = momentum * factor * batch.data[c]!;
      result.data[c] = old + fresh;
      result.tolerance[c] = 5 * context.rounding.store * (Math.abs(running.data[c]!) + Math.abs(fresh)) + flushed;
    }
    return result;
  };
  return [blend(mean!, runningMean!, 1), blend(variance!, runningVariance!, count > 1 ? count / (count - 1) : 1)];
};

export const batchNormFold: Oracle = ([bias, gamma, beta, mean, variance], attributes, { rounding }) => {
  const scale = zeros(gamma!.shape);
  const shift = zeros(gamma!.shape);
  for (let o = 0; o < channelsOf(gamma!); o++) {
    const factor = gamma!.data[o]! / Math.sqrt(variance!.data[o]! + attributes["epsilon"]!);
    scale.data[o] = factor;
    scale.tolerance[o] = 5 * rounding.store * Math.abs(factor) + flushed;
    const old = bias === undefined ? 0 : bias.data[o]!;
    shift.data[o] = (old - mean!.data[o]!) * factor + beta!.data[o]!;
    const terms = (Math.abs(old) + Math.abs(mean!.data[o]!)) * Math.abs(factor) + Math.abs(beta!.data[o]!);
    shift.tolerance[o] = 6 * rounding.store * terms + flushed;
  }
  return [scale, shift];
};
