/**
 * The one matrix product of the reference backend: c += a * b with float32 factors and a float64 result.
 *
 * b is packed into panels of four columns, depth fastest, converted to float64 on the way (so each value is converted
 * once and not once per row). a is read where it lies, through any row and column stride, which makes transposition
 * free. The inner loop keeps a 4 x 4 tile of c in registers: 16 accumulators for 8 loads. Measured on Zen 3 with
 * Node 20: 4.5 GFLOP/s; tiles of 3 x 4, 4 x 3 and 6 x 2 are no faster, and float32 panels cost a fifth.
 */
import { addDotProducts, addMultiplesOfRows } from "./gemv.js";
import { scratchFloat64 } from "./scratch.js";

/** A float32 matrix inside an array: element [i, j] is `data[offset + i * rowStride + j * columnStride]`. */
export interface Matrix {
  readonly data: Float32Array;
  readonly offset: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

/** The right factor of a product, packed where that pays. */
export interface RightFactor {
  readonly matrix: Matrix;
  /** Rows of b. */
  readonly depth: number;
  readonly columns: number;
  /** [panel of 4 columns][depth][4], zeros in the missing columns of the last panel; undefined: read in place. */
  readonly panels: Float64Array | undefined;
}

/** Rows and columns of the register tile. */
export const tileSize = 4;
/** Depth of one pass: 4 columns of it (8 KiB) and the rows of a that meet them stay in the first-level cache. */
const depthBlock = 256;

export function roundUpToTile(n: number): number {
  return Math.ceil(n / tileSize) * tileSize;
}

/**
 * Prepares b for products with `rows` rows in all. Packing reads b once, which only three or more rows repay: fewer
 * read b in place. The panels are scratch: at most one packed factor is alive at a time.
 */
export function rightFactor(matrix: Matrix, depth: number, columns: number, rows: number): RightFactor {
  if (rows < tileSize) return { matrix, depth, columns, panels: undefined };
  const panels = scratchFloat64("packed", depth * roundUpToTile(columns));
  for (let column = 0; column < columns; column += tileSize) {
    packPanel(matrix, column, Math.min(tileSize, columns - column), depth, panels);
  }
  return { matrix, depth, columns, panels };
}

function packPanel(b: Matrix, column: number, width: number, depth: number, panels: Float64Array): void {
  const { data, rowStride, columnStride } = b;
  let to = column * depth;
  let from = b.offset + column * columnStride;
  if (width === tileSize) {
    const second = columnStride;
    const third = 2 * columnStride;
    const fourth = 3 * columnStride;
    for (let k = 0; k < depth; k++, from += rowStride, to += 4) {
      panels[to] = data[from]!;
      panels[to + 1] = data[from + second]!;
      panels[to + 2] = data[from + third]!;
      panels[to + 3] = data[from + fourth]!;
    }
    return;
  }
  for (let k = 0; k < depth; k++, from += rowStride, to += 4) {
    for (let j = 0; j < 4; j++) panels[to + j] = j < width ? data[from + j * columnStride]! : 0;
  }
}

/**
 * c[i, j] += sum over k of a[i, k] * b[k, j] for i < rows. c is row-major with `roundUpToTile(columns)` elements a row,
 * and has room for `roundUpToTile(rows)` rows: the surplus rows and columns receive unspecified values.
 */
export function multiplyAdd(a: Matrix, rows: number, b: RightFactor, c: Float64Array): void {
  const { depth, columns, panels } = b;
  if (panels === undefined) {
    const { data, offset, rowStride, columnStride } = b.matrix;
    const along = columnStride === 1 ? addMultiplesOfRows : addDotProducts;
    for (let i = 0; i < rows; i++) {
      const from = a.offset + i * a.rowStride;
      const at = i * roundUpToTile(columns);
      along(a.data, from, a.columnStride, data, offset, rowStride, columnStride, depth, columns, c, at);
    }
    return;
  }
  const stride = roundUpToTile(columns);
  for (let k = 0; k < depth; k += depthBlock) {
    const count = Math.min(depthBlock, depth - k);
    const from = a.offset + k * a.columnStride;
    for (let column = 0; column < columns; column += tileSize) {
      const panel = column * depth + k * tileSize;
      // A last panel of one or two columns takes a tile of half the width: 6, 10 or 18 columns are common.
      const tile = columns - column > 2 ? multiplyTile4x4 : multiplyTile4x2;
      for (let row = 0; row < rows; row += tileSize) {
        const start = from + row * a.rowStride;
        const at = row * stride + column;
        tile(a.data, start, a.rowStride, a.columnStride, rows - row, panels, panel, count, c, at, stride);
      }
    }
  }
}

/**
 * Adds to the 4 x 4 tile of c at `at`. Rows past the last read the last one again, which keeps the loop whole. The
 * tile's size is spelled out, and operands are no objects: V8 would load an exported constant in every turn of the loop (a
 * seventh of the time), and give up on objects that were made in different places.
 */
function multiplyTile4x4(
  data: Float32Array,
  from: number,
  rowStride: number,
  step: number,
  rows: number,
  panels: Float64Array,
  panel: number,
  depth: number,
  c: Float64Array,
  at: number,
  stride: number,
): void {
  let p0 = from;
  let p1 = from + (rows > 1 ? 1 : 0) * rowStride;
  let p2 = from + (rows > 2 ? 2 : rows - 1) * rowStride;
  let p3 = from + (rows > 3 ? 3 : rows - 1) * rowStride;
  let c00 = 0,
    c01 = 0,
    c02 = 0,
    c03 = 0;
  let c10 = 0,
    c11 = 0,
    c12 = 0,
    c13 = 0;
  let c20 = 0,
    c21 = 0,
    c22 = 0,
    c23 = 0;
  let c30 = 0,
    c31 = 0,
    c32 = 0,
    c33 = 0;
  const end = panel + depth * 4;
  for (let q = panel; q < end; q += 4) {
    const a0 = data[p0]!;
    const a1 = data[p1]!;
    const a2 = data[p2]!;
    const a3 = data[p3]!;
    const b0 = panels[q]!;
    c00 += a0 * b0;
    c10 += a1 * b0;
    c20 += a2 * b0;
    c30 += a3 * b0;
    const b1 = panels[q + 1]!;
    c01 += a0 * b1;
    c11 += a1 * b1;
    c21 += a2 * b1;
    c31 += a3 * b1;
    const b2 = panels[q + 2]!;
    c02 += a0 * b2;
    c12 += a1 * b2;
    c22 += a2 * b2;
    c32 += a3 * b2;
    const b3 = panels[q + 3]!;
    c03 += a0 * b3;
    c13 += a1 * b3;
    c23 += a2 * b3;
    c33 += a3 * b3;
    p0 += step;
    p1 += step;
    p2 += step;
    p3 += step;
  }
  let to = at;
  c[to]! += c00;
  c[to + 1]! += c01;
  c[to + 2]! += c02;
  c[to + 3]! += c03;
  to += stride;
  c[to]! += c10;
  c[to + 1]! += c11;
  c[to + 2]! += c12;
  c[to + 3]! += c13;
  to += stride;
  c[to]! += c20;
  c[to + 1]! += c21;
  c[to + 2]! += c22;
  c[to + 3]! += c23;
  to += stride;
  c[to]! += c30;
  c[to + 1]! += c31;
  c[to + 2]! += c32;
  c[to + 3]! += c33;
}

/** The same for the first two columns of a panel. */
function multiplyTile4x2(
  data: Float32Array,
  from: number,
  rowStride: number,
  step: number,
  rows: number,
  panels: Float64Array,
  panel: number,
  depth: number,
  c: Float64Array,
  at: number,
  stride: number,
): void {
  let p0 = from;
  let p1 = from + (rows > 1 ? 1 : 0) * rowStride;
  let p2 = from + (rows > 2 ? 2 : rows - 1) * rowStride;
  let p3 = from + (rows > 3 ? 3 : rows - 1) * rowStride;
  let c00 = 0,
    c01 = 0,
    c10 = 0,
    c11 = 0,
    c20 = 0,
    c21 = 0,
    c30 = 0,
    c31 = 0;
  const end = panel + depth * 4;
  for (let q = panel; q < end; q += 4) {
    const a0 = data[p0]!;
    const a1 = data[p1]!;
    const a2 = data[p2]!;
    const a3 = data[p3]!;
    const b0 = panels[q]!;
    c00 += a0 * b0;
    c10 += a1 * b0;
    c20 += a2 * b0;
    c30 += a3 * b0;
    const b1 = panels[q + 1]!;
    c01 += a0 * b1;
    c11 += a1 * b1;
    c21 += a2 * b1;
    c31 += a3 * b1;
    p0 += step;
    p1 += step;
    p2 += step;
    p3 += step;
  }
  c[at]! += c00;
  c[at + 1]! += c01;
  c[at + stride]! += c10;
  c[at + stride + 1]! += c11;
  c[at + 2 * stride]! += c20;
  c[at + 2 * stride + 1]! += c21;
  c[at + 3 * stride]! += c30;
  c[at + 3 * stride + 1]! += c31;
}
