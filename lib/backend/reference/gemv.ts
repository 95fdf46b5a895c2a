/**
 * One row of a times b, for products of so few rows that packing b would not pay: bound by reading b once. A row of a is
 * `a[from + k * step]`; the result is added to `c[at + j]`.
 */

/** b with contiguous rows: eight of them at once, so that c is read and written an eighth as often. */
export function addMultiplesOfRows(
  a: Float32Array,
  from: number,
  step: number,
  b: Float32Array,
  offset: number,
  rowStride: number,
  _columnStride: number,
  depth: number,
  columns: number,
  c: Float64Array,
  at: number,
): void {
  let p = from;
  let k = 0;
  for (; k + 8 <= depth; k += 8, p += 8 * step) {
    const a0 = a[p]!;
    const a1 = a[p + step]!;
    const a2 = a[p + 2 * step]!;
    const a3 = a[p + 3 * step]!;
    const a4 = a[p + 4 * step]!;
    const a5 = a[p + 5 * step]!;
    const a6 = a[p + 6 * step]!;
    const a7 = a[p + 7 * step]!;
    const q0 = offset + k * rowStride;
    const q1 = q0 + rowStride;
    const q2 = q1 + rowStride;
    const q3 = q2 + rowStride;
    const q4 = q3 + rowStride;
    const q5 = q4 + rowStride;
    const q6 = q5 + rowStride;
    const q7 = q6 + rowStride;
    for (let j = 0; j < columns; j++) {
      const low = a0 * b[q0 + j]! + a1 * b[q1 + j]! + (a2 * b[q2 + j]! + a3 * b[q3 + j]!);
      const high = a4 * b[q4 + j]! + a5 * b[q5 + j]! + (a6 * b[q6 + j]! + a7 * b[q7 + j]!);
      c[at + j]! += low + high;
    }
  }
  for (; k < depth; k++, p += step) {
    const value = a[p]!;
    const q = offset + k * rowStride;
    for (let j = 0; j < columns; j++) c[at + j]! += value * b[q + j]!;
  }
}

/** Any b, column by column: contiguous where b is a transposed matrix. */
export function addDotProducts(
  a: Float32Array,
  from: number,
  step: number,
  b: Float32Array,
  offset: number,
  rowStride: number,
  columnStride: number,
  depth: number,
  columns: number,
  c: Float64Array,
  at: number,
): void {
  for (let j = 0; j < columns; j++) {
    let p = from;
    let q = offset + j * columnStride;
    let even = 0;
    let odd = 0;
    let k = 0;
    for (; k + 2 <= depth; k += 2) {
      even += a[p]! * b[q]!;
      odd += a[p + step]! * b[q + rowStride]!;
      p += 2 * step;
      q += 2 * rowStride;
    }
    if (k < depth) even += a[p]! * b[q]!;
    c[at + j]! += even + odd;
  }
}
