/** Losses: means over the live rows, and their gradients. */
import { StriateError } from "../../errors.js";
import type { Operands, ReferenceKernel } from "./kernel.js";
import { softmaxPixel } from "./softmax.js";
import { indexOf, type Tensor } from "./tensor.js";

/** The label of a pixel of the logits, checked: labels come from outside and address the classes. */
function labelAt(op: string, labels: Tensor<Int32Array>, pixel: number, classes: number): number {
  const label = labels.data[indexOf(labels, pixel)]!;
  if (label < 0 || label >= classes) {
    throw new StriateError(
      "ERR_STRIATE_DATA",
      `${op}: label must be a class from 0 to ${classes - 1} (${classes} classes), got ${label} at index ${pixel}`,
    );
  }
  return label;
}

/** loss = mean over live pixels of logsumexp(logits) - logits[label] */
function crossEntropy({ logits, labels, loss, probabilities }: Operands<"softmaxCrossEntropy">): void {
  let sum = 0;
  for (let p = 0; p < logits.pixels; p++) {
    const label = labelAt("softmaxCrossEntropy", labels, p, logits.channels);
    // Read before the probabilities are written: they may take the place of the logits.
    const logit = logits.data[logits.offset + p * logits.pixelStride + label]!;
    sum += softmaxPixel(logits, probabilities, p) - logit;
  }
  loss.data[loss.offset] = sum / logits.pixels;
}

/** dlogits = (probabilities - onehot(label)) * dloss / live pixels */
function crossEntropyBackward(operands: Operands<"softmaxCrossEntropy.backward">): void {
  const { probabilities, labels, dloss, dlogits } = operands;
  const { pixels, channels } = probabilities;
  const factor = dloss.data[dloss.offset]! / pixels;
  for (let p = 0; p < pixels; p++) {
    const label = labelAt("softmaxCrossEntropy.backward", labels, p, channels);
    const from = probabilities.offset + p * probabilities.pixelStride;
    const to = dlogits.offset + p * dlogits.pixelStride;
    for (let c = 0; c < channels; c++) {
      dlogits.data[to + c] = (probabilities.data[from + c]! - (c === label ? 1 : 0)) * factor;
    }
  }
}

/** loss = mean over live elements of (prediction - target)^2 */
function squaredError({ prediction, target, loss }: Operands<"meanSquaredError">): void {
  const { pixels, channels } = prediction;
  let sum = 0;
  for (let p = 0; p < pixels; p++) {
    const from = prediction.offset + p * prediction.pixelStride;
    const other = target.offset + p * target.pixelStride;
    for (let c = 0; c < channels; c++) sum += (prediction.data[from + c]! - target.data[other + c]!) ** 2;
  }
  loss.data[loss.offset] = sum / (pixels * channels);
}

/** dprediction = 2 * (prediction - target) * dloss / live elements */
function squaredErrorBackward(operands: Operands<"meanSquaredError.backward">): void {
  const { prediction, target, dloss, dprediction } = operands;
  const { pixels, channels } = prediction;
  const factor = (2 * dloss.data[dloss.offset]!) / (pixels * channels);
  for (let p = 0; p < pixels; p++) {
    const from = prediction.offset + p * prediction.pixelStride;
    const other = target.offset + p * target.pixelStride;
    const to = dprediction.offset + p * dprediction.pixelStride;
    for (let c = 0; c < channels; c++) {
      dprediction.data[to + c] = (prediction.data[from + c]! - target.data[other + c]!) * factor;
    }
  }
}

export const softmaxCrossEntropyKernel: ReferenceKernel<"softmaxCrossEntropy"> = { run: crossEntropy };
export const softmaxCrossEntropyBackwardKernel: ReferenceKernel<"softmaxCrossEntropy.backward"> = {
  run: crossEntropyBackward,
};
export const meanSquaredErrorKernel: ReferenceKernel<"meanSquaredError"> = { run: squaredError };
export const meanSquaredErrorBackwardKernel: ReferenceKernel<"meanSquaredError.backward"> = {
  run: squaredErrorBackward,
};
