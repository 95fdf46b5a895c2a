/** Max pooling. Padding never wins; of equal values the first in row-major order does, and a NaN counts as a maximum. */
import { activationCodes } from "../../graph/opSchema.js";
import { activationGradient } from "./activation.js";
import { sumChannels } from "./channelSums.js";
import { writePlane } from "./im2col.js";
import type { Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { scratchFloat32, scratchFloat64, zeroedFloat64 } from "./scratch.js";
import { clip, imageOf } from "./window.js";

function forward({ x, y }: Operands<"maxPool2d">, attributes: Attributes<"maxPool2d">): void {
  const { kernelH, kernelW, strideH, strideW, padTop, padLeft } = attributes;
  const { samples, height, width, channels } = imageOf(x);
  const [, outH, outW] = y.shape as [number, number, number];
  let to = y.offset;
  for (let n = 0; n < samples; n++) {
    for (let oh = 0; oh < outH; oh++) {
      const [top, bottom] = clip(oh * strideH - padTop, kernelH, height);
      for (let ow = 0; ow < outW; ow++, to += y.pixelStride) {
        const [left, right] = clip(ow * strideW - padLeft, kernelW, width);
        // A window always meets the image: its first pixel opens, the others compete.
        const corner = x.offset + ((n * height + top) * width + left) * x.pixelStride;
        for (let c = 0; c < channels; c++) y.data[to + c] = x.data[corner + c]!;
        for (let h = top; h < bottom; h++) {
          for (let w = h === top ? left + 1 : left; w < right; w++) {
            const from = x.offset + ((n * height + h) * width + w) * x.pixelStride;
            for (let c = 0; c < channels; c++) {
              const value = x.data[from + c]!;
              // False only for a value that is neither larger nor NaN; a NaN in y stays.
              if (value > y.data[to + c]! || value !== value) y.data[to + c] = value;
            }
          }
        }
      }
    }
  }
}

/** dx[n,h,w,c] = the dy of all windows whose first maximum it is; one float64 plane per sample. */
function backward(
  { x, dy, dx, sums }: Operands<"maxPool2d.backward">,
  attributes: Attributes<"maxPool2d.backward">,
): void {
  const { kernelH, kernelW, strideH, strideW, padTop, padLeft } = attributes;
  const image = imageOf(dx);
  const { samples, height, width, channels } = image;
  const [, outH, outW] = dy.shape as [number, number, number];
  const best = scratchFloat32("channels", channels);
  const bestPixel = scratchFloat64("secondChannels", channels);
  let gradient = dy.offset;
  for (let n = 0; n < samples; n++) {
    const plane = zeroedFloat64("plane", height * width * channels);
    for (let oh = 0; oh < outH; oh++) {
      const [top, bottom] = clip(oh * strideH - padTop, kernelH, height);
      for (let ow = 0; ow < outW; ow++, gradient += dy.pixelStride) {
        const [left, right] = clip(ow * strideW - padLeft, kernelW, width);
        bestPixel.fill(-1, 0, channels);
        for (let h = top; h < bottom; h++) {
          for (let w = left; w < right; w++) {
            const pixel = h * width + w;
            const from = x.offset + (n * height * width + pixel) * x.pixelStride;
            for (let c = 0; c < channels; c++) {
              const value = x.data[from + c]!;
              const max = best[c]!;
              // The first NaN wins over numbers and keeps its place: nothing compares greater than it.
              if (bestPixel[c]! < 0 || value > max || (value !== value && max === max)) {
                best[c] = value;
                bestPixel[c] = pixel;
              }
            }
          }
        }
        for (let c = 0; c < channels; c++) plane[bestPixel[c]! * channels + c]! += dy.data[gradient + c]!;
      }
    }
    writePlane(plane, image, n);
  }
  const { activation, slope } = attributes;
  if (activation !== activationCodes.none) {
    for (let p = 0; p < dx.pixels; p++) {
      const from = x.offset + p * x.pixelStride;
      const to = dx.offset + p * dx.pixelStride;
      for (let c = 0; c < channels; c++) {
        dx.data[to + c] = activationGradient(x.data[from + c]!, dx.data[to + c]!, activation, slope);
      }
    }
  }
  if (sums !== undefined) sumChannels(dx, sums);
}

export const maxPool2dKernel: ReferenceKernel<"maxPool2d"> = { run: forward };
export const maxPool2dBackwardKernel: ReferenceKernel<"maxPool2d.backward"> = { run: backward };
