/** im2col and its adjoint, as ops and as the building blocks of convolution. */
import type { Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { zeroedFloat64 } from "./scratch.js";
import type { Tensor } from "./tensor.js";
import { imageOf, type Image, type Window } from "./window.js";

/** Where output pixel number `pixel`, counted over all samples, is. */
function positionOf(pixel: number, { outH, outW }: Window): { sample: number; oh: number; ow: number } {
  const ow = pixel % outW;
  const line = (pixel - ow) / outW;
  const oh = line % outH;
  return { sample: (line - oh) / outH, oh, ow };
}

/**
 * Writes the patches of output pixels [first, first + rows), counted over all samples: row i of `columns`, `stride`
 * elements a row, holds x[kh, kw, c] for all taps, channel fastest; a tap in the padding gives 0.
 */
export function gatherPatches(
  image: Image,
  window: Window,
  first: number,
  rows: number,
  columns: Float32Array,
  offset: number,
  stride: number,
): void {
  const { data, height, width, channels, pixelStride } = image;
  const { kernelH, kernelW, dilationH, dilationW, outH, outW } = window;
  // A row of taps on neighbouring dense pixels is one run of memory.
  const runs = pixelStride === channels && dilationW === 1;
  const rowLength = kernelW * channels;
  let { sample, oh, ow } = positionOf(first, window);
  for (let i = 0; i < rows; i++, ow++) {
    if (ow === outW) {
      ow = 0;
      if (++oh === outH) {
        oh = 0;
        sample++;
      }
    }
    const left = ow * window.strideW - window.padLeft;
    const inside = left >= 0 && left + (kernelW - 1) * dilationW < width;
    let to = offset + i * stride;
    for (let kh = 0; kh < kernelH; kh++) {
      const h = oh * window.strideH - window.padTop + kh * dilationH;
      if (h < 0 || h >= height) {
        for (const end = to + rowLength; to < end; to++) columns[to] = 0;
        continue;
      }
      const line = image.offset + (sample * height + h) * width * pixelStride;
      if (runs && inside) {
        const from = line + left * pixelStride;
        for (let j = 0; j < rowLength; j++) columns[to + j] = data[from + j]!;
        to += rowLength;
        continue;
      }
      for (let kw = 0; kw < kernelW; kw++, to += channels) {
        const w = left + kw * dilationW;
        if (w < 0 || w >= width) {
          for (let c = 0; c < channels; c++) columns[to + c] = 0;
        } else {
          const from = line + w * pixelStride;
          for (let c = 0; c < channels; c++) columns[to + c] = data[from + c]!;
        }
      }
    }
  }
}

/**
 * The adjoint: sums patches back into images, one sample at a time in a float64 plane. Patches come in the order of
 * output pixels; finish() writes the last sample.
 */
export class PatchScatter {
  private readonly plane: Float64Array;
  private sample = 0;

  constructor(
    private readonly image: Image,
    private readonly window: Window,
  ) {
    this.plane = zeroedFloat64("plane", image.height * image.width * image.channels);
  }

  /** Adds `rows` patches from output pixel `first` on; `patches` has `stride` elements a row. */
  add(first: number, rows: number, patches: Float64Array | Float32Array, offset: number, stride: number): void {
    const { height, width, channels } = this.image;
    const { kernelH, kernelW, strideH, strideW, padTop, padLeft, dilationH, dilationW } = this.window;
    const plane = this.plane;
    for (let i = 0; i < rows; i++) {
      const { sample, oh, ow } = positionOf(first + i, this.window);
      if (sample !== this.sample) this.advanceTo(sample);
      let from = offset + i * stride;
      for (let kh = 0; kh < kernelH; kh++) {
        const h = oh * strideH - padTop + kh * dilationH;
        if (h < 0 || h >= height) {
          from += kernelW * channels;
          continue;
        }
        for (let kw = 0; kw < kernelW; kw++, from += channels) {
          const w = ow * strideW - padLeft + kw * dilationW;
          if (w < 0 || w >= width) continue;
          const to = (h * width + w) * channels;
          for (let c = 0; c < channels; c++) plane[to + c]! += patches[from + c]!;
        }
      }
    }
  }

  finish(): void {
    this.write();
  }

  private advanceTo(sample: number): void {
    this.write();
    this.plane.fill(0, 0, this.image.height * this.image.width * this.image.channels);
    this.sample = sample;
  }

  private write(): void {
    writePlane(this.plane, this.image, this.sample);
  }
}

/** Rounds a float64 plane [height, width, channels] into one sample of an image. */
export function writePlane(plane: Float64Array, image: Image, sample: number): void {
  const { data, channels, pixelStride } = image;
  const pixels = image.height * image.width;
  for (let p = 0; p < pixels; p++) {
    const from = p * channels;
    const to = image.offset + (sample * pixels + p) * pixelStride;
    for (let c = 0; c < channels; c++) data[to + c] = plane[from + c]!;
  }
}

function windowOf(attributes: Attributes<"im2col">, columns: Tensor): Window {
  return { ...attributes, outH: columns.shape[1]!, outW: columns.shape[2]! };
}

function im2col({ x, columns }: Operands<"im2col">, attributes: Attributes<"im2col">): void {
  const window = windowOf(attributes, columns);
  gatherPatches(imageOf(x), window, 0, columns.pixels, columns.data, columns.offset, columns.pixelStride);
}

function col2im({ columns, x }: Operands<"col2im">, attributes: Attributes<"col2im">): void {
  const scatter = new PatchScatter(imageOf(x), windowOf(attributes, columns));
  scatter.add(0, columns.pixels, columns.data, columns.offset, columns.pixelStride);
  scatter.finish();
}

export const im2colKernel: ReferenceKernel<"im2col"> = { run: im2col };
export const col2imKernel: ReferenceKernel<"col2im"> = { run: col2im };
