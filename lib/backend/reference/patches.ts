/**
 * The patches of a convolution as a left factor of gemm.ts, without storing them: a patch is made of runs of neighbouring
 * elements, and all patches of an image have the same runs. Where windows leave the image, each image is first copied
 * between zeros.
 */
import type { LeftFactor } from "./gemm.js";
import { scratchFloat32, scratchInt32 } from "./scratch.js";
import type { Image, Window } from "./window.js";

/** Samples that were made ready together: all of them, or one between its zeros. */
export interface PatchSource {
  readonly firstSample: number;
  readonly samples: number;
  /** As the images of the samples, but that no window leaves it. */
  readonly image: Image;
}

/** Images that no window leaves, one after the other; each is valid until the next is asked for. */
export function* patchSources(image: Image, window: Window): Generator<PatchSource> {
  const { samples, height, width, channels } = image;
  const { strideH, strideW, padTop, padLeft, dilationH, dilationW, outH, outW } = window;
  const paddedH = (outH - 1) * strideH + (window.kernelH - 1) * dilationH + 1;
  const paddedW = (outW - 1) * strideW + (window.kernelW - 1) * dilationW + 1;
  if (padTop === 0 && padLeft === 0 && paddedH <= height && paddedW <= width) {
    yield { firstSample: 0, samples, image };
    return;
  }
  const data = scratchFloat32("columns", paddedH * paddedW * channels).fill(0, 0, paddedH * paddedW * channels);
  const padded = { data, offset: 0, pixelStride: channels, samples: 1, height: paddedH, width: paddedW, channels };
  const lines = Math.min(height, paddedH - padTop);
  const pixels = Math.min(width, paddedW - padLeft);
  for (let sample = 0; sample < samples; sample++) {
    for (let h = 0; h < lines; h++) {
      const from = image.offset + (sample * height + h) * width * image.pixelStride;
      copyPixels(
        image.data,
        from,
        image.pixelStride,
        data,
        ((h + padTop) * paddedW + padLeft) * channels,
        channels,
        pixels,
      );
    }
    yield { firstSample: sample, samples: 1, image: padded };
  }
}

function copyPixels(
  source: Float32Array,
  from: number,
  pixelStride: number,
  target: Float32Array,
  to: number,
  channels: number,
  pixels: number,
): void {
  if (pixelStride === channels) {
    const length = pixels * channels;
    for (let i = 0; i < length; i++) target[to + i] = source[from + i]!;
    return;
  }
  for (let pixel = 0; pixel < pixels; pixel++, from += pixelStride, to += channels) {
    for (let c = 0; c < channels; c++) target[to + c] = source[from + c]!;
  }
}

/** Patches as rows, taps as columns: output pixels [first, first + rows) of the source, counted over its samples. */
export function patchRows({ image }: PatchSource, window: Window, first: number, rows: number): LeftFactor {
  const { data, height, width, channels, pixelStride } = image;
  const { kernelH, kernelW, strideH, strideW, dilationH, dilationW, outH, outW } = window;
  const perSample = outH * outW;
  const firstSample = Math.floor(first / perSample);
  const sampleStride = height * width * pixelStride;
  const rowStarts = scratchInt32("rowStarts", rows);
  const rest = first - firstSample * perSample;
  let sample = 0;
  let ow = rest % outW;
  let oh = (rest - ow) / outW;
  for (let i = 0; i < rows; i++) {
    rowStarts[i] = sample * sampleStride + (oh * strideH * width + ow * strideW) * pixelStride;
    if (++ow < outW) continue;
    ow = 0;
    if (++oh < outH) continue;
    oh = 0;
    sample++;
  }
  // A row of taps on neighbouring dense pixels is one run; else each tap is.
  const joined = pixelStride === channels && dilationW === 1;
  const runsPerLine = joined ? 1 : kernelW;
  const runLength = joined ? kernelW * channels : channels;
  const runs = kernelH * runsPerLine;
  const runStarts = scratchInt32("runStarts", runs);
  for (let run = 0; run < runs; run++) {
    const kw = run % runsPerLine;
    const kh = (run - kw) / runsPerLine;
    runStarts[run] = (kh * dilationH * width + kw * dilationW) * pixelStride;
  }
  const offset = image.offset + firstSample * sampleStride;
  return { data, offset, rowStarts, runStarts, runs, runLength, step: 1 };
}

/** The transpose: taps as rows, output pixels as columns, for `lines` lines of the output from `first` on. */
export function patchColumns({ image }: PatchSource, window: Window, first: number, lines: number): LeftFactor {
  const { data, height, width, channels, pixelStride } = image;
  const { kernelH, kernelW, strideH, strideW, dilationH, dilationW, outH, outW } = window;
  const rows = kernelH * kernelW * channels;
  const rowStarts = scratchInt32("rowStarts", rows);
  let row = 0;
  for (let kh = 0; kh < kernelH; kh++) {
    for (let kw = 0; kw < kernelW; kw++) {
      const start = (kh * dilationH * width + kw * dilationW) * pixelStride;
      for (let c = 0; c < channels; c++) rowStarts[row++] = start + c;
    }
  }
  const runStarts = scratchInt32("runStarts", lines);
  const firstSample = Math.floor(first / outH);
  let sample = 0;
  let oh = first - firstSample * outH;
  for (let i = 0; i < lines; i++) {
    runStarts[i] = (sample * height + oh * strideH) * width * pixelStride;
    if (++oh < outH) continue;
    oh = 0;
    sample++;
  }
  const offset = image.offset + firstSample * height * width * pixelStride;
  return { data, offset, rowStarts, runStarts, runs: lines, runLength: outW, step: strideW * pixelStride };
}
