/** Live views of the buffers of a Program: what the reference kernels read and write. */
import type { Buffer } from "../../graph/program.js";

export type TensorData = Float32Array | Int32Array | Uint8Array;

/**
 * A buffer in a run: element [pixel, channel] is `data[offset + pixel * pixelStride + channel]`, where channel runs over
 * the last dimension and pixel over all others. `shape`, `pixels` and `channels` count the live rows only.
 */
export interface Tensor<Data extends TensorData = Float32Array> {
  readonly data: Data;
  readonly offset: number;
  readonly pixelStride: number;
  readonly shape: readonly number[];
  readonly pixels: number;
  readonly channels: number;
}

/** The shape of a buffer when `rows` rows of the batch are live. */
export function liveShape(buffer: Buffer, rows: number): readonly number[] {
  return buffer.batched ? [rows, ...buffer.shape.slice(1)] : buffer.shape;
}

/** Describes a buffer with `rows` live rows over `data`. A rank 1 tensor is one pixel. */
export function viewOf<Data extends TensorData>(buffer: Buffer, data: Data, rows: number): Tensor<Data> {
  const shape = liveShape(buffer, rows);
  const channels = shape[shape.length - 1]!;
  let pixels = 1;
  for (let i = 0; i + 1 < shape.length; i++) pixels *= shape[i]!;
  return { data, offset: buffer.offset, pixelStride: buffer.pixelStride, shape, pixels, channels };
}

/** How an element-wise loop walks: `pixels` runs of `channels` neighbouring elements. */
export interface Span {
  readonly pixels: number;
  readonly channels: number;
}

/** The fewest runs that walk all tensors (of equal shapes) alike: one single run where all are dense. */
export function spanOf(first: Tensor<TensorData>, ...others: readonly Tensor<TensorData>[]): Span {
  const dense = isDense(first) && others.every(isDense);
  return dense
    ? { pixels: 1, channels: first.pixels * first.channels }
    : { pixels: first.pixels, channels: first.channels };
}

function isDense(tensor: Tensor<TensorData>): boolean {
  return tensor.pixelStride === tensor.channels || tensor.pixels === 1;
}

/** Where element number `index`, in row-major order, is in `tensor.data`. */
export function indexOf(tensor: Tensor<TensorData>, index: number): number {
  const pixel = Math.floor(index / tensor.channels);
  return tensor.offset + pixel * tensor.pixelStride + (index - pixel * tensor.channels);
}
