/**
 * The data set that comes with the package: 1,797 handwritten digits of 8 x 8 pixels (E. Alpaydin and C. Kaynak, Optical Recognition of
 * Handwritten Digits, UCI Machine Learning Repository, 1998, https://doi.org/10.24432/C50P49, CC BY 4.0). See data/README.md.
 */
import { StriateError } from "../errors.js";
import { packageFile } from "../packageFile.js";
import { RandomStream } from "../random/philox.js";
import { stratifiedSplit, subset, type Dataset } from "./dataset.js";

export const digitCount = 1797;
const pixels = 64;

const classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] as const;

/** Shares of train, validation and test; the seed never changes, so figures of different runs are of the same images. */
const shares = [0.6, 0.2, 0.2] as const;
const splitSeed = 0;

export type Digits8x8 = Dataset<[8, 8, 1], Float32Array>;

export interface Digits {
  /** 1,078 images to learn from. */
  readonly train: Digits8x8;
  /** 360 images to choose by: epochs, learning rates, nets. */
  readonly validation: Digits8x8;
  /** 359 images to look at once, when everything is chosen. */
  readonly test: Digits8x8;
  /** All 1,797 in the order of the file. */
  readonly all: Digits8x8;
  /** Where the images of each part stand in `all`, ascending. */
  readonly indices: {
    readonly train: Int32Array;
    readonly validation: Int32Array;
    readonly test: Int32Array;
  };
}

/**
 * Reads the digits and splits them 60 : 20 : 20, stratified: each class in each part in proportion, always the same images. Pixels are
 * ink from 0 to 1 in steps of 1/16, exact in float32. The 13 writers are not told apart in the data, so they are in every part: figures
 * speak of new digits by known hands.
 *
 * @example
 * ```ts
 * const { train, validation, test } = await digits();
 * console.log(train.images.shape); // [1078, 8, 8, 1]
 * ```
 */
export async function digits(): Promise<Digits> {
  // Loaded when they are needed: a program that only predicts need not wait for them at its start.
  const [{ readFile }, { promisify }, { gunzip }] = await Promise.all([
    import("node:fs/promises"),
    import("node:util"),
    import("node:zlib"),
  ]);
  /** Bytes of gzip(labels, images). */
  const file = packageFile("data/digits.bin.gz");
  const bytes = await promisify(gunzip)(await readFile(file));
  const expected = digitCount * (1 + pixels);
  if (bytes.length !== expected) {
    throw new StriateError(
      "ERR_STRIATE_DATA",
      `digits: ${file} is damaged: it must hold ${expected} bytes, got ${bytes.length}`,
    );
  }
  const labels = Int32Array.from(bytes.subarray(0, digitCount));
  const data = Float32Array.from(bytes.subarray(digitCount), (ink) => ink / 16);
  const all: Digits8x8 = { images: { shape: [digitCount, 8, 8, 1], data }, labels, classes };
  const parts = stratifiedSplit(labels, shares, new RandomStream(splitSeed, "digits/split"));
  const [train, validation, test] = parts as [Int32Array, Int32Array, Int32Array];
  return {
    train: subset(all, train),
    validation: subset(all, validation),
    test: subset(all, test),
    all,
    indices: { train, validation, test },
  };
}
