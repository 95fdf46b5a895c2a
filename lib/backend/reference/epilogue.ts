/** What happens between a float64 product and the float32 result: scale, bias, residual, activation, rounding. */
import { activationCodes } from "../../graph/opSchema.js";
import { activated } from "./activation.js";
import type { Tensor } from "./tensor.js";

export interface Epilogue {
  /** The factor of each column of the filter, which multiplies the whole sum as well. */
  readonly scale: Tensor | undefined;
  readonly bias: Tensor | undefined;
  readonly residual: Tensor | undefined;
  readonly activation: number;
  readonly slope: number;
}

export const noEpilogue: Epilogue = {
  scale: undefined,
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
 * y = act(values * scale + bias + residual) on a region of y. `values` is row-major with `stride` elements a row. The residual
 * may share y's memory.
 */
export function storeProduct(
  values: Float64Array,
  stride: number,
  y: Tensor,
  { pixel, channel, rows, columns }: Region,
  { scale, bias, residual, activation, slope }: Epilogue,
): void {
  const to = y.data;
  const factor = scale?.data;
  const factorFrom = (scale?.offset ?? 0) + channel;
  const shift = bias?.data;
  const shiftFrom = (bias?.offset ?? 0) + channel;
  const added = residual?.data;
  for (let i = 0; i < rows; i++) {
    const at = i * stride;
    const start = y.offset + (pixel + i) * y.pixelStride + channel;
    const addedFrom = residual === undefined ? 0 : residual.offset + (pixel + i) * residual.pixelStride + channel;
    for (let j = 0; j < columns; j++) {
      let value = values[at + j]!;
      if (factor !== undefined) value *= factor[factorFrom + j]!;
      if (shift !== undefined) value += shift[shiftFrom + j]!;
      if (added !== undefined) value += added[addedFrom + j]!;
      to[start + j] = activated(value, activation, slope);
    }
  }
}
