/** Labelled images in memory, and the ways to cut and order them. */
import { OptionError, ShapeError } from "../errors.js";
import type { RandomStream } from "../random/philox.js";
import { elementCount, type Tensor } from "./tensor.js";

export type ImageArray = Float32Array | Uint8Array;

/** Images of shape `Shape` (the batch excluded), one label each. */
export interface Dataset<Shape extends readonly number[] = readonly number[], Data extends ImageArray = ImageArray> {
  readonly images: Tensor<readonly [number, ...Shape], Data>;
  /** Positions in `classes`. */
  readonly labels: Int32Array;
  readonly classes: readonly string[];
}

/** Some rows of a data set, copied. */
export interface Batch<Shape extends readonly number[] = readonly number[], Data extends ImageArray = ImageArray> {
  readonly images: Tensor<readonly [number, ...Shape], Data>;
  readonly labels: Int32Array;
}

/**
 * Throws unless the parts fit together: as many labels as images, each the position of a class.
 *
 * @param owner named in the error
 */
export function checkDataset(dataset: Dataset, owner = "dataset"): void {
  const { images, labels, classes } = dataset;
  const [rows] = images.shape;
  if (elementCount(images.shape) !== images.data.length) {
    throw new ShapeError(
      "images",
      `${owner}: images of shape [${images.shape.join(", ")}] need ${elementCount(images.shape)} elements, got ${images.data.length}`,
    );
  }
  if (labels.length !== rows) {
    throw new ShapeError("labels", `${owner}: needs one label per image, got ${labels.length} for ${rows} images`);
  }
  const wrong = labels.findIndex((label) => label < 0 || label >= classes.length);
  if (wrong >= 0) {
    throw new OptionError(
      "labels",
      `${owner}: labels must be from 0 to ${classes.length - 1}, got ${labels[wrong]} at ${wrong}`,
    );
  }
}

/** Rows of `dataset` in the order of `indices`, copied. */
export function gather<Shape extends readonly number[], Data extends ImageArray>(
  dataset: Dataset<Shape, Data>,
  indices: ArrayLike<number>,
): Batch<Shape, Data> {
  const { images } = dataset;
  const [rows, ...shape] = images.shape;
  const size = elementCount(shape);
  const create = images.data.constructor as new (length: number) => Data;
  const data = new create(indices.length * size);
  const labels = new Int32Array(indices.length);
  for (let row = 0; row < indices.length; ++row) {
    const index = indices[row]!;
    if (!Number.isInteger(index) || index < 0 || index >= rows) {
      throw new OptionError(
        "indices",
        `gather: indices must be integers from 0 to ${rows - 1}, got ${index} at ${row}`,
      );
    }
    data.set(images.data.subarray(index * size, (index + 1) * size), row * size);
    labels[row] = dataset.labels[index]!;
  }
  return {
    images: { shape: [indices.length, ...shape] as unknown as readonly [number, ...Shape], data },
    labels,
  };
}

/** The data set of some rows, in the order of `indices`. */
export function subset<Shape extends readonly number[], Data extends ImageArray>(
  dataset: Dataset<Shape, Data>,
  indices: ArrayLike<number>,
): Dataset<Shape, Data> {
  return { ...gather(dataset, indices), classes: dataset.classes };
}

/** The whole data set in random order. */
export function shuffled<Shape extends readonly number[], Data extends ImageArray>(
  dataset: Dataset<Shape, Data>,
  random: RandomStream,
): Dataset<Shape, Data> {
  return subset(dataset, random.permutation(dataset.labels.length));
}

/**
 * Cuts a data set into batches; the last one holds what is left.
 *
 * @param options.order rows in the order wanted; by default as they stand
 */
export function* batches<Shape extends readonly number[], Data extends ImageArray>(
  dataset: Dataset<Shape, Data>,
  options: { readonly batchSize: number; readonly order?: Int32Array },
): Generator<Batch<Shape, Data>, void, undefined> {
  const { batchSize } = options;
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new OptionError("batchSize", `batches: batchSize must be an integer of at least 1, got ${batchSize}`);
  }
  const order = options.order ?? Int32Array.from(dataset.labels.keys());
  for (let start = 0; start < order.length; start += batchSize) {
    yield gather(dataset, order.subarray(start, start + batchSize));
  }
}

/**
 * Deals the rows of each class out by `shares`, so that every part has the class frequencies of the whole. Parts keep the order of the
 * rows. A class's counts are rounded, the last part takes the rest.
 *
 * @param shares positive, with the sum 1
 * @returns one array of row numbers per share; disjoint, together all rows
 */
export function stratifiedSplit(labels: Int32Array, shares: readonly number[], random: RandomStream): Int32Array[] {
  const sum = shares.reduce((total, share) => total + share, 0);
  if (!shares.every((share) => share > 0) || Math.abs(sum - 1) > 1e-9) {
    throw new OptionError(
      "shares",
      `stratifiedSplit: shares must be positive and sum to 1, got [${shares.join(", ")}]`,
    );
  }
  const rowsOf = new Map<number, number[]>();
  labels.forEach((label, row) => {
    const rows = rowsOf.get(label);
    if (rows === undefined) rowsOf.set(label, [row]);
    else rows.push(row);
  });
  const parts: number[][] = shares.map(() => []);
  for (const label of [...rowsOf.keys()].sort((a, b) => a - b)) {
    const rows = random.shuffle(rowsOf.get(label)!);
    let share = 0;
    let start = 0;
    parts.forEach((part, index) => {
      share += shares[index]!;
      const end = index === parts.length - 1 ? rows.length : Math.round(share * rows.length);
      // One by one: as arguments of one call, a hundred thousand would exhaust the stack.
      for (const row of rows.slice(start, end)) part.push(row);
      start = end;
    });
  }
  return parts.map((part) => Int32Array.from(part).sort());
}
