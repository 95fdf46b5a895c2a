/** The table of all ops: forgetting one is a compile error here. */
import type { OpName } from "../../graph/opSchema.js";
import { activationBackwardKernel, activationKernel } from "./activation.js";
import { addKernel, channelSumKernel, copyKernel, fillKernel, rescaleKernel } from "./arithmetic.js";
import { avgPool2dBackwardKernel, avgPool2dKernel } from "./avgPool2d.js";
import * as batchNorm from "./batchNorm.js";
import { conv2dBackwardFilterKernel, conv2dBackwardInputKernel, conv2dKernel } from "./conv2d.js";
import { filter2dBackwardInputKernel, filter2dBackwardKernelKernel, filter2dKernel } from "./filter2d.js";
import { col2imKernel, im2colKernel } from "./im2col.js";
import type { ReferenceKernel } from "./kernel.js";
import * as loss from "./loss.js";
import { matmulKernel } from "./matmul.js";
import { maxPool2dBackwardKernel, maxPool2dKernel } from "./maxPool2d.js";
import { sgdKernel } from "./sgd.js";
import { softmaxBackwardKernel, softmaxKernel } from "./softmax.js";

const table: { readonly [Op in OpName]: ReferenceKernel<Op> } = {
  conv2d: conv2dKernel,
  "conv2d.backwardInput": conv2dBackwardInputKernel,
  "conv2d.backwardFilter": conv2dBackwardFilterKernel,
  im2col: im2colKernel,
  col2im: col2imKernel,
  filter2d: filter2dKernel,
  "filter2d.backwardInput": filter2dBackwardInputKernel,
  "filter2d.backwardKernel": filter2dBackwardKernelKernel,
  matmul: matmulKernel,
  maxPool2d: maxPool2dKernel,
  "maxPool2d.backward": maxPool2dBackwardKernel,
  avgPool2d: avgPool2dKernel,
  "avgPool2d.backward": avgPool2dBackwardKernel,
  "batchNorm.inference": batchNorm.batchNormInferenceKernel,
  "batchNorm.inferenceBackward": batchNorm.batchNormInferenceBackwardKernel,
  "batchNorm.train": batchNorm.batchNormTrainKernel,
  "batchNorm.trainBackward": batchNorm.batchNormTrainBackwardKernel,
  "batchNorm.updateStatistics": batchNorm.batchNormUpdateStatisticsKernel,
  "batchNorm.fold": batchNorm.batchNormFoldKernel,
  add: addKernel,
  copy: copyKernel,
  fill: fillKernel,
  rescale: rescaleKernel,
  channelSum: channelSumKernel,
  activation: activationKernel,
  "activation.backward": activationBackwardKernel,
  softmax: softmaxKernel,
  "softmax.backward": softmaxBackwardKernel,
  softmaxCrossEntropy: loss.softmaxCrossEntropyKernel,
  "softmaxCrossEntropy.backward": loss.softmaxCrossEntropyBackwardKernel,
  meanSquaredError: loss.meanSquaredErrorKernel,
  "meanSquaredError.backward": loss.meanSquaredErrorBackwardKernel,
  sgd: sgdKernel,
};

/** The kernel of an op, for callers that know the op only at run time. */
export function kernelOf(op: OpName): ReferenceKernel {
  // Operands and attributes are built from the same schema, which the type of a variable op cannot say.
  return table[op];
}
