// The matrix C of Dumoulin and Visin, "A guide to convolution arithmetic for deep learning" (2016), section 4.1: a
// convolution is linear, so it is y = C x for images written as vectors, and its gradient is dx = C^T dy.
import type { Tensor } from "../data/tensor.js";
import { elementCount, requireTensor } from "../data/tensor.js";
import { ShapeError } from "../errors.js";
import type { Padding, Pair, Rounding, Shape } from "../shape/types.js";
import { allPositive, isPositive, reject, showShape, showValue } from "../shape/values.js";
import { resolveWindow, type Window } from "../shape/window.js";
import { SparseMatrix } from "./sparse.js";

/** Options of {@link convolutionMatrix}: those of the convolution. */
export interface ConvolutionMatrixOptions {
  /** Step of the window: a number, or [height, width]. Default 1. */
  readonly stride?: Pair;
  /** Zeros around the input, as for the layer conv2d. Default 0. */
  readonly padding?: Padding;
  /** Distance between the window's taps. Default 1. */
  readonly dilation?: Pair;
  /** Channel groups. Default 1. */
  readonly groups?: number;
  /** Default "exact": windows that do not tile the input are an error. */
  readonly rounding?: Rounding;
}

/** A filter [kernelHeight, kernelWidth, channels / groups, filters]; or the rows of one for a single channel. */
export type MatrixKernel = Tensor<Shape, Float32Array> | readonly (readonly number[])[];

/** Entries that a matrix may have: a gigabyte of them. */
const mostEntries = 2 ** 27;

const owner = "convolutionMatrix";

function isTensor(kernel: MatrixKernel): kernel is Tensor<Shape, Float32Array> {
  if (Array.isArray(kernel)) return false;
  requireTensor(owner, "kernel", kernel);
  return true;
}

/** The filter as data of [kernelHeight, kernelWidth, channels / groups, filters]. */
function readKernel(kernel: MatrixKernel): {
  readonly shape: readonly [number, number, number, number];
  readonly data: ArrayLike<number>;
} {
  if (!isTensor(kernel)) {
    const width = kernel[0]?.length ?? 0;
    const ragged = kernel.some((row) => !Array.isArray(row) || row.length !== width);
    if (width === 0 || ragged || !kernel.flat().every((value) => typeof value === "number")) {
      throw new ShapeError(
        "kernel",
        `${owner}: kernel must be rows of numbers, all of one length, got ${showValue(kernel)}`,
      );
    }
    return { shape: [kernel.length, width, 1, 1], data: kernel.flat() };
  }
  const { shape, data } = kernel;
  if (shape.length !== 4 || !allPositive(shape) || data.length !== elementCount(shape)) {
    const rule = "[kernelHeight, kernelWidth, channels / groups, filters] with its elements";
    throw new ShapeError("kernel", `${owner}: kernel must be ${rule}, got ${showShape(shape)} with ${data.length}`);
  }
  return { shape: shape as readonly [number, number, number, number], data };
}

function readInput(inputShape: Shape): readonly [height: number, width: number, channels: number] {
  const given: unknown = inputShape;
  if (!Array.isArray(given) || given.length < 2 || given.length > 3 || !allPositive(given)) {
    reject(owner, [
      "inputShape",
      `inputShape must be [height, width] or [height, width, channels], got ${showValue(given)}`,
    ]);
  }
  const [height, width, channels = 1] = inputShape as readonly [number, number, number?];
  return [height, width, channels];
}

/** Calls `visit` with every tap of a window that lies on the image: its number, and its pixel. */
function forEachTap(
  window: Window,
  size: readonly [height: number, width: number],
  output: readonly [y: number, x: number],
  visit: (tap: number, pixel: number) => void,
): void {
  for (let kh = 0; kh < window.kernelH; kh++) {
    const y = output[0] * window.strideH - window.padTop + kh * window.dilationH;
    if (y < 0 || y >= size[0]) continue;
    for (let kw = 0; kw < window.kernelW; kw++) {
      const x = output[1] * window.strideW - window.padLeft + kw * window.dilationW;
      if (x >= 0 && x < size[1]) visit(kh * window.kernelW + kw, y * size[1] + x);
    }
  }
}

/**
 * The sparse matrix C with `y = C x` for a convolution (cross-correlation, as in layers). Images are vectors in their
 * own order, row by row, channels fastest: C has a row for each element of the output, a column for each of the input,
 * and an entry wherever a tap of a window lies on the image. `C.transpose()` maps the gradient of y to that of x.
 *
 * @param kernel [kernelHeight, kernelWidth, channels / groups, filters], or rows of numbers
 * @param inputShape [height, width] or [height, width, channels]
 * @returns outHeight * outWidth * filters rows, height * width * channels columns
 * @throws ShapeError where kernel and input do not fit, or the window, or for more than 2^27 entries
 * @example
 * ```ts
 * const C = convolutionMatrix([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [4, 4]); // 4x16, 36 entries
 * C.multiply(new Float32Array(16).fill(1)); // 45 45 45 45
 * C.transpose().multiply([1, 0, 0, 0]); // the kernel, in the image's upper left corner
 * ```
 */
export function convolutionMatrix(
  kernel: MatrixKernel,
  inputShape: Shape,
  options: ConvolutionMatrixOptions = {},
): SparseMatrix {
  const { shape, data } = readKernel(kernel);
  const [kernelH, kernelW, perGroup, filters] = shape;
  const [height, width, channels] = readInput(inputShape);
  const { stride, padding, dilation, groups = 1, rounding } = options;
  if (!isPositive(groups) || filters % groups !== 0 || perGroup * groups !== channels) {
    reject(owner, [
      "groups",
      `${filters} filters of ${perGroup} channels in ${showValue(groups)} groups do not fit the ${channels} input channels`,
    ]);
  }
  const window = resolveWindow(owner, [height, width], {
    kernel: [kernelH, kernelW],
    stride,
    padding,
    dilation,
    rounding,
  });
  const { outH, outW } = window;
  const rows = outH * outW * filters;
  const columns = height * width * channels;
  const most = rows * kernelH * kernelW * perGroup;
  if (most > mostEntries || columns > mostEntries) {
    reject(owner, [
      "inputShape",
      `the matrix must have ${mostEntries} entries at most, got ${rows}x${columns} with ${most}`,
    ]);
  }

  const rowStarts = new Int32Array(rows + 1);
  const columnIndices = new Int32Array(most);
  const values = new Float32Array(most);
  let row = 0;
  let entry = 0;
  for (let y = 0; y < outH; y++) {
    for (let x = 0; x < outW; x++) {
      for (let filter = 0; filter < filters; filter++) {
        const firstChannel = Math.floor(filter / (filters / groups)) * perGroup;
        forEachTap(window, [height, width], [y, x], (tap, pixel) => {
          for (let c = 0; c < perGroup; c++) {
            columnIndices[entry] = pixel * channels + firstChannel + c;
            values[entry++] = data[(tap * perGroup + c) * filters + filter]!;
          }
        });
        rowStarts[++row] = entry;
      }
    }
  }
  return new SparseMatrix([rows, columns], rowStarts, columnIndices.slice(0, entry), values.slice(0, entry));
}
