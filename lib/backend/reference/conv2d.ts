/**
 * Convolution and its two gradients. With patches as rows of a matrix ("columns", pixels x taps) and the filter as a
 * matrix (taps x output channels), per group:
 *
 *   y       = columns * filter                  [pixels x taps] [taps x out]
 *   columns'= dy * transposed filter            [pixels x out]  [out x taps], scattered back into dx
 *   dfilter = transposed columns * dy           [taps x pixels] [pixels x out]
 *
 * All three go through the one product of gemm.ts. Columns are read out of the image (patches.ts); `algorithm: "im2col"`
 * stores the whole matrix instead, as the textbooks do.
 */
import { algorithmCodes } from "../../graph/opSchema.js";
import { depthwiseBackwardFilter, depthwiseBackwardInput, depthwiseForward } from "./depthwise.js";
import { noEpilogue, storeProduct } from "./epilogue.js";
import { leftFactor, multiplyAdd, rightFactor, roundUpToTile, tileSize, type LeftFactor, type Matrix } from "./gemm.js";
import { gatherPatches, PatchScatter } from "./im2col.js";
import { patchColumns, patchRows, patchSources } from "./patches.js";
import type { AlgorithmChoice, Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { scratchFloat32, zeroedFloat64 } from "./scratch.js";
import type { Tensor } from "./tensor.js";
import { imageOf, isPointwise, type Image, type Window } from "./window.js";

/** Elements of a tile of columns, had they been stored: their image stays in the second-level cache. */
const tileElements = 32768;
/** Output pixels of one pass of a filter gradient: a panel of four channels takes as many times 32 bytes. */
const pixelsPerPass = 1024;

interface Geometry {
  readonly window: Window;
  readonly groups: number;
  /** Input and output channels of a group. */
  readonly inChannels: number;
  readonly outChannels: number;
  /** Rows of the filter matrix: kernelH * kernelW * inChannels. */
  readonly taps: number;
  /** Output pixels over all live samples. */
  readonly pixels: number;
  /** Output pixels whose columns are computed at a time. */
  readonly tileRows: number;
  readonly wholeMatrix: boolean;
}

function geometryOf(filter: Tensor, y: Tensor, attributes: Attributes<"conv2d.backwardInput">): Geometry {
  const [kernelH, kernelW, inChannels] = filter.shape as [number, number, number];
  const [, outH, outW] = y.shape as [number, number, number];
  const { groups } = attributes;
  const taps = kernelH * kernelW * inChannels;
  const tile = Math.floor(tileElements / taps / tileSize) * tileSize;
  const { strideH, strideW, padTop, padLeft, dilationH, dilationW } = attributes;
  return {
    window: { kernelH, kernelW, strideH, strideW, padTop, padLeft, dilationH, dilationW, outH, outW },
    groups,
    inChannels,
    outChannels: y.channels / groups,
    taps,
    pixels: y.pixels,
    tileRows: Math.min(Math.max(tile, 4 * tileSize), 512, roundUpToTile(y.pixels)),
    wholeMatrix: attributes.algorithm === algorithmCodes.im2col,
  };
}

/** Depthwise: products with one row of taps and one column would be all overhead. */
function isDepthwise(filter: Tensor, { groups, algorithm }: Attributes<"conv2d.backwardInput">): boolean {
  return groups > 1 && filter.shape[2] === 1 && algorithm !== algorithmCodes.im2col;
}

/** Some output pixels, counted over all samples, and their patches as a left factor. */
interface PatchTile {
  readonly pixel: number;
  readonly pixels: number;
  readonly left: LeftFactor;
}

function wholeColumns(image: Image, { window, taps, pixels }: Geometry): Matrix {
  const data = scratchFloat32("columns", pixels * taps);
  gatherPatches(image, window, 0, pixels, data, 0, taps);
  return { data, offset: 0, rowStride: taps, columnStride: 1 };
}

/** All pixels, with patches as rows. A tile is valid until the next is asked for. */
function* tilesByRow(image: Image, geometry: Geometry): Generator<PatchTile> {
  const { window, taps, tileRows, wholeMatrix } = geometry;
  if (wholeMatrix) {
    const columns = wholeColumns(image, geometry);
    for (let pixel = 0; pixel < geometry.pixels; pixel += tileRows) {
      const pixels = Math.min(tileRows, geometry.pixels - pixel);
      yield { pixel, pixels, left: leftFactor({ ...columns, offset: pixel * taps }, pixels, taps) };
    }
    return;
  }
  const perSample = window.outH * window.outW;
  for (const source of patchSources(image, window)) {
    const count = source.samples * perSample;
    for (let first = 0; first < count; first += tileRows) {
      const pixels = Math.min(tileRows, count - first);
      const left = patchRows(source, window, first, pixels);
      yield { pixel: source.firstSample * perSample + first, pixels, left };
    }
  }
}

/** All pixels, with patches as columns. A tile is valid until the next is asked for. */
function* tilesByColumn(image: Image, geometry: Geometry): Generator<PatchTile> {
  const { window, taps, wholeMatrix } = geometry;
  const { outH, outW } = window;
  if (wholeMatrix) {
    const columns = transposed(wholeColumns(image, geometry));
    for (let pixel = 0; pixel < geometry.pixels; pixel += pixelsPerPass) {
      const pixels = Math.min(pixelsPerPass, geometry.pixels - pixel);
      yield { pixel, pixels, left: leftFactor({ ...columns, offset: pixel * taps }, taps, pixels) };
    }
    return;
  }
  const most = Math.max(1, Math.floor(pixelsPerPass / outW));
  for (const source of patchSources(image, window)) {
    const count = source.samples * outH;
    for (let first = 0; first < count; first += most) {
      const lines = Math.min(most, count - first);
      const left = patchColumns(source, window, first, lines);
      yield { pixel: (source.firstSample * outH + first) * outW, pixels: lines * outW, left };
    }
  }
}

/** The filter of one group as a matrix [taps x outChannels]. */
function filterMatrix(filter: Tensor, group: number, outChannels: number): Matrix {
  const { data, offset, pixelStride } = filter;
  return { data, offset: offset + group * outChannels, rowStride: pixelStride, columnStride: 1 };
}

function transposed({ data, offset, rowStride, columnStride }: Matrix): Matrix {
  return { data, offset, rowStride: columnStride, columnStride: rowStride };
}

/** Pixels from `first` on of one group's channels as a matrix [rows x outChannels]. */
function pixelMatrix(y: Tensor, first: number, channel: number): Matrix {
  const { data, offset, pixelStride } = y;
  return { data, offset: offset + first * pixelStride + channel, rowStride: pixelStride, columnStride: 1 };
}

function forward({ x, filter, bias, residual, scale, y }: Operands<"conv2d">, attributes: Attributes<"conv2d">): void {
  const geometry = geometryOf(filter, y, attributes);
  const epilogue = { scale, bias, residual, activation: attributes.activation, slope: attributes.slope };
  if (isDepthwise(filter, attributes)) {
    depthwiseForward(imageOf(x), filter, y, geometry.window, epilogue);
    return;
  }
  const { inChannels, outChannels, taps, pixels } = geometry;
  const stride = roundUpToTile(outChannels);
  for (let group = 0; group < geometry.groups; group++) {
    const right = rightFactor(filterMatrix(filter, group, outChannels), taps, outChannels, pixels);
    for (const tile of tilesByRow(imageOf(x, group * inChannels, inChannels), geometry)) {
      const rows = tile.pixels;
      const product = zeroedFloat64("product", roundUpToTile(rows) * stride);
      multiplyAdd(tile.left, rows, right, product);
      const region = { pixel: tile.pixel, channel: group * outChannels, rows, columns: outChannels };
      storeProduct(product, stride, y, region, epilogue);
    }
  }
}

function backwardInput(
  { dy, filter, dx }: Operands<"conv2d.backwardInput">,
  attributes: Attributes<"conv2d.backwardInput">,
): void {
  const geometry = geometryOf(filter, dy, attributes);
  if (isDepthwise(filter, attributes)) {
    depthwiseBackwardInput(dy, filter, imageOf(dx), geometry.window);
    return;
  }
  const { window, inChannels, outChannels, taps, pixels, wholeMatrix } = geometry;
  const tileRows = wholeMatrix ? pixels : geometry.tileRows;
  const stride = roundUpToTile(taps);
  for (let group = 0; group < geometry.groups; group++) {
    const image = imageOf(dx, group * inChannels, inChannels);
    const right = rightFactor(transposed(filterMatrix(filter, group, outChannels)), outChannels, taps, pixels);
    const scatter = isPointwise(window, image) && !wholeMatrix ? undefined : new PatchScatter(image, window);
    for (let pixel = 0; pixel < pixels; pixel += tileRows) {
      const rows = Math.min(tileRows, pixels - pixel);
      const product = zeroedFloat64("product", roundUpToTile(rows) * stride);
      const left = leftFactor(pixelMatrix(dy, pixel, group * outChannels), rows, outChannels);
      multiplyAdd(left, rows, right, product);
      if (scatter !== undefined) scatter.add(pixel, rows, product, 0, stride);
      else storeProduct(product, stride, dx, { pixel, channel: group * inChannels, rows, columns: taps }, noEpilogue);
    }
    scatter?.finish();
  }
}

function backwardFilter(
  { x, dy, dfilter }: Operands<"conv2d.backwardFilter">,
  attributes: Attributes<"conv2d.backwardFilter">,
): void {
  const geometry = geometryOf(dfilter, dy, attributes);
  if (isDepthwise(dfilter, attributes)) {
    depthwiseBackwardFilter(imageOf(x), dy, dfilter, geometry.window);
    return;
  }
  const { inChannels, outChannels, taps } = geometry;
  const stride = roundUpToTile(outChannels);
  for (let group = 0; group < geometry.groups; group++) {
    const channel = group * outChannels;
    // The sum over pixels runs tile by tile into one float64 matrix of the filter's size.
    const product = zeroedFloat64("product", roundUpToTile(taps) * stride);
    for (const { pixel, pixels, left } of tilesByColumn(imageOf(x, group * inChannels, inChannels), geometry)) {
      multiplyAdd(left, taps, rightFactor(pixelMatrix(dy, pixel, channel), pixels, outChannels, taps), product);
    }
    storeProduct(product, stride, dfilter, { pixel: 0, channel, rows: taps, columns: outChannels }, noEpilogue);
  }
}

/** The ordered list: im2col if asked for, loops where depthwise, else the blocked product. */
function choose(filter: Tensor, y: Tensor, attributes: Attributes<"conv2d.backwardInput">): AlgorithmChoice {
  const { groups, algorithm } = attributes;
  const { taps, pixels } = geometryOf(filter, y, attributes);
  if (algorithm === algorithmCodes.im2col) {
    return { algorithm: "im2col", declined: [], scratchBytes: 4 * taps * pixels };
  }
  const declined = ["im2col: not asked for"];
  if (isDepthwise(filter, attributes)) return { algorithm: "loops", declined };
  declined.push(`loops: ${groups === 1 ? "one group" : `${filter.shape[2]!} input channels per group`}`);
  return { algorithm: "blockedGemm", declined };
}

type AnyOperands = Operands<"conv2d"> | Operands<"conv2d.backwardInput"> | Operands<"conv2d.backwardFilter">;

function chooseFor(operands: AnyOperands, attributes: Attributes<"conv2d.backwardInput">): AlgorithmChoice {
  const filter = "filter" in operands ? operands.filter : operands.dfilter;
  return choose(filter, "y" in operands ? operands.y : operands.dy, attributes);
}

export const conv2dKernel: ReferenceKernel<"conv2d"> = { run: forward, choose: chooseFor };
export const conv2dBackwardInputKernel: ReferenceKernel<"conv2d.backwardInput"> = {
  run: backwardInput,
  choose: chooseFor,
};
export const conv2dBackwardFilterKernel: ReferenceKernel<"conv2d.backwardFilter"> = {
  run: backwardFilter,
  choose: chooseFor,
};
