/**
 * How far Winograd's convolution in float32 may be from the exact one, element by element. Every number on its way is a
 * sum of products with entries of three constant matrices, so with |.| taken of each (Higham, section 3.1)
 *
 *   |error of y| <= n unit |A^T| [ Σ_c (|G| |g_c| |G^T|) . (|B^T| |d_c| |B|) ] |A|
 *
 * n counts the roundings of the longest path: at most 10 in each of the three transforms (five a side, those of the
 * constants included), one for a scale, and one per term of the sum.
 */
import { type Attributes, flushed, type Tensor } from "./tensor.js";

interface Matrices {
  readonly edge: number;
  /** |B^T|, |G|, |A^T|, by rows. */
  readonly input: readonly (readonly number[])[];
  readonly filter: readonly (readonly number[])[];
  readonly output: readonly (readonly number[])[];
}

const b = Math.SQRT2;
const a = Math.SQRT1_2;

const two: Matrices = {
  edge: 2,
  input: [
    [1, 0, 1, 0],
    [0, 1, 1, 0],
    [0, 1, 1, 0],
    [0, 1, 0, 1],
  ],
  filter: [
    [1, 0, 0],
    [0.5, 0.5, 0.5],
    [0.5, 0.5, 0.5],
    [0, 0, 1],
  ],
  output: [
    [1, 1, 1, 0],
    [0, 1, 1, 1],
  ],
};

/** The points are 0, ±sqrt(1/2), ±sqrt(2) and infinity. */
const four: Matrices = {
  edge: 4,
  input: [
    [1, 0, 2.5, 0, 1, 0],
    [0, b, 2, a, 1, 0],
    [0, b, 2, a, 1, 0],
    [0, a, 0.5, b, 1, 0],
    [0, a, 0.5, b, 1, 0],
    [0, 1, 0, 2.5, 0, 1],
  ],
  filter: [
    [1, 0, 0],
    [2 / 3, (2 / 3) * a, 1 / 3],
    [2 / 3, (2 / 3) * a, 1 / 3],
    [1 / 6, b / 6, 1 / 3],
    [1 / 6, b / 6, 1 / 3],
    [0, 0, 1],
  ],
  output: [
    [1, 1, 1, 1, 1, 0],
    [0, a, a, b, b, 0],
    [0, 0.5, 0.5, 2, 2, 0],
    [0, a / 2, a / 2, 2 * b, 2 * b, 1],
  ],
};

const roundings = 31;

function transposed(matrix: readonly (readonly number[])[]): number[][] {
  return matrix[0]!.map((_, j) => matrix.map((row) => row[j]!));
}

/** T in T^t, squares as flat arrays. */
function bothWays(map: readonly (readonly number[])[], values: Float64Array): Float64Array {
  const to = map.length;
  const from = map[0]!.length;
  const half = new Float64Array(to * from);
  const out = new Float64Array(to * to);
  for (let i = 0; i < to; i++) {
    for (let k = 0; k < from; k++) {
      const entry = map[i]![k]!;
      for (let j = 0; j < from; j++) half[i * from + j]! += entry * values[k * from + j]!;
    }
  }
  for (let i = 0; i < to; i++) {
    for (let j = 0; j < to; j++) {
      for (let k = 0; k < from; k++) out[i * to + j]! += half[i * from + k]! * map[j]![k]!;
    }
  }
  return out;
}

type At = (n: number, h: number, w: number, c: number) => number;

/** |value|, 0 outside of the image. */
function imageOf({ shape, data }: Tensor): At {
  const [, height, width, channels] = shape as [number, number, number, number];
  return (n, h, w, c) =>
    h < 0 || h >= height || w < 0 || w >= width ? 0 : Math.abs(data[((n * height + h) * width + w) * channels + c]!);
}

function square(edge: number, at: (i: number, j: number) => number): Float64Array {
  return Float64Array.from({ length: edge * edge }, (_, i) => at(Math.floor(i / edge), i % edge));
}

/** Calls `visit` with the first output of every tile. */
function forEachTile(shape: readonly number[], edge: number, visit: (n: number, i: number, j: number) => void): void {
  const [rows, height, width] = shape as [number, number, number];
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < height; i += edge) {
      for (let j = 0; j < width; j += edge) visit(n, i, j);
    }
  }
}

/** A convolution of `source` to the shape `target`, with the filter as a function of tap row, tap column, channel, column. */
export interface Sliding {
  readonly source: Tensor;
  readonly target: readonly number[];
  readonly filter: (kh: number, kw: number, c: number, k: number) => number;
  readonly top: number;
  readonly left: number;
}

function productBound(m: Matrices, { source, target, filter, top, left }: Sliding, unit: number): Float64Array {
  const { edge } = m;
  const span = edge + 2;
  const points = span * span;
  const channels = source.shape[3]!;
  const [, height, width, columns] = target as [number, number, number, number];
  const weights = Array.from({ length: channels * columns }, (_, at) =>
    bothWays(
      m.filter,
      square(3, (i, j) => Math.abs(filter(i, j, Math.floor(at / columns), at % columns))),
    ),
  );
  const image = imageOf(source);
  const bound = new Float64Array(target.reduce((product, size) => product * size, 1));
  forEachTile(target, edge, (n, i, j) => {
    const sums = Array.from({ length: columns }, () => new Float64Array(points));
    for (let c = 0; c < channels; c++) {
      const v = bothWays(
        m.input,
        square(span, (h, w) => image(n, i - top + h, j - left + w, c)),
      );
      for (let k = 0; k < columns; k++) {
        const u = weights[c * columns + k]!;
        const sum = sums[k]!;
        for (let p = 0; p < points; p++) sum[p]! += v[p]! * u[p]!;
      }
    }
    sums.forEach((sum, k) => {
      const y = bothWays(m.output, sum);
      for (let h = 0; h < edge && i + h < height; h++) {
        for (let w = 0; w < edge && j + w < width; w++) {
          bound[((n * height + i + h) * width + j + w) * columns + k] =
            (channels + roundings) * (unit * y[h * edge + w]! + flushed);
        }
      }
    });
  });
  return bound;
}

function filterBound(m: Matrices, x: Tensor, dy: Tensor, top: number, left: number, unit: number): Float64Array {
  const { edge } = m;
  const span = edge + 2;
  const channels = x.shape[3]!;
  const columns = dy.shape[3]!;
  const image = imageOf(x);
  const gradient = imageOf(dy);
  const adjoint = transposed(m.output);
  const sums = Array.from({ length: channels * columns }, () => new Float64Array(span * span));
  let tiles = 0;
  forEachTile(dy.shape, edge, (n, i, j) => {
    tiles++;
    const ys = Array.from({ length: columns }, (_, k) =>
      bothWays(
        adjoint,
        square(edge, (h, w) => gradient(n, i + h, j + w, k)),
      ),
    );
    for (let c = 0; c < channels; c++) {
      const v = bothWays(
        m.input,
        square(span, (h, w) => image(n, i - top + h, j - left + w, c)),
      );
      ys.forEach((y, k) => {
        const sum = sums[c * columns + k]!;
        for (let p = 0; p < sum.length; p++) sum[p]! += v[p]! * y[p]!;
      });
    }
  });
  const bound = new Float64Array(9 * channels * columns);
  sums.forEach((sum, at) => {
    bothWays(transposed(m.filter), sum).forEach((g, tap) => {
      bound[tap * channels * columns + at] = (tiles + roundings) * (unit * g + flushed);
    });
  });
  return bound;
}

/**
 * The sizes of Winograd that may have computed a convolution: the one that a backend reports (`winograd4x4`), both where
 * the layer asks for Winograd and nobody says which, none otherwise.
 */
function membersOf(attributes: Attributes, filter: readonly number[], algorithm: string | undefined): Matrices[] {
  const { strideH, strideW, dilationH, dilationW, groups, exact } = attributes;
  const applies =
    filter[0] === 3 &&
    filter[1] === 3 &&
    exact === 0 &&
    [strideH, strideW, dilationH, dilationW, groups].every((v) => v === 1);
  if (!applies) return [];
  if (algorithm === undefined) return attributes["algorithm"] === 2 ? [two, four] : [];
  return [two, four].filter(({ edge }) => algorithm === `winograd${String(edge)}x${String(edge)}`);
}

/** Which convolution is judged: on which algorithm, in which precision. */
export interface Judged {
  readonly attributes: Attributes;
  readonly filterShape: readonly number[];
  readonly algorithm: string | undefined;
  readonly unit: number;
}

function widen(tolerance: Float64Array, bounds: readonly Float64Array[]): void {
  for (const bound of bounds) {
    for (let i = 0; i < bound.length; i++) tolerance[i] = Math.max(tolerance[i]!, bound[i]!);
  }
}

/** Widens the tolerance of sums by Winograd's, where that may have computed them. */
export function widenProducts(
  tolerance: Float64Array,
  { attributes, filterShape, algorithm, unit }: Judged,
  sliding: Sliding,
): void {
  widen(
    tolerance,
    membersOf(attributes, filterShape, algorithm).map((m) => productBound(m, sliding, unit)),
  );
}

export function widenFilterGradient(
  tolerance: Float64Array,
  { attributes, filterShape, algorithm, unit }: Judged,
  x: Tensor,
  dy: Tensor,
): void {
  widen(
    tolerance,
    membersOf(attributes, filterShape, algorithm).map((m) =>
      filterBound(m, x, dy, attributes["padTop"]!, attributes["padLeft"]!, unit),
    ),
  );
}
