/** Activations: y = act(x), and the gradient from y alone. */
import { activationCodes } from "../../graph/opSchema.js";
import type { Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { sumChannels } from "./channelSums.js";
import { spanOf } from "./tensor.js";

/** act(v). NaN propagates: every comparison is false for it and keeps the value. */
export function activated(v: number, activation: number, slope: number): number {
  switch (activation) {
    case activationCodes.relu:
      return v <= 0 ? 0 : v;
    case activationCodes.leakyRelu:
      return v < 0 ? v * slope : v;
    case activationCodes.sigmoid:
      return 1 / (1 + Math.exp(-v));
    case activationCodes.tanh:
      return Math.tanh(v);
    case activationCodes.relu6:
      return v <= 0 ? 0 : v > 6 ? 6 : v;
    default:
      return v;
  }
}

function forward({ x, y }: Operands<"activation">, { activation, slope }: Attributes<"activation">): void {
  const { pixels, channels } = spanOf(x, y);
  for (let p = 0; p < pixels; p++) {
    const from = x.offset + p * x.pixelStride;
    const to = y.offset + p * y.pixelStride;
    for (let c = 0; c < channels; c++) y.data[to + c] = activated(x.data[from + c]!, activation, slope);
  }
}

/**
 * dy * act'(x) from y = act(x). At the kinks of relu, relu6 and leakyRelu the derivative is that of the outer side, as
 * in PyTorch; slope >= 0 makes y <= 0 there and only there. A dead unit passes 0 even where dy is NaN.
 */
export function activationGradient(y: number, dy: number, activation: number, slope: number): number {
  switch (activation) {
    case activationCodes.relu:
      return y <= 0 ? 0 : dy;
    case activationCodes.leakyRelu:
      return y <= 0 ? dy * slope : dy;
    case activationCodes.sigmoid:
      return dy * y * (1 - y);
    case activationCodes.tanh:
      return dy * (1 - y * y);
    case activationCodes.relu6:
      return y <= 0 || y >= 6 ? 0 : dy;
    default:
      return dy;
  }
}

function backward(
  { y, dy, dx, sums }: Operands<"activation.backward">,
  { activation, slope }: Attributes<"activation.backward">,
): void {
  const { pixels, channels } = spanOf(y, dy, dx);
  for (let p = 0; p < pixels; p++) {
    const fromY = y.offset + p * y.pixelStride;
    const fromDy = dy.offset + p * dy.pixelStride;
    const to = dx.offset + p * dx.pixelStride;
    for (let c = 0; c < channels; c++) {
      dx.data[to + c] = activationGradient(y.data[fromY + c]!, dy.data[fromDy + c]!, activation, slope);
    }
  }
  if (sums !== undefined) sumChannels(dx, sums);
}

export const activationKernel: ReferenceKernel<"activation"> = { run: forward };
export const activationBackwardKernel: ReferenceKernel<"activation.backward"> = { run: backward };
