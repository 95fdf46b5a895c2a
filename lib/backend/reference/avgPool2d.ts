/** Average pooling with PyTorch's divisor. */
import { writePlane } from "./im2col.js";
import type { Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { zeroedFloat64 } from "./scratch.js";
import { clip, imageOf } from "./window.js";

type Pool = Attributes<"avgPool2d">;

/**
 * What the sum of a window at output [oh, ow] is divided by: its pixels in the image, or with countIncludePad those in
 * the image and its declared padding (a window may reach further where the output size was rounded up).
 */
function divisor(pool: Pool, oh: number, ow: number, height: number, width: number): number {
  const top = oh * pool.strideH - pool.padTop;
  const left = ow * pool.strideW - pool.padLeft;
  if (pool.countIncludePad !== 0) {
    const rows = Math.min(top + pool.kernelH, height + pool.padBottom) - top;
    return rows * (Math.min(left + pool.kernelW, width + pool.padRight) - left);
  }
  const [firstH, endH] = clip(top, pool.kernelH, height);
  const [firstW, endW] = clip(left, pool.kernelW, width);
  return (endH - firstH) * (endW - firstW);
}

function forward({ x, y }: Operands<"avgPool2d">, pool: Pool): void {
  const { samples, height, width, channels } = imageOf(x);
  const [, outH, outW] = y.shape as [number, number, number];
  let to = y.offset;
  for (let n = 0; n < samples; n++) {
    for (let oh = 0; oh < outH; oh++) {
      const [top, bottom] = clip(oh * pool.strideH - pool.padTop, pool.kernelH, height);
      for (let ow = 0; ow < outW; ow++, to += y.pixelStride) {
        const [left, right] = clip(ow * pool.strideW - pool.padLeft, pool.kernelW, width);
        const sums = zeroedFloat64("channels", channels);
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) {
            const from = x.offset + ((n * height + h) * width + w) * x.pixelStride;
            for (let c = 0; c < channels; c++) sums[c]! += x.data[from + c]!;
          }
        }
        const count = divisor(pool, oh, ow, height, width);
        for (let c = 0; c < channels; c++) y.data[to + c] = sums[c]! / count;
      }
    }
  }
}

/** dx[n,h,w,c] = sum of dy / divisor over the windows that hold it; one float64 plane per sample. */
function backward({ dy, dx }: Operands<"avgPool2d.backward">, pool: Pool): void {
  const image = imageOf(dx);
  const { samples, height, width, channels } = image;
  const [, outH, outW] = dy.shape as [number, number, number];
  let from = dy.offset;
  for (let n = 0; n < samples; n++) {
    const plane = zeroedFloat64("plane", height * width * channels);
    for (let oh = 0; oh < outH; oh++) {
      const [top, bottom] = clip(oh * pool.strideH - pool.padTop, pool.kernelH, height);
      for (let ow = 0; ow < outW; ow++, from += dy.pixelStride) {
        const [left, right] = clip(ow * pool.strideW - pool.padLeft, pool.kernelW, width);
        const count = divisor(pool, oh, ow, height, width);
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) {
            const to = (h * width + w) * channels;
            for (let c = 0; c < channels; c++) plane[to + c]! += dy.data[from + c]! / count;
          }
        }
      }
    }
    writePlane(plane, image, n);
  }
}

export const avgPool2dKernel: ReferenceKernel<"avgPool2d"> = { run: forward };
export const avgPool2dBackwardKernel: ReferenceKernel<"avgPool2d.backward"> = { run: backward };
