/**
 * IDX, the format of MNIST, Fashion-MNIST, KMNIST and EMNIST: two zero bytes, the type of the elements, the number of axes, the size of each
 * axis as a big-endian 32-bit number, then the elements, row-major and big-endian; nothing else. Often inside of gzip.
 */
import { reasonOf } from "../errors.js";
import { FormatError } from "../io/errors.js";
import type { Dataset, ImageArray } from "./dataset.js";
import { elementCount, type Tensor, type TensorData } from "./tensor.js";

/** The types of elements: how many bytes, and how one is read. */
const types: Readonly<Record<number, { bytes: number; read: (view: DataView, at: number) => number; float?: true }>> = {
  0x08: { bytes: 1, read: (view, at) => view.getUint8(at) },
  0x09: { bytes: 1, read: (view, at) => view.getInt8(at) },
  0x0b: { bytes: 2, read: (view, at) => view.getInt16(at) },
  0x0c: { bytes: 4, read: (view, at) => view.getInt32(at) },
  0x0d: { bytes: 4, read: (view, at) => view.getFloat32(at), float: true },
  0x0e: { bytes: 8, read: (view, at) => view.getFloat64(at), float: true },
};

/** Far more than images need; a damaged header may say 255. */
const mostAxes = 8;

/** Deflate writes at most 258 bytes for two bits: a header that asks for more than this times the file is lying. */
const mostInflation = 1032;

interface Header {
  readonly type: number;
  readonly shape: readonly number[];
  /** Bytes of the whole file, header included. May be inexact above 2^53, where no file is. */
  readonly fileBytes: number;
}

/** Reads the first bytes; what they promise is compared with the file before anything of that size is allocated. */
function parseHeader(bytes: Uint8Array, name: string): Header {
  if (bytes.length < 4)
    throw new FormatError(`${name}: is no IDX file: it has ${bytes.length} bytes, a header has more`);
  const [first, second, type, axes] = bytes as unknown as readonly [number, number, number, number];
  if (first !== 0 || second !== 0) {
    throw new FormatError(`${name}: is no IDX file: its first two bytes must be 0, got ${first} and ${second}`);
  }
  if (!(type in types)) {
    const known = Object.keys(types).join(", ");
    throw new FormatError(`${name}: the type of its elements must be one of ${known}, got ${type}`);
  }
  if (axes < 1 || axes > mostAxes) {
    throw new FormatError(`${name}: must have 1 to ${mostAxes} axes, its header says ${axes}`);
  }
  const headerBytes = 4 + 4 * axes;
  if (bytes.length < headerBytes) {
    throw new FormatError(
      `${name}: ends within its header: ${axes} axes take ${headerBytes} bytes, got ${bytes.length}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  if (shape.includes(0))
    throw new FormatError(`${name}: every axis must have elements, its header says [${shape.join(", ")}]`);
  return { type, shape, fileBytes: headerBytes + elementCount(shape) * types[type]!.bytes };
}

/**
 * Reads an IDX file from memory, uncompressed.
 *
 * @param name begins the sentence of an error; the path of the file, say
 * @returns bytes as Uint8Array without a copy, floats and doubles as Float32Array, other integers as Int32Array
 * @throws FormatError where the file is not exactly what its header says
 * @example
 * ```ts
 * parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 8, 9), "labels"); // { shape: [3], data: Uint8Array [7, 8, 9] }
 * ```
 */
export function parseIdx(bytes: Uint8Array, name: string): Tensor {
  const { type, shape, fileBytes } = parseHeader(bytes, name);
  if (bytes.length !== fileBytes) {
    const fault = bytes.length < fileBytes ? "is cut off" : "is too long";
    throw new FormatError(
      `${name}: ${fault}: its header says [${shape.join(", ")}], ${fileBytes} bytes in all, got ${bytes.length}`,
    );
  }
  const count = elementCount(shape);
  const start = 4 + 4 * shape.length;
  // Not subarray(), which makes another Buffer of a Buffer.
  if (type === 0x08) return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + start, count) };
  const { bytes: width, read, float } = types[type]!;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, count * width);
  const data: TensorData = float ? new Float32Array(count) : new Int32Array(count);
  for (let i = 0; i < count; ++i) data[i] = read(view, i * width);
  return { shape, data };
}

/**
 * Reads an IDX file, compressed with gzip or not; its first bytes tell.
 *
 * @throws FormatError for a file that is damaged, cut off, or not IDX; the system's error where it cannot be read
 * @example
 * ```ts
 * const { shape, data } = await readIdx("t10k-images-idx3-ubyte.gz"); // [10000, 28, 28], Uint8Array
 * ```
 */
export async function readIdx(path: string): Promise<Tensor> {
  const { readFile } = await import("node:fs/promises");
  const bytes = await readFile(path);
  const compressed = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return parseIdx(compressed ? await inflate(bytes, path) : bytes, path);
}

async function inflate(bytes: Uint8Array, name: string): Promise<Uint8Array> {
  const [{ promisify }, { constants, gunzip }] = await Promise.all([import("node:util"), import("node:zlib")]);
  const unzip = promisify<Uint8Array, object, Uint8Array>(gunzip);
  const damaged = (cause: unknown) =>
    new FormatError(`${name}: its gzip data is damaged or cut off: ${reasonOf(cause)}`, { cause });
  let start: Uint8Array;
  try {
    start = await unzip(bytes.subarray(0, 4096), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch (cause) {
    throw damaged(cause);
  }
  const { shape, fileBytes } = parseHeader(start, name);
  if (fileBytes > mostInflation * bytes.length) {
    throw new FormatError(
      `${name}: is cut off: its header says [${shape.join(", ")}], ${fileBytes} bytes in all, which cannot come out of ${bytes.length}`,
    );
  }
  try {
    return await unzip(bytes, { maxOutputLength: fileBytes });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw damaged(cause);
    const message = `${name}: is too long: its header says [${shape.join(", ")}], ${fileBytes} bytes in all, more come out of it`;
    throw new FormatError(message, { cause });
  }
}

type Images = Dataset<[number, number, number]>;

/** What {@link readIdxDataset} finds in a folder. */
export interface IdxDataset {
  /** Images [n, height, width, channels], most often bytes. */
  readonly train: Images;
  /** Absent where the folder has no `t10k` or `test` files. */
  readonly test: Images | undefined;
}

const fileName = /^.*?(?<part>train|t10k|test)[-_.](?<kind>images|labels)(?:[-_.].*)?$/;

/**
 * Reads a data set of images and labels from a folder: MNIST, Fashion-MNIST or any other in IDX, under the file names of MNIST
 * (`train-images-idx3-ubyte`, `t10k-labels-idx1-ubyte.gz`, ...; `test` will do for `t10k`). Nothing is returned unless all of it is sound.
 *
 * @param options.classes their names; default: the numbers from 0 to the largest label
 * @throws FormatError in one sentence: a file that is missing or damaged, parts that do not fit together, a label out of range
 * @example
 * ```ts
 * const { train, test } = await readIdxDataset("/usr/share/datasets/fashion-mnist");
 * console.log(train.images.shape); // [60000, 28, 28, 1]
 * ```
 */
export async function readIdxDataset(
  folder: string,
  options: { readonly classes?: readonly string[] } = {},
): Promise<IdxDataset> {
  const { readdir } = await import("node:fs/promises");
  const names = await readdir(folder);
  const train = await readPart(folder, names, ["train"]);
  if (train === undefined) {
    throw new FormatError(
      `${folder}: has no training images in IDX, such as train-images-idx3-ubyte or the same with .gz`,
    );
  }
  const test = await readPart(folder, names, ["t10k", "test"]);
  const shape = train.images.shape.slice(1).join("x");
  if (test !== undefined && test.images.shape.slice(1).join("x") !== shape) {
    throw new FormatError(
      `${folder}: test images must be ${shape} as those to train with, got ${test.images.shape.slice(1).join("x")}`,
    );
  }
  const classes = options.classes ?? classNumbers(train.labels, folder);
  for (const part of [train, test]) {
    const wrong = part?.labels.findIndex((label) => label < 0 || label >= classes.length) ?? -1;
    if (wrong >= 0) {
      const named = part === train ? "training" : "test";
      throw new FormatError(
        `${folder}: labels must be from 0 to ${classes.length - 1}, got ${part!.labels[wrong]!} at ${wrong} of the ${named} part`,
      );
    }
  }
  return { train: { ...train, classes }, test: test && { ...test, classes } };
}

type Part = Omit<Images, "classes">;

async function readPart(folder: string, names: readonly string[], parts: readonly string[]): Promise<Part | undefined> {
  const path = await import("node:path");
  const find = (kind: string): string | undefined => {
    const found = names.filter((name) => {
      const groups = fileName.exec(name.toLowerCase())?.groups;
      return groups !== undefined && parts.includes(groups.part!) && groups.kind === kind;
    });
    // The same file compressed and not: the latter is quicker to read.
    const plain = found.filter((name) => !(name.endsWith(".gz") && found.includes(name.slice(0, -3))));
    if (plain.length > 1)
      throw new FormatError(`${folder}: has more than one file of ${parts[0]!} ${kind}: ${plain.sort().join(", ")}`);
    return plain[0] === undefined ? undefined : path.join(folder, plain[0]);
  };
  const [imageFile, labelFile] = [find("images"), find("labels")];
  if (imageFile === undefined && labelFile === undefined) return undefined;
  if (imageFile === undefined || labelFile === undefined) {
    const missing = imageFile === undefined ? "images" : "labels";
    throw new FormatError(`${folder}: has no ${parts[0]!} ${missing} beside ${imageFile ?? labelFile!}`);
  }
  const images = asImages(await readIdx(imageFile), imageFile);
  const labels = asLabels(await readIdx(labelFile), labelFile);
  if (labels.length !== images.shape[0]) {
    throw new FormatError(
      `${labelFile}: must have a label for each of the ${images.shape[0]} images, got ${labels.length}`,
    );
  }
  return { images, labels };
}

function asImages({ shape, data }: Tensor, name: string): Images["images"] {
  const [count, height, width, channels = 1] = shape as readonly [number, number, number, number?];
  if (shape.length !== 3 && shape.length !== 4) {
    throw new FormatError(
      `${name}: images must be [count, height, width] or [count, height, width, channels], got [${shape.join(", ")}]`,
    );
  }
  if (data instanceof Int32Array)
    throw new FormatError(`${name}: pixels must be unsigned bytes or floats, got other integers`);
  return { shape: [count, height, width, channels], data: data satisfies ImageArray };
}

function asLabels({ shape, data }: Tensor, name: string): Int32Array {
  if (shape.length !== 1 || data instanceof Float32Array) {
    throw new FormatError(`${name}: labels must be one axis of integers, got [${shape.join(", ")}]`);
  }
  return Int32Array.from(data);
}

/** Names for labels that have none. A label far above all others is damage rather than a class: every one in between must occur. */
function classNumbers(labels: Int32Array, folder: string): string[] {
  const used = [...new Set(labels)].sort((a, b) => a - b);
  const [least, most] = [used[0]!, used.at(-1)!];
  const wrong = least < 0 ? least : used.find((label, i) => i > 0 && label !== used[i - 1]! + 1);
  if (wrong !== undefined) {
    throw new FormatError(
      `${folder}: labels must count from 0 without a gap unless their classes are named, got ${wrong} at ${labels.indexOf(wrong)} of the training part`,
    );
  }
  if (most < 1) throw new FormatError(`${folder}: needs two classes at least, got ${most + 1}`);
  return Array.from({ length: most + 1 }, (_, label) => String(label));
}
