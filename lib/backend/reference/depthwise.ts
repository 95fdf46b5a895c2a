/**
 * Depthwise convolution (one input channel per group) and its gradients in plain loops over channels. The filter is
 * [kernelH, kernelW, 1, channels * multiplier]; output channel c * multiplier + m reads input channel c.
 */
import { storeProduct, noEpilogue, type Epilogue } from "./epilogue.js";
import { writePlane } from "./im2col.js";
import { zeroedFloat64 } from "./scratch.js";
import type { Tensor } from "./tensor.js";
import type { Image, Window } from "./window.js";

/** Calls `visit` for each tap of output pixel [sample, oh, ow] that meets the image: pixel numbers of image and filter. */
function forEachTap(
  image: Image,
  { kernelH, kernelW, strideH, strideW, padTop, padLeft, dilationH, dilationW }: Window,
  oh: number,
  ow: number,
  visit: (imagePixel: number, tap: number) => void,
): void {
  for (let kh = 0; kh < kernelH; kh++) {
    const h = oh * strideH - padTop + kh * dilationH;
    if (h < 0 || h >= image.height) continue;
    for (let kw = 0; kw < kernelW; kw++) {
      const w = ow * strideW - padLeft + kw * dilationW;
      if (w >= 0 && w < image.width) visit(h * image.width + w, kh * kernelW + kw);
    }
  }
}

/** Calls `visit` for each output pixel: sample, position, and number counted over all samples. */
function forEachPixel(
  image: Image,
  { outH, outW }: Window,
  visit: (sample: number, oh: number, ow: number, pixel: number) => void,
): void {
  let pixel = 0;
  for (let n = 0; n < image.samples; n++) {
    for (let oh = 0; oh < outH; oh++) {
      for (let ow = 0; ow < outW; ow++) visit(n, oh, ow, pixel++);
    }
  }
}

/** y[n,oh,ow,o] = act(sum over taps x[n,h,w,o/multiplier] * filter[kh,kw,0,o] * scale[o] + bias + residual) */
export function depthwiseForward(image: Image, filter: Tensor, y: Tensor, window: Window, epilogue: Epilogue): void {
  const columns = y.channels;
  const multiplier = columns / image.channels;
  const size = image.height * image.width;
  forEachPixel(image, window, (sample, oh, ow, pixel) => {
    const sums = zeroedFloat64("channels", columns);
    forEachTap(image, window, oh, ow, (imagePixel, tap) => {
      const from = image.offset + (sample * size + imagePixel) * image.pixelStride;
      let weight = filter.offset + tap * filter.pixelStride;
      if (multiplier === 1) {
        for (let c = 0; c < columns; c++) sums[c]! += image.data[from + c]! * filter.data[weight + c]!;
        return;
      }
      for (let c = 0, o = 0; c < image.channels; c++) {
        const value = image.data[from + c]!;
        for (let m = 0; m < multiplier; m++) sums[o++]! += value * filter.data[weight++]!;
      }
    });
    storeProduct(sums, columns, y, { pixel, channel: 0, rows: 1, columns }, epilogue);
  });
}

/** dx[n,h,w,c] = sum over the outputs and multiples that read it of dy * filter; one float64 plane per sample. */
export function depthwiseBackwardInput(dy: Tensor, filter: Tensor, image: Image, window: Window): void {
  const { channels } = image;
  const multiplier = dy.channels / channels;
  const size = image.height * image.width;
  let plane = zeroedFloat64("plane", size * channels);
  const outputs = window.outH * window.outW;
  forEachPixel(image, window, (sample, oh, ow, pixel) => {
    const from = dy.offset + pixel * dy.pixelStride;
    forEachTap(image, window, oh, ow, (imagePixel, tap) => {
      const to = imagePixel * channels;
      const weight = filter.offset + tap * filter.pixelStride;
      for (let c = 0, o = 0; c < channels; c++) {
        let sum = 0;
        for (let m = 0; m < multiplier; m++, o++) sum += dy.data[from + o]! * filter.data[weight + o]!;
        plane[to + c]! += sum;
      }
    });
    if (pixel % outputs === outputs - 1) {
      writePlane(plane, image, sample);
      plane = zeroedFloat64("plane", size * channels);
    }
  });
}

/** dfilter[kh,kw,0,o] = sum over live pixels of x * dy */
export function depthwiseBackwardFilter(image: Image, dy: Tensor, dfilter: Tensor, window: Window): void {
  const columns = dy.channels;
  const multiplier = columns / image.channels;
  const size = image.height * image.width;
  const taps = window.kernelH * window.kernelW;
  const sums = zeroedFloat64("product", taps * columns);
  forEachPixel(image, window, (sample, oh, ow, pixel) => {
    const gradient = dy.offset + pixel * dy.pixelStride;
    forEachTap(image, window, oh, ow, (imagePixel, tap) => {
      const from = image.offset + (sample * size + imagePixel) * image.pixelStride;
      const to = tap * columns;
      for (let c = 0, o = 0; c < image.channels; c++) {
        const value = image.data[from + c]!;
        for (let m = 0; m < multiplier; m++, o++) sums[to + o]! += value * dy.data[gradient + o]!;
      }
    });
  });
  storeProduct(sums, columns, dfilter, { pixel: 0, channel: 0, rows: taps, columns }, noEpilogue);
}
