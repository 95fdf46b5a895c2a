/** Images and sliding windows as the loops see them. */
import type { Tensor } from "./tensor.js";

/** A batch of images, or some channels of it: element [n, h, w, c] at offset + ((n * height + h) * width + w) * pixelStride + c. */
export interface Image {
  readonly data: Float32Array;
  readonly offset: number;
  readonly pixelStride: number;
  readonly samples: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** A tensor [n, h, w, c] as images; `channels` of them from `channel` on. */
export function imageOf(tensor: Tensor, channel = 0, channels = tensor.channels): Image {
  const [samples, height, width] = tensor.shape as [number, number, number];
  const { data, offset, pixelStride } = tensor;
  return { data, offset: offset + channel, pixelStride, samples, height, width, channels };
}

/** Positions of a kernel on an image: output pixel [oh, ow] meets input rows oh * strideH - padTop + kh * dilationH. */
export interface Window {
  readonly kernelH: number;
  readonly kernelW: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly padTop: number;
  readonly padLeft: number;
  readonly dilationH: number;
  readonly dilationW: number;
  readonly outH: number;
  readonly outW: number;
}

/** Of the window at position `start` on an axis of `size` elements: the elements inside, as [first, end). */
export function clip(start: number, kernel: number, size: number): readonly [number, number] {
  return [Math.max(start, 0), Math.min(start + kernel, size)];
}

/** The kernel is one pixel and meets every pixel once: columns and image are the same matrix. */
export function isPointwise(window: Window, image: Image): boolean {
  const { kernelH, kernelW, strideH, strideW, padTop, padLeft, outH, outW } = window;
  return (
    kernelH === 1 &&
    kernelW === 1 &&
    strideH === 1 &&
    strideW === 1 &&
    padTop === 0 &&
    padLeft === 0 &&
    outH === image.height &&
    outW === image.width
  );
}
