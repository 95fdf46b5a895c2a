// A sparse matrix as text.
import type { SparseMatrix } from "./sparse.js";

/** Wider or higher ones would fill more than a terminal. */
const mostColumns = 100;
const mostRows = 200;

const show = (value: number): string => String(Number(value.toPrecision(3)));

/** A line for each row, columns aligned, a dot where nothing is stored. */
export function printMatrix(matrix: SparseMatrix): string {
  const { rows, columns, nonZeros } = matrix;
  const title = `${rows}x${columns}, ${nonZeros} stored`;
  if (rows > mostRows || columns > mostColumns) return title;
  const cells = Array.from({ length: rows }, () => new Array<string>(columns).fill("."));
  matrix.forEach((row, column, value) => (cells[row]![column] = show(value)));
  const widths = Array.from({ length: columns }, (_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join(" ")).join("\n");
}
