/** y = act(op(a) * op(b) * scale + bias + residual): one blocked product, in tiles of rows and of columns. */
import { storeProduct } from "./epilogue.js";
import { leftFactor, multiplyAdd, rightFactor, roundUpToTile, tileSize, type Matrix } from "./gemm.js";
import type { AlgorithmChoice, Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { zeroedFloat64 } from "./scratch.js";
import type { Tensor } from "./tensor.js";

const tileRows = 128;
/** Elements of b that are packed at a time (8 MiB): the largest dense layers would otherwise double their memory. */
const packedElements = 1 << 20;

function matrixOf({ data, offset, pixelStride }: Tensor, transpose: number): Matrix {
  return transpose !== 0
    ? { data, offset, rowStride: 1, columnStride: pixelStride }
    : { data, offset, rowStride: pixelStride, columnStride: 1 };
}

function run({ a, b, bias, residual, scale, y }: Operands<"matmul">, attributes: Attributes<"matmul">): void {
  const left = matrixOf(a, attributes.transposeA);
  const right = matrixOf(b, attributes.transposeB);
  const depth = attributes.transposeA !== 0 ? a.pixels : a.channels;
  const epilogue = { scale, bias, residual, activation: attributes.activation, slope: attributes.slope };
  const block = Math.max(roundUpToTile(Math.floor(packedElements / depth)), 4 * tileSize);
  for (let channel = 0; channel < y.channels; channel += block) {
    const columns = Math.min(block, y.channels - channel);
    const stride = roundUpToTile(columns);
    const part = { ...right, offset: right.offset + channel * right.columnStride };
    const factor = rightFactor(part, depth, columns, y.pixels);
    for (let pixel = 0; pixel < y.pixels; pixel += tileRows) {
      const rows = Math.min(tileRows, y.pixels - pixel);
      const product = zeroedFloat64("product", roundUpToTile(rows) * stride);
      const from = { ...left, offset: left.offset + pixel * left.rowStride };
      multiplyAdd(leftFactor(from, rows, depth), rows, factor, product);
      storeProduct(product, stride, y, { pixel, channel, rows, columns }, epilogue);
    }
  }
}

function choose({ a, y }: Operands<"matmul">, { transposeA }: Attributes<"matmul">): AlgorithmChoice {
  const depth = transposeA !== 0 ? a.pixels : a.channels;
  return {
    algorithm: "blockedGemm",
    declined: [],
    scratchBytes: 8 * Math.min(depth * roundUpToTile(y.channels), packedElements),
  };
}

export const matmulKernel: ReferenceKernel<"matmul"> = { run, choose };
