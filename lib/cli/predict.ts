/** `striate predict`: what a saved model takes images for. */
import { basename } from "node:path";
import { digits, loadModel, StriateError } from "../index.js";
import { UsageError } from "./command.js";
import { fitInk, readGreyImage } from "./inkImage.js";
import { beside, inkPicture, probabilityLines } from "./picture.js";
import type { CommandContext } from "./terminal.js";

export interface PredictOptions {
  readonly model: string;
  readonly digit: readonly number[];
}

/** One image to classify, and what to print above the answer. */
interface Subject {
  readonly title: string;
  readonly pixels: Float32Array;
}

async function fromDataset(numbers: readonly number[]): Promise<Subject[]> {
  if (numbers.length === 0) return [];
  const { all, indices } = await digits();
  const part = (number: number) =>
    (["train", "validation", "test"] as const).find((name) => indices[name].includes(number))!;
  return numbers.map((number) => ({
    title: `digit ${number}, a ${all.classes[all.labels[number]!]!} of the ${part(number)} part`,
    pixels: all.images.data.subarray(64 * number, 64 * number + 64),
  }));
}

/** Runs the command. */
export async function predict(
  files: readonly string[],
  options: PredictOptions,
  { terminal, signal }: CommandContext,
): Promise<void> {
  if (options.digit.length === 0 && files.length === 0) {
    throw new UsageError("predict", "needs --digit N or the names of image files");
  }
  const model = await loadModel(options.model);
  const [height, width, channels] = model.inputShape;
  const [classCount] = model.outputShape;
  if (model.inputShape.length !== 3 || channels !== 1 || model.outputShape.length !== 1) {
    const shapes = `[${model.inputShape.join(", ")}] -> [${model.outputShape.join(", ")}]`;
    throw new StriateError(
      "ERR_STRIATE_DATA",
      `predict: needs a model from grey images to classes, [height, width, 1] -> [classes], got ${shapes}`,
    );
  }
  if (options.digit.length > 0 && (height !== 8 || width !== 8)) {
    throw new StriateError(
      "ERR_STRIATE_DATA",
      `predict: --digit has images of 8x8, the model takes ${height}x${width}`,
    );
  }
  const named = model.metadata.classes;
  const classes =
    Array.isArray(named) && named.length === classCount
      ? named.map(String)
      : Array.from({ length: classCount! }, (_, index) => String(index));

  const subjects = await fromDataset(options.digit);
  for (const file of files) {
    const pixels = fitInk(await readGreyImage(file), height!, width!);
    subjects.push({ title: basename(file), pixels });
  }
  for (const subject of subjects) {
    const images = { shape: [1, height!, width!, 1] as const, data: subject.pixels };
    const { data: probabilities } = await model.predict(images, { signal });
    const answer = probabilities.indexOf(Math.max(...probabilities));
    const picture = inkPicture(subject.pixels, height!, width!);
    const lines = beside(picture, probabilityLines(probabilities, classes));
    const verdict = `-> ${classes[answer]!} (${(100 * probabilities[answer]!).toFixed(1)} %)`;
    terminal.out.write(
      `${subject.title}\n\n${lines.map((line) => `  ${line}`.trimEnd()).join("\n")}\n\n${verdict}\n\n`,
    );
  }
}
