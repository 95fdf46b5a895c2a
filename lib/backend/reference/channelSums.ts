/** Sums over pixels, one per channel: the gradient of a bias. */
import { zeroedFloat64 } from "./scratch.js";
import type { Tensor } from "./tensor.js";

/** y[c] = sum over live pixels of x[., c] */
export function sumChannels(x: Tensor, y: Tensor): void {
  const sums = zeroedFloat64("channels", x.channels);
  for (let p = 0; p < x.pixels; p++) {
    const from = x.offset + p * x.pixelStride;
    for (let c = 0; c < x.channels; c++) sums[c]! += x.data[from + c]!;
  }
  for (let c = 0; c < x.channels; c++) y.data[y.offset + c] = sums[c]!;
}
