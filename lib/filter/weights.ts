/** A kernel as a user gives it, made into checked numbers. */
import type { Tensor } from "../data/tensor.js";
import { OptionError } from "../errors.js";
import { showValue } from "../shape/values.js";
import type { Kernel } from "./kernels/grid.js";
import { kernels, type KernelName } from "./kernels/index.js";

/** Rows of numbers, a tensor [height, width] (a learned filter, say), or the name of a built-in kernel with its defaults. */
export type KernelInput = Kernel | Tensor<readonly [height: number, width: number]> | KernelName;

/** Weights in row-major order, in float64. */
export interface Weights {
  readonly height: number;
  readonly width: number;
  readonly values: Float64Array;
}

/** More weights than this would overflow what backends count with, or take an hour for a picture. */
const mostWeights = 2 ** 24;

/**
 * @param owner begins the sentence: "filter"
 * @throws OptionError where the kernel is empty, ragged, holds something else than finite numbers, or there is none of its name
 */
export function weightsOf(owner: string, kernel: KernelInput): Weights {
  if (typeof kernel === "string") {
    if (!Object.hasOwn(kernels, kernel)) {
      const names = Object.keys(kernels).join(", ");
      throw new OptionError("kernel", `${owner}: kernel must be one of ${names}, got ${showValue(kernel)}`);
    }
    return weightsOf(owner, kernels[kernel]());
  }
  const weights = Array.isArray(kernel)
    ? fromRows(owner, kernel as Kernel)
    : fromTensor(owner, kernel as Tensor | null);
  const wrong = weights.values.findIndex((weight) => !Number.isFinite(weight));
  if (wrong >= 0) {
    const [row, column] = [Math.floor(wrong / weights.width), wrong % weights.width];
    const got = showValue(weights.values[wrong]);
    throw new OptionError("kernel", `${owner}: weights must be finite, got ${got} at [${row}, ${column}]`);
  }
  return weights;
}

function fromRows(owner: string, rows: Kernel): Weights {
  const height = rows.length;
  const width = Array.isArray(rows[0]) ? rows[0].length : 0;
  checkSize(owner, height, width);
  rows.forEach((row, i) => {
    if (Array.isArray(row) && row.length === width && row.every((weight) => typeof weight === "number")) return;
    const got = Array.isArray(row) ? showValue(row.slice(0, 8)) : showValue(row);
    throw new OptionError("kernel", `${owner}: rows of a kernel must be ${width} numbers each, got ${got} as row ${i}`);
  });
  return { height, width, values: Float64Array.from(rows.flat()) };
}

function fromTensor(owner: string, kernel: Partial<Tensor> | null): Weights {
  const { shape, data } = kernel ?? {};
  if (!Array.isArray(shape) || shape.length !== 2 || !ArrayBuffer.isView(data)) {
    const got = Array.isArray(shape) ? `a tensor ${showValue(shape)}` : showValue(kernel);
    throw new OptionError("kernel", `${owner}: kernel must be rows of numbers or a tensor [height, width], got ${got}`);
  }
  const [height, width] = shape as [number, number];
  checkSize(owner, height, width);
  if (data.length !== height * width) {
    throw new OptionError(
      "kernel",
      `${owner}: a kernel ${height}x${width} needs ${height * width} weights, got ${data.length}`,
    );
  }
  return { height, width, values: Float64Array.from(data) };
}

function checkSize(owner: string, height: number, width: number): void {
  const counts = [height, width].every((size) => Number.isSafeInteger(size) && size > 0);
  if (counts && height * width <= mostWeights) return;
  throw new OptionError(
    "kernel",
    `${owner}: a kernel must have 1 to ${mostWeights} weights, got ${showValue(height)} rows of ${showValue(width)}`,
  );
}

/** Turned by half a circle: what convolution does to a kernel, and correlation does not. */
export function flipped({ height, width, values }: Weights): Weights {
  return { height, width, values: values.slice().reverse() };
}

/**
 * @throws OptionError where the weights have no sum to divide by
 */
export function normalizedBy(owner: string, weights: Weights, by: "none" | "sum" | "abs"): Weights {
  if (by === "none") return weights;
  const magnitude = weights.values.reduce((total, weight) => total + Math.abs(weight), 0);
  const sum = by === "abs" ? magnitude : weights.values.reduce((total, weight) => total + weight, 0);
  // What is left of weights that cancel is rounding.
  if (Math.abs(sum) <= 1e-12 * magnitude || magnitude === 0) {
    const advice = magnitude === 0 ? "all of its weights are 0" : "its weights cancel: normalize by 'abs'";
    throw new OptionError("normalize", `${owner}: a kernel that sums to 0 cannot be normalized by '${by}'; ${advice}`);
  }
  return { ...weights, values: weights.values.map((weight) => weight / sum) };
}
