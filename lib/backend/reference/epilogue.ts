/** What happens between a float64 product and the float32 result: bias, residual, activation, rounding. */
import { activationCodes } from "../../graph/opSchema.js";
import { activate } from "./activation.js";
import type { Tensor } from "./tensor.js";

export interface Epilogue {
  readonly bias: Tensor | undefined;
  readonly residual: Tensor | undefined;
  readonly activation: number;
  readonly slope: number;
}

export const noEpilogue: Epilogue = {
  bias: undefined,
  residual: undefined,
  activation: activationCodes.none,
  slope: 0,
};

/** Where a product goes: rows of it are pixels of a result from `pixel` on, columns are channels from `channel` on. */
export interface Region {
  readonly pixel: number;
  readonly channel: number;
  readonly rows: number;
  readonly columns: number;
}

/**
 * y = act(values + bias + residual) on a region of y. `values` is row-major with `stride` elements a row, and is
 * overwritten. The residual may share y's memory.
 */
export function storeProduct(
  values: Float64Array,
  stride: number,
  y: Tensor,
  { pixel, channel, rows, columns }: Region,
  { bias, residual, activation, slope }: Epilogue,
): void {
  if (bias !== undefined) {
    for (let i = 0; i < rows; i++) {
      const at = i * stride;
      const from = bias.offset + channel;
      for (let j = 0; j < columns; j++) values[at + j]! += bias.data[from + j]!;
    }
  }
  if (residual !== undefined) {
    for (let i = 0; i < rows; i++) {
      const at = i * stride;
      const from = residual.offset + (pixel + i) * residual.pixelStride + channel;
      for (let j = 0; j < columns; j++) values[at + j]! += residual.data[from + j]!;
    }
  }
  if (activation !== activationCodes.none) activate(values, rows * stride, activation, slope);
  for (let i = 0; i < rows; i++) {
    const at = i * stride;
    const to = y.offset + (pixel + i) * y.pixelStride + channel;
    for (let j = 0; j < columns; j++) y.data[to + j] = values[at + j]!;
  }
}
