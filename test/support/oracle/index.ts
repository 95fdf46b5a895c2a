/** The judge: one float64 oracle per op name of a Program. A meta-test compares these names with the schema. */
import { activation, activationBackward } from "./activation.js";
import { add, channelSum, copy, fill, rescale } from "./arithmetic.js";
import {
  batchNormFold,
  batchNormInference,
  batchNormInferenceBackward,
  batchNormTrain,
  batchNormTrainBackward,
  batchNormUpdateStatistics,
} from "./batchNorm.js";
import { col2im, conv2d, conv2dBackwardFilter, conv2dBackwardInput, im2col } from "./convolution.js";
import { filter2d, filter2dBackwardInput, filter2dBackwardKernel } from "./filter2d.js";
import { meanSquaredError, meanSquaredErrorBackward } from "./loss.js";
import { matmul } from "./matmul.js";
import { avgPool2d, avgPool2dBackward, maxPool2d, maxPool2dBackward } from "./pooling.js";
import { sgd } from "./sgd.js";
import { softmax, softmaxBackward, softmaxCrossEntropy, softmaxCrossEntropyBackward } from "./softmax.js";
import type { Oracle } from "./tensor.js";

export * from "./tensor.js";

export const oracles: Readonly<Record<string, Oracle>> = {
  conv2d,
  "conv2d.backwardInput": conv2dBackwardInput,
  "conv2d.backwardFilter": conv2dBackwardFilter,
  im2col,
  col2im,
  filter2d,
  "filter2d.backwardInput": filter2dBackwardInput,
  "filter2d.backwardKernel": filter2dBackwardKernel,
  matmul,
  maxPool2d,
  "maxPool2d.backward": maxPool2dBackward,
  avgPool2d,
  "avgPool2d.backward": avgPool2dBackward,
  "batchNorm.inference": batchNormInference,
  "batchNorm.inferenceBackward": batchNormInferenceBackward,
  "batchNorm.train": batchNormTrain,
  "batchNorm.trainBackward": batchNormTrainBackward,
  "batchNorm.updateStatistics": batchNormUpdateStatistics,
  "batchNorm.fold": batchNormFold,
  add,
  copy,
  fill,
  rescale,
  channelSum,
  activation,
  "activation.backward": activationBackward,
  softmax,
  "softmax.backward": softmaxBackward,
  softmaxCrossEntropy,
  "softmaxCrossEntropy.backward": softmaxCrossEntropyBackward,
  meanSquaredError,
  "meanSquaredError.backward": meanSquaredErrorBackward,
  sgd,
};
