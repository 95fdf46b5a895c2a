import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { FormatError, parseIdx, readIdx, readIdxDataset } from "../../lib/index.js";
import { idxBytes } from "../support/idx.js";

let root: string;
let folder: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "striate-idx-"));
});
beforeEach(async () => {
  folder = await mkdtemp(join(root, "set-"));
});
afterAll(async () => {
  await rm(root, { recursive: true });
});

/** The error of a promise; a test that expects one fails where there is none. */
const refusal = async (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.fail("nothing was thrown"),
    (error: unknown) => error as Error,
  );

describe("parseIdx", () => {
  test.each([
    ["bytes", 0x08, [0, 1, 255], [0, 1, 255], Uint8Array],
    ["signed bytes", 0x09, [0, 0x80, 0xff], [0, -128, -1], Int32Array],
    ["int16", 0x0b, [0x7f, 0xff, 0x80, 0], [32767, -32768], Int32Array],
    ["int32", 0x0c, [0x80, 0, 0, 0, 0, 0, 1, 0], [-(2 ** 31), 256], Int32Array],
    ["float32", 0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0], [1, -2], Float32Array],
    ["float64", 0x0e, [0x3f, 0xf8, 0, 0, 0, 0, 0, 0], [1.5], Float32Array],
  ])("reads %s, big-endian", (_, type, bytes, values, array) => {
    const { shape, data } = parseIdx(idxBytes([values.length], bytes, type), "x");
    expect(shape).toEqual([values.length]);
    expect(data).toBeInstanceOf(array);
    expect([...data]).toEqual(values);
  });

  test("reads elements where they lie, at odd offsets too", () => {
    const bytes = Uint8Array.of(99, ...idxBytes([1, 2], [0x3f, 0x80, 0, 0, 0x40, 0, 0, 0], 0x0d));
    expect(parseIdx(bytes.subarray(1), "x")).toEqual({ shape: [1, 2], data: Float32Array.of(1, 2) });
  });

  test.each([
    [[], "x: is no IDX file: it has 0 bytes, a header has more"],
    [[1, 0, 8, 1], "x: is no IDX file: its first two bytes must be 0, got 1 and 0"],
    [[0, 0, 7, 1], "x: the type of its elements must be one of 8, 9, 11, 12, 13, 14, got 7"],
    [[0, 0, 8, 0], "x: must have 1 to 8 axes, its header says 0"],
    [[0, 0, 8, 255], "x: must have 1 to 8 axes, its header says 255"],
    [[0, 0, 8, 2, 0, 0, 0, 1], "x: ends within its header: 2 axes take 12 bytes, got 8"],
    [[0, 0, 8, 1, 0, 0, 0, 0], "x: every axis must have elements, its header says [0]"],
    [[0, 0, 8, 1, 0, 0, 0, 2, 5], "x: is cut off: its header says [2], 10 bytes in all, got 9"],
    [[0, 0, 8, 1, 0, 0, 0, 1, 5, 5], "x: is too long: its header says [1], 9 bytes in all, got 10"],
    [
      [0, 0, 0x0e, 2, 0x80, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 5],
      "x: is cut off: its header says [2147483648, 4294967295], 73786976277658340000 bytes in all, got 13",
    ],
  ])("refuses %j", (bytes, message) => {
    expect(() => parseIdx(Uint8Array.from(bytes), "x")).toThrow(new FormatError(message));
  });
});

/** Four images of 2x3, labels 0 1 2 1. */
const images = idxBytes(
  [4, 2, 3],
  Array.from({ length: 24 }, (_, i) => 10 * i),
);
const labels = idxBytes([4], [0, 1, 2, 1]);

const write = async (files: Readonly<Record<string, Uint8Array>>): Promise<void> => {
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, name), bytes);
};

describe("readIdx", () => {
  test("knows gzip by its first bytes", async () => {
    await write({ plain: images, packed: gzipSync(images) });
    expect(await readIdx(join(folder, "packed"))).toEqual(await readIdx(join(folder, "plain")));
  });

  test.each([
    ["plain", (bytes: Uint8Array) => bytes],
    ["packed", (bytes: Uint8Array) => gzipSync(bytes)],
  ])("cut off at every byte, %s: one sentence", async (name, pack) => {
    const whole = pack(images);
    for (let length = 0; length < whole.length; ++length) {
      await write({ [name]: whole.subarray(0, length) });
      const error = await refusal(readIdx(join(folder, name)));
      expect(error, `${length} bytes`).toBeInstanceOf(FormatError);
      expect(error.message.startsWith(`${join(folder, name)}: `)).toBe(true);
      expect(error.message).not.toContain("\n");
    }
  });

  test.each([
    ["plain", (bytes: Uint8Array) => bytes],
    ["packed", (bytes: Uint8Array) => gzipSync(bytes)],
  ])("each bit of the header flipped, %s: refused, whatever size it then claims", async (name, pack) => {
    for (let bit = 0; bit < 8 * 16; ++bit) {
      const flipped = Uint8Array.from(images);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      await write({ [name]: pack(flipped) });
      const read = readIdx(join(folder, name));
      // Signed instead of unsigned bytes: as many, and nothing in the file says otherwise.
      if (bit === 16) expect((await read).data).toBeInstanceOf(Int32Array);
      else expect(await refusal(read), `bit ${bit}`).toBeInstanceOf(FormatError);
    }
  });

  test.each([
    [
      "more than can come out",
      [2 ** 31],
      /: is cut off: its header says \[2147483648\], 2147483656 bytes in all, which cannot/,
    ],
    ["more than comes out", [25], /: is cut off: its header says \[25\], 33 bytes in all, got 32$/],
    ["less than comes out", [23], /: is too long: its header says \[23\], 31 bytes in all, more come out of it$/],
  ])("gzip of a header that says %s", async (_, shape, message) => {
    await write({ packed: gzipSync(idxBytes(shape, new Uint8Array(24))) });
    expect((await refusal(readIdx(join(folder, "packed")))).message).toMatch(message);
  });

  test("gzip whose check sum is wrong", async () => {
    const packed = gzipSync(images);
    packed[packed.length - 8]! ^= 1;
    await write({ packed });
    expect((await refusal(readIdx(join(folder, "packed")))).message).toMatch(/: its gzip data is damaged or cut off: /);
  });
});

const trainNames = { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte" };
const train = { [trainNames.images]: images, [trainNames.labels]: labels };

describe("readIdxDataset", () => {
  test.each([
    ["MNIST", trainNames.images, trainNames.labels, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
    [
      "unzipped by some",
      "train-images.idx3-ubyte",
      "train-labels.idx1-ubyte",
      "t10k-images.idx3-ubyte",
      "t10k-labels.idx1-ubyte",
    ],
    [
      "EMNIST",
      ...["train", "test"].flatMap((part) => [
        `emnist-x-${part}-images-idx3-ubyte.gz`,
        `emnist-x-${part}-labels-idx1-ubyte.gz`,
      ]),
    ],
  ] as [string, string, string, string, string][])("finds the files of %s", async (_, ...[a, b, c, d]) => {
    const pack = (name: string, bytes: Uint8Array) => (name.endsWith(".gz") ? gzipSync(bytes) : bytes);
    const test = { [c]: pack(c, idxBytes([1, 2, 3], [1, 2, 3, 4, 5, 6])), [d]: pack(d, idxBytes([1], [2])) };
    await write({ [a]: pack(a, images), [b]: pack(b, labels), ...test, "README.md": images, "train.png": images });
    const found = await readIdxDataset(folder);
    expect(found.train.images).toEqual({ shape: [4, 2, 3, 1], data: images.subarray(16) });
    expect(found.train.labels).toEqual(Int32Array.of(0, 1, 2, 1));
    expect(found.test!.images.shape).toEqual([1, 2, 3, 1]);
    expect(found.test!.labels).toEqual(Int32Array.of(2));
    expect(found.train.classes).toEqual(["0", "1", "2"]);
  });

  test("without a test part, with colours, with names, compressed and not", async () => {
    const colour = idxBytes([4, 1, 2, 3], images.subarray(16));
    await write({ ...train, [trainNames.images]: colour, [`${trainNames.images}.gz`]: gzipSync(colour) });
    const found = await readIdxDataset(folder, { classes: ["a", "b", "c", "d"] });
    expect(found.test).toBeUndefined();
    expect(found.train.images.shape).toEqual([4, 1, 2, 3]);
    expect(found.train.classes).toEqual(["a", "b", "c", "d"]);
  });

  const test10k = { "t10k-images-idx3-ubyte": images, "t10k-labels-idx1-ubyte": labels };
  test.each([
    ["an empty folder", {}, /: has no training images in IDX, such as train-images-idx3-ubyte or the same with \.gz$/],
    ["no labels", { [trainNames.images]: images }, /: has no train labels beside .*train-images-idx3-ubyte$/],
    ["no images", { [trainNames.labels]: labels }, /: has no train images beside .*train-labels-idx1-ubyte$/],
    [
      "two sets",
      { ...train, "more-train-images.idx3": images },
      /: has more than one file of train images: more-train-images\.idx3, train-images-idx3-ubyte$/,
    ],
    [
      "too few labels",
      { ...train, [trainNames.labels]: idxBytes([3], [0, 1, 2]) },
      /: must have a label for each of the 4 images, got 3$/,
    ],
    [
      "labels as images",
      { ...train, [trainNames.images]: labels },
      /: images must be \[count, height, width\] or \[count, height, width, channels\], got \[4\]$/,
    ],
    [
      "images as labels",
      { ...train, [trainNames.labels]: images },
      /: labels must be one axis of integers, got \[4, 2, 3\]$/,
    ],
    [
      "images of int32",
      { ...train, [trainNames.images]: idxBytes([4, 1, 1], new Uint8Array(16), 0x0c) },
      /: pixels must be unsigned bytes or floats, got other integers$/,
    ],
    [
      "labels of float",
      { ...train, [trainNames.labels]: idxBytes([4], new Uint8Array(16), 0x0d) },
      /: labels must be one axis of integers, got \[4\]$/,
    ],
    [
      "a label out of line",
      { ...train, [trainNames.labels]: idxBytes([4], [0, 1, 137, 1]) },
      /: labels must count from 0 without a gap unless their classes are named, got 137 at 2 of the training part$/,
    ],
    [
      "a negative label",
      { ...train, [trainNames.labels]: idxBytes([4], [0, 1, 0xff, 1], 0x09) },
      /: labels must count .* got -1 at 2 of the training part$/,
    ],
    [
      "one class",
      { ...train, [trainNames.labels]: idxBytes([4], [0, 0, 0, 0]) },
      /: needs two classes at least, got 1$/,
    ],
    [
      "a test label that nothing taught",
      { ...train, ...test10k, "t10k-labels-idx1-ubyte": idxBytes([4], [0, 1, 2, 3]) },
      /: labels must be from 0 to 2, got 3 at 3 of the test part$/,
    ],
    [
      "other test images",
      { ...train, ...test10k, "t10k-images-idx3-ubyte": idxBytes([4, 3, 2], images.subarray(16)) },
      /: test images must be 2x3x1 as those to train with, got 3x2x1$/,
    ],
    [
      "a damaged test part",
      { ...train, ...test10k, "t10k-labels-idx1-ubyte": labels.subarray(0, 11) },
      /t10k-labels-idx1-ubyte: is cut off: /,
    ],
  ] as [string, Record<string, Uint8Array>, RegExp][])("refuses %s", async (_, files, message) => {
    await write(files);
    const error = await refusal(readIdxDataset(folder));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.message).toMatch(message);
    expect(error.message.startsWith(folder)).toBe(true);
  });

  test("refuses labels beyond the names", async () => {
    await write(train);
    const error = await refusal(readIdxDataset(folder, { classes: ["a", "b"] }));
    expect(error.message).toMatch(/: labels must be from 0 to 1, got 2 at 2 of the training part$/);
  });
});
