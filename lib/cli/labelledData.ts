/** The images that commands train with and measure by: the embedded digits, or a folder of IDX files. */
import { basename, resolve } from "node:path";
import { stratifiedSplit, subset, type Dataset } from "../data/dataset.js";
import { UsageError } from "./command.js";
import { digits, RandomStream, readIdxDataset, StriateError } from "../index.js";

export type Images = Dataset<readonly [height: number, width: number, channels: number]>;

/** Parts that share no image. */
export interface LabelledData {
  /** For people: what it is, or the folder. */
  readonly name: string;
  readonly train: Images;
  /** To choose by. */
  readonly validation: Images | undefined;
  /** To look at once. */
  readonly test: Images | undefined;
}

async function digitData(): Promise<LabelledData> {
  const { train, validation, test } = await digits();
  return { name: "UCI Optical Recognition of Handwritten Digits", train, validation, test };
}

/**
 * Reads a folder and holds a share of each training class out; always the same images, so that figures of different runs can be compared.
 *
 * @param options.validation from 0 to below 1; 0 holds nothing out
 */
async function folderData(
  folder: string,
  options: { readonly validation: number; readonly classes?: readonly string[] },
): Promise<LabelledData> {
  const { validation: share, ...names } = options;
  const { train, test } = await readIdxDataset(folder, names);
  const name = basename(resolve(folder));
  if (share === 0) return { name, train, validation: undefined, test };
  const [kept, held] = stratifiedSplit(train.labels, [1 - share, share], new RandomStream(0, "idx/split"));
  if (kept!.length === 0 || held!.length === 0) {
    const message = `${folder}: ${train.labels.length} training images are too few to hold a share of ${share} out`;
    throw new StriateError("ERR_STRIATE_DATA", message);
  }
  return { name, train: subset(train, kept!), validation: subset(train, held!), test };
}

/** What commands that judge a model take. */
export interface DataOptions {
  /** Folder of IDX files; absent: the digits. */
  readonly data?: string;
  readonly part: "test" | "train";
}

/** The digits, or a folder. */
export async function readData(
  { data }: Pick<DataOptions, "data">,
  options: Parameters<typeof folderData>[1],
): Promise<LabelledData> {
  return data === undefined ? digitData() : folderData(data, options);
}

/** @throws UsageError where there is no such part */
export function partOf(command: string, data: LabelledData, part: DataOptions["part"]): Images {
  const images = data[part];
  if (images !== undefined) return images;
  throw new UsageError(command, `${data.name} has no test part; --part train takes the other`);
}

/** A share as a percentage, to a place that so many images can tell. */
export function percent(share: number, images: number): string {
  return `${(100 * share).toFixed(images >= 5000 ? 2 : 1)} %`;
}
