/** Softmax along the last axis. */
import type { Operands, ReferenceKernel } from "./kernel.js";
import type { Tensor } from "./tensor.js";

/**
 * Writes the softmax of one pixel of x into y and returns log(sum(exp(x))). Shifted by the maximum, so that nothing
 * overflows; a NaN in x makes the whole pixel NaN.
 */
export function softmaxPixel(x: Tensor, y: Tensor, pixel: number): number {
  const from = x.offset + pixel * x.pixelStride;
  const to = y.offset + pixel * y.pixelStride;
  let max = -Infinity;
  for (let c = 0; c < x.channels; c++) if (x.data[from + c]! > max) max = x.data[from + c]!;
  let sum = 0;
  for (let c = 0; c < x.channels; c++) sum += Math.exp(x.data[from + c]! - max);
  for (let c = 0; c < x.channels; c++) y.data[to + c] = Math.exp(x.data[from + c]! - max) / sum;
  return max + Math.log(sum);
}

function forward({ x, y }: Operands<"softmax">): void {
  for (let p = 0; p < x.pixels; p++) softmaxPixel(x, y, p);
}

/** dx = y * (dy - sum over channels of y * dy) */
function backward({ y, dy, dx }: Operands<"softmax.backward">): void {
  for (let p = 0; p < y.pixels; p++) {
    const fromY = y.offset + p * y.pixelStride;
    const fromDy = dy.offset + p * dy.pixelStride;
    const to = dx.offset + p * dx.pixelStride;
    let sum = 0;
    for (let c = 0; c < y.channels; c++) sum += y.data[fromY + c]! * dy.data[fromDy + c]!;
    for (let c = 0; c < y.channels; c++) dx.data[to + c] = y.data[fromY + c]! * (dy.data[fromDy + c]! - sum);
  }
}

export const softmaxKernel: ReferenceKernel<"softmax"> = { run: forward };
export const softmaxBackwardKernel: ReferenceKernel<"softmax.backward"> = { run: backward };
