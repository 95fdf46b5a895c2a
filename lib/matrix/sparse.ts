// A sparse matrix in compressed rows, for looking at: convolutions are computed by kernels, not by this.
import type { Tensor } from "../data/tensor.js";
import { OptionError, ShapeError } from "../errors.js";
import { showValue } from "../shape/values.js";
import { printMatrix } from "./print.js";
import { drawMatrix, type DrawMatrixOptions } from "./draw.js";

/** Elements of a dense matrix that is still handed out. */
const mostDense = 2 ** 27;

/**
 * A matrix of which only some entries are stored, row by row (CSR): entries rowStarts[r] to rowStarts[r + 1] - 1 belong
 * to row r, entry e stands in column columnIndices[e] and is values[e].
 */
export class SparseMatrix {
  readonly rows: number;
  readonly columns: number;
  /** rows + 1 numbers; the last is the number of entries. */
  readonly rowStarts: Int32Array;
  /** Ascending in each row. */
  readonly columnIndices: Int32Array;
  readonly values: Float32Array;

  /** For {@link convolutionMatrix}, which sees to it that the arrays fit together. */
  constructor(
    size: readonly [rows: number, columns: number],
    rowStarts: Int32Array,
    columnIndices: Int32Array,
    values: Float32Array,
  ) {
    [this.rows, this.columns] = size;
    this.rowStarts = rowStarts;
    this.columnIndices = columnIndices;
    this.values = values;
  }

  /** Stored entries; one whose value is 0 counts as well, for it is a connection. */
  get nonZeros(): number {
    return this.values.length;
  }

  /**
   * The product with a vector, y = C x. Sums are float64.
   *
   * @param x as many numbers as the matrix has columns
   * @returns as many as it has rows
   * @throws ShapeError for a vector of another length
   */
  multiply(x: ArrayLike<number>): Float32Array {
    if (x.length !== this.columns) {
      throw new ShapeError(
        "x",
        `multiply: a matrix of ${this.rows}x${this.columns} needs a vector of ${this.columns}, got ${showValue(x.length)}`,
      );
    }
    return Float32Array.from({ length: this.rows }, (_, row) => {
      let sum = 0;
      for (let entry = this.rowStarts[row]!; entry < this.rowStarts[row + 1]!; entry++) {
        sum += this.values[entry]! * x[this.columnIndices[entry]!]!;
      }
      return sum;
    });
  }

  /** The transposed matrix, whose product with the gradient of y is the gradient of x: dx = C^T dy. */
  transpose(): SparseMatrix {
    const starts = new Int32Array(this.columns + 1);
    for (const column of this.columnIndices) starts[column + 1]!++;
    for (let column = 0; column < this.columns; column++) starts[column + 1]! += starts[column]!;
    const next = starts.slice();
    const indices = new Int32Array(this.nonZeros);
    const values = new Float32Array(this.nonZeros);
    for (let row = 0; row < this.rows; row++) {
      for (let entry = this.rowStarts[row]!; entry < this.rowStarts[row + 1]!; entry++) {
        const target = next[this.columnIndices[entry]!]!++;
        indices[target] = row;
        values[target] = this.values[entry]!;
      }
    }
    return new SparseMatrix([this.columns, this.rows], starts, indices, values);
  }

  /**
   * The whole matrix, zeros included: [rows, columns].
   *
   * @throws OptionError for one of more than 2^27 elements
   */
  toDense(): Tensor<[rows: number, columns: number], Float32Array> {
    const { rows, columns } = this;
    if (rows * columns > mostDense) {
      throw new OptionError(
        "size",
        `toDense: a matrix must have ${mostDense} elements at most, got ${rows}x${columns}`,
      );
    }
    const data = new Float32Array(rows * columns);
    this.forEach((row, column, value) => (data[row * columns + column] = value));
    return { shape: [rows, columns], data };
  }

  /** Calls `visit` with every stored entry, row by row. */
  forEach(visit: (row: number, column: number, value: number) => void): void {
    for (let row = 0; row < this.rows; row++) {
      for (let entry = this.rowStarts[row]!; entry < this.rowStarts[row + 1]!; entry++) {
        visit(row, this.columnIndices[entry]!, this.values[entry]!);
      }
    }
  }

  /** As text: a line for each row, a dot where nothing is stored. Of large matrices the size only. */
  toString(): string {
    return printMatrix(this);
  }

  /**
   * As a picture, an SVG document: a square for each stored entry, blue where negative, red where positive.
   *
   * @throws OptionError for a matrix of more entries than one could see
   */
  toSvg(options: DrawMatrixOptions = {}): string {
    return drawMatrix(this, options);
  }
}
