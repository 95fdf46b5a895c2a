// A sparse matrix as an SVG document that needs nothing else.
import { OptionError } from "../errors.js";
import type { SparseMatrix } from "./sparse.js";

/** Options of {@link SparseMatrix.toSvg}. */
export interface DrawMatrixOptions {
  /** Side of an entry in pixels. Default 12. */
  readonly cell?: number;
  /** A line above the matrix. Default: its size. */
  readonly title?: string;
}

/** More squares than this are neither seen nor drawn in time. */
const mostDrawn = 100_000;
const margin = 8;
const titleHeight = 20;

/** From white over light to full colour: blue (215 degrees) for negative values, red (10) for positive ones. */
function colourOf(value: number, largest: number): string {
  if (value === 0 || largest === 0) return "hsl(0 0% 85%)";
  const share = Math.min(1, Math.abs(value) / largest);
  return `hsl(${value < 0 ? 215 : 10} 75% ${Math.round(88 - 43 * share)}%)`;
}

const escape = (text: string): string =>
  text.replace(/[&<>"]/g, (sign) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[sign]!);

/** A square for each stored entry on a frame of the whole matrix; its place and value are in its title. */
export function drawMatrix(matrix: SparseMatrix, options: DrawMatrixOptions): string {
  const { rows, columns, nonZeros, values } = matrix;
  const { cell = 12, title = `${rows} x ${columns}, ${nonZeros} entries` } = options;
  if (!(cell > 0 && cell <= 1000)) {
    throw new OptionError("cell", `toSvg: cell must be a number of pixels up to 1000, got ${String(cell)}`);
  }
  if (nonZeros > mostDrawn) {
    throw new OptionError(
      "size",
      `toSvg: a matrix must have ${mostDrawn} entries at most to be drawn, got ${nonZeros}`,
    );
  }
  let largest = 0;
  for (const value of values) if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
  const width = columns * cell + 2 * margin;
  const height = rows * cell + 2 * margin + titleHeight;
  const squares: string[] = [];
  matrix.forEach((row, column, value) => {
    const place = `x="${margin + column * cell}" y="${margin + titleHeight + row * cell}" width="${cell}" height="${cell}"`;
    squares.push(
      `<rect ${place} fill="${colourOf(value, largest)}"><title>[${row}, ${column}] ${value}</title></rect>`,
    );
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escape(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin}" y="${margin + 8}" font-family="sans-serif" font-size="12" fill="#333">${escape(title)}</text>`,
    `<rect x="${margin}" y="${margin + titleHeight}" width="${columns * cell}" height="${rows * cell}" fill="#f7f7f7" stroke="#999"/>`,
    `<g stroke="#fff" stroke-width="0.5">`,
    ...squares,
    "</g>",
    "</svg>",
    "",
  ].join("\n");
}
