/**
 * Batch normalisation over the last dimension: y = act((x - mean) * gamma / sqrt(variance + epsilon) + beta), where
 * mean and variance are given (inference) or those of the live pixels (train).
 */
import { activationCodes } from "../../graph/opSchema.js";
import { activated, activationGradient } from "./activation.js";
import { sumChannels } from "./channelSums.js";
import type { Attributes, KernelContext, Operands, ReferenceKernel } from "./kernel.js";
import { zeroedFloat64 } from "./scratch.js";
import type { Tensor } from "./tensor.js";

/** Element `c` of a tensor [channels]. */
function at({ data, offset }: Tensor, c: number): number {
  return data[offset + c]!;
}

interface Affine {
  readonly activation: number;
  readonly slope: number;
  /** Of each channel: x is multiplied by scale[c], after mean[c] was subtracted. */
  readonly scale: Float64Array;
  readonly mean: (c: number) => number;
}

function normalise(x: Tensor, y: Tensor, beta: Tensor, { activation, slope, scale, mean }: Affine): void {
  for (let c = 0; c < x.channels; c++) {
    const centre = mean(c);
    const factor = scale[c]!;
    const shift = at(beta, c);
    let from = x.offset + c;
    let to = y.offset + c;
    for (let p = 0; p < x.pixels; p++, from += x.pixelStride, to += y.pixelStride) {
      y.data[to] = activated((x.data[from]! - centre) * factor + shift, activation, slope);
    }
  }
}

function inference(
  { x, gamma, beta, mean, variance, y }: Operands<"batchNorm.inference">,
  { epsilon, activation, slope }: Attributes<"batchNorm.inference">,
): void {
  const scale = zeroedFloat64("channels", x.channels);
  for (let c = 0; c < x.channels; c++) scale[c] = at(gamma, c) / Math.sqrt(at(variance, c) + epsilon);
  normalise(x, y, beta, { activation, slope, scale, mean: (c) => at(mean, c) });
}

/** Two passes, so that a large mean costs no digits of the variance. */
function train(
  { x, gamma, beta, y, mean, variance }: Operands<"batchNorm.train">,
  { epsilon, activation, slope }: Attributes<"batchNorm.train">,
): void {
  const { channels, pixels, data, pixelStride } = x;
  const means = zeroedFloat64("channels", channels);
  const scale = zeroedFloat64("secondChannels", channels);
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let p = 0, from = x.offset + c; p < pixels; p++, from += pixelStride) sum += data[from]!;
    const centre = sum / pixels;
    let squares = 0;
    for (let p = 0, from = x.offset + c; p < pixels; p++, from += pixelStride) squares += (data[from]! - centre) ** 2;
    means[c] = centre;
    scale[c] = at(gamma, c) / Math.sqrt(squares / pixels + epsilon);
    mean.data[mean.offset + c] = centre;
    variance.data[variance.offset + c] = squares / pixels;
  }
  normalise(x, y, beta, { activation, slope, scale, mean: (c) => means[c]! });
}

/** Gradient of one element of batch norm's result, from its x and the gradient behind the activation. */
type Through = (x: number, dy: number) => number;
const unchanged: Through = (_, dy) => dy;

/** Sums over the live pixels of one channel: of dy, and of dy * (x - mean). */
function gradientSums(
  x: Tensor,
  dy: Tensor,
  mean: number,
  c: number,
  through = unchanged,
): readonly [sum: number, weighted: number] {
  let sum = 0;
  let weighted = 0;
  let fromX = x.offset + c;
  let fromDy = dy.offset + c;
  for (let p = 0; p < x.pixels; p++, fromX += x.pixelStride, fromDy += dy.pixelStride) {
    const value = x.data[fromX]!;
    const gradient = through(value, dy.data[fromDy]!);
    sum += gradient;
    weighted += gradient * (value - mean);
  }
  return [sum, weighted];
}

/** With x' = (x - mean) * inverse: dbeta = sum dy, dgamma = sum dy * x', dx = dy * gamma * inverse. */
function inferenceBackward(
  { x, gamma, mean, variance, dy, dx, dgamma, dbeta }: Operands<"batchNorm.inferenceBackward">,
  { epsilon }: Attributes<"batchNorm.inferenceBackward">,
): void {
  for (let c = 0; c < x.channels; c++) {
    const inverse = 1 / Math.sqrt(at(variance, c) + epsilon);
    const [sum, weighted] = gradientSums(x, dy, at(mean, c), c);
    dbeta.data[dbeta.offset + c] = sum;
    dgamma.data[dgamma.offset + c] = weighted * inverse;
    const factor = at(gamma, c) * inverse;
    let from = dy.offset + c;
    let to = dx.offset + c;
    for (let p = 0; p < x.pixels; p++, from += dy.pixelStride, to += dx.pixelStride) {
      dx.data[to] = dy.data[from]! * factor;
    }
  }
}

/** Mean and variance depend on x too: dx = gamma * inverse * (dy - mean of dy - x' * mean of dy * x'). */
function trainBackward(
  { x, gamma, mean, variance, dy, beta, dx, dgamma, dbeta, sums }: Operands<"batchNorm.trainBackward">,
  { epsilon, activation, slope: leak }: Attributes<"batchNorm.trainBackward">,
): void {
  const { pixels } = x;
  for (let c = 0; c < x.channels; c++) {
    const centre = at(mean, c);
    const inverse = 1 / Math.sqrt(at(variance, c) + epsilon);
    const factor = at(gamma, c) * inverse;
    const shift = beta === undefined ? 0 : at(beta, c);
    const through: Through =
      activation === activationCodes.none
        ? unchanged
        : (value, gradient) => {
            const y = activated((value - centre) * factor + shift, activation, leak);
            return activationGradient(y, gradient, activation, leak);
          };
    const [sum, weighted] = gradientSums(x, dy, centre, c, through);
    dbeta.data[dbeta.offset + c] = sum;
    dgamma.data[dgamma.offset + c] = weighted * inverse;
    const meanGradient = sum / pixels;
    const slope = (weighted * inverse * inverse) / pixels;
    let fromX = x.offset + c;
    let fromDy = dy.offset + c;
    let to = dx.offset + c;
    for (let p = 0; p < pixels; p++, fromX += x.pixelStride, fromDy += dy.pixelStride, to += dx.pixelStride) {
      const value = x.data[fromX]!;
      dx.data[to] = factor * (through(value, dy.data[fromDy]!) - meanGradient - (value - centre) * slope);
    }
  }
  if (sums !== undefined) sumChannels(dx, sums);
}

/** running = (1 - momentum) * running + momentum * batch, the variance unbiased; in place on State. */
function updateStatistics(
  {
    batchMean,
    batchVariance,
    runningMean,
    runningVariance,
    newMean,
    newVariance,
  }: Operands<"batchNorm.updateStatistics">,
  { momentum, pixelsPerRow }: Attributes<"batchNorm.updateStatistics">,
  { rows }: KernelContext,
): void {
  const count = rows * pixelsPerRow;
  // One value has no spread to estimate: its biased variance, 0, is kept instead of 0 / 0.
  const unbiased = count > 1 ? count / (count - 1) : 1;
  for (let c = 0; c < newMean.channels; c++) {
    newMean.data[newMean.offset + c] = (1 - momentum) * at(runningMean, c) + momentum * at(batchMean, c);
    newVariance.data[newVariance.offset + c] =
      (1 - momentum) * at(runningVariance, c) + momentum * at(batchVariance, c) * unbiased;
  }
}

/** filter' = filter * s, bias' = (bias - mean) * s + beta with s = gamma / sqrt(variance + epsilon) per output channel. */
function fold(operands: Operands<"batchNorm.fold">, { epsilon }: Attributes<"batchNorm.fold">): void {
  const { bias, gamma, beta, mean, variance, scale, shift } = operands;
  for (let c = 0; c < gamma.channels; c++) {
    const factor = at(gamma, c) / Math.sqrt(at(variance, c) + epsilon);
    const old = bias === undefined ? 0 : at(bias, c);
    scale.data[scale.offset + c] = factor;
    shift.data[shift.offset + c] = (old - at(mean, c)) * factor + at(beta, c);
  }
}

export const batchNormInferenceKernel: ReferenceKernel<"batchNorm.inference"> = { run: inference };
export const batchNormInferenceBackwardKernel: ReferenceKernel<"batchNorm.inferenceBackward"> = {
  run: inferenceBackward,
};
export const batchNormTrainKernel: ReferenceKernel<"batchNorm.train"> = { run: train };
export const batchNormTrainBackwardKernel: ReferenceKernel<"batchNorm.trainBackward"> = { run: trainBackward };
export const batchNormUpdateStatisticsKernel: ReferenceKernel<"batchNorm.updateStatistics"> = { run: updateStatistics };
export const batchNormFoldKernel: ReferenceKernel<"batchNorm.fold"> = { run: fold };
