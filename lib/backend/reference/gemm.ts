/**
 * The one matrix product of the reference backend: c += a * b with float32 factors and a float64 result.
 *
 * b is packed into panels of four columns, depth fastest, converted to float64 on the way (so each value is converted
 * once and not once per row). a is read where it lies, as rows made of runs: the patches of a convolution are never
 * stored. The inner loop keeps a 2 x 4 tile of c in registers.
 *
 * Measured on Zen 4 with Node 20: 4.8 GFLOP/s with runs of 96 elements; 3 x 4 4.5 and 4 x 4 4.3 (16 accumulators and
 * their operands are more than the 15 registers V8 has), float64 instead of float32 for a gives 1 %, unrolling the depth
 * loses a tenth, float32 panels a fifth. LeNet-5's layers take half the time they took when patches were stored.
 */
import { addDotProducts, addMultiplesOfRows } from "./gemv.js";
import { scratchFloat64, scratchInt32 } from "./scratch.js";

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

/**
 * The left factor of a product: element [i, r * runLength + j] is `data[offset + rowStarts[i] + runStarts[r] + j * step]`.
 * Starts are relative to `offset`, so they fit 32 bits wherever one image does.
 */
export interface LeftFactor {
  readonly data: Float32Array;
  readonly offset: number;
  readonly rowStarts: Int32Array;
  readonly runStarts: Int32Array;
  readonly runs: number;
  readonly runLength: number;
  readonly step: number;
}

/** Columns of a panel; results have room for as many surplus rows. */
export const tileSize = 4;
const oneRun = Int32Array.of(0);

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

/** The first `rows` rows of a matrix as a left factor: each is one run. The starts are scratch, as the panels are. */
export function leftFactor(matrix: Matrix, rows: number, depth: number): LeftFactor {
  const { data, offset, rowStride, columnStride } = matrix;
  const rowStarts = scratchInt32("rowStarts", rows);
  for (let i = 0; i < rows; i++) rowStarts[i] = i * rowStride;
  return { data, offset, rowStarts, runStarts: oneRun, runs: 1, runLength: depth, step: columnStride };
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
export function multiplyAdd(a: LeftFactor, rows: number, b: RightFactor, c: Float64Array): void {
  const { depth, columns, panels } = b;
  const stride = roundUpToTile(columns);
  if (panels === undefined) {
    multiplyInPlace(a, rows, b, c, stride);
    return;
  }
  const { data, offset, rowStarts, runStarts, runs, runLength, step } = a;
  for (let column = 0; column < columns; column += tileSize) {
    const panel = column * depth;
    // A last panel of one or two columns takes a tile of half the width: 6, 10 or 18 columns are common.
    if (columns - column <= 2) {
      for (let row = 0; row < rows; row += 4) {
        const row1 = row + 1 < rows ? row + 1 : row;
        const row2 = row + 2 < rows ? row + 2 : row;
        const row3 = row + 3 < rows ? row + 3 : row;
        const p0 = offset + rowStarts[row]!;
        const p1 = offset + rowStarts[row1]!;
        const p2 = offset + rowStarts[row2]!;
        const p3 = offset + rowStarts[row3]!;
        const at = row * stride + column;
        multiplyTile4x2(data, p0, p1, p2, p3, runStarts, runs, runLength, step, panels, panel, c, at, stride);
      }
      continue;
    }
    for (let row = 0; row < rows; row += 2) {
      const p0 = offset + rowStarts[row]!;
      const p1 = offset + rowStarts[row + 1 < rows ? row + 1 : row]!;
      multiplyTile2x4(data, p0, p1, runStarts, runs, runLength, step, panels, panel, c, row * stride + column, stride);
    }
  }
}

/** For so few rows that packing b does not pay. */
function multiplyInPlace(
  a: LeftFactor,
  rows: number,
  { matrix, columns }: RightFactor,
  c: Float64Array,
  stride: number,
): void {
  const { data, offset, rowStride, columnStride } = matrix;
  const along = columnStride === 1 ? addMultiplesOfRows : addDotProducts;
  for (let i = 0; i < rows; i++) {
    for (let run = 0; run < a.runs; run++) {
      const from = a.offset + a.rowStarts[i]! + a.runStarts[run]!;
      const b = offset + run * a.runLength * rowStride;
      along(a.data, from, a.step, data, b, rowStride, columnStride, a.runLength, columns, c, i * stride);
    }
  }
}

/**
 * Adds to the 2 x 4 tile of c at `at`. The tile's size is spelled out, and operands are no objects: V8 would load an
 * exported constant in every turn of the loop (a seventh of the time), and give up on objects that were made in
 * different places.
 */
function multiplyTile2x4(
  data: Float32Array,
  from0: number,
  from1: number,
  runStarts: Int32Array,
  runs: number,
  runLength: number,
  step: number,
  panels: Float64Array,
  panel: number,
  c: Float64Array,
  at: number,
  stride: number,
): void {
  let c00 = 0,
    c01 = 0,
    c02 = 0,
    c03 = 0;
  let c10 = 0,
    c11 = 0,
    c12 = 0,
    c13 = 0;
  let q = panel;
  for (let run = 0; run < runs; run++) {
    const start = runStarts[run]!;
    let p0 = from0 + start;
    let p1 = from1 + start;
    for (const end = q + runLength * 4; q < end; q += 4) {
      const a0 = data[p0]!;
      const a1 = data[p1]!;
      const b0 = panels[q]!;
      c00 += a0 * b0;
      c10 += a1 * b0;
      const b1 = panels[q + 1]!;
      c01 += a0 * b1;
      c11 += a1 * b1;
      const b2 = panels[q + 2]!;
      c02 += a0 * b2;
      c12 += a1 * b2;
      const b3 = panels[q + 3]!;
      c03 += a0 * b3;
      c13 += a1 * b3;
      p0 += step;
      p1 += step;
    }
  }
  c[at]! += c00;
  c[at + 1]! += c01;
  c[at + 2]! += c02;
  c[at + 3]! += c03;
  c[at + stride]! += c10;
  c[at + stride + 1]! += c11;
  c[at + stride + 2]! += c12;
  c[at + stride + 3]! += c13;
}

/** The same for four rows and the first two columns of a panel. */
function multiplyTile4x2(
  data: Float32Array,
  from0: number,
  from1: number,
  from2: number,
  from3: number,
  runStarts: Int32Array,
  runs: number,
  runLength: number,
  step: number,
  panels: Float64Array,
  panel: number,
  c: Float64Array,
  at: number,
  stride: number,
): void {
  let c00 = 0,
    c01 = 0,
    c10 = 0,
    c11 = 0,
    c20 = 0,
    c21 = 0,
    c30 = 0,
    c31 = 0;
  let q = panel;
  for (let run = 0; run < runs; run++) {
    const start = runStarts[run]!;
    let p0 = from0 + start;
    let p1 = from1 + start;
    let p2 = from2 + start;
    let p3 = from3 + start;
    for (const end = q + runLength * 4; q < end; q += 4) {
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
