/** `striate predict`: what a saved model takes images for. */
import { basename } from "node:path";
import { digits, StriateError } from "../index.js";
import { UsageError } from "./command.js";
import { fitInk, readGreyImage } from "./inkImage.js";
import { readInput } from "./input.js";
import { beside, inkPicture, probabilityLines } from "./picture.js";
import { loadClassifier } from "./savedModel.js";
import { painter, writeJson, type CommandContext } from "./terminal.js";

export interface PredictOptions {
  readonly model: string;
  readonly digit: readonly number[];
  readonly json: boolean;
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
  const { model, classes } = await loadClassifier("predict", options.model);
  const [height, width, channels] = model.inputShape;
  if (channels !== 1) {
    const message = `predict: needs a model of grey images, [height, width, 1], got [${model.inputShape.join(", ")}]`;
    throw new StriateError("ERR_STRIATE_DATA", message);
  }
  if (options.digit.length > 0 && (height !== 8 || width !== 8)) {
    throw new StriateError(
      "ERR_STRIATE_DATA",
      `predict: --digit has images of 8x8, the model takes ${height}x${width}`,
    );
  }
  const subjects = await fromDataset(options.digit);
  // train tells of its data set's images how large the ink is, and what number full ink is.
  const { inkShare, pixels: full } = model.metadata;
  const share = typeof inkShare === "number" && inkShare > 0 && inkShare <= 1 ? inkShare : 1;
  for (const file of files) {
    const image =
      file === "-" ? await readGreyImage(await readInput(terminal), "standard input") : await readGreyImage(file);
    subjects.push({ title: basename(file), pixels: fitInk(image, height, width, share) });
  }
  const paint = painter(terminal.out);
  const answers: object[] = [];
  for (const { title, pixels } of subjects) {
    const data = full === 255 ? pixels.map((ink) => 255 * ink) : pixels;
    const { data: probabilities } = await model.predict({ shape: [1, height, width, 1] as const, data }, { signal });
    const answer = probabilities.indexOf(Math.max(...probabilities));
    if (options.json) {
      const named = Object.fromEntries(classes.map((name, index) => [name, probabilities[index]]));
      answers.push({
        image: title,
        class: classes[answer]!,
        probability: probabilities[answer]!,
        probabilities: named,
      });
      continue;
    }
    const lines = beside(inkPicture(pixels, height, width), probabilityLines(probabilities, classes));
    const verdict = paint("bold", `-> ${classes[answer]!} (${(100 * probabilities[answer]!).toFixed(1)} %)`);
    terminal.out.write(`${title}\n\n${lines.map((line) => `  ${line}`.trimEnd()).join("\n")}\n\n${verdict}\n\n`);
  }
  if (options.json) writeJson(terminal.out, answers);
}
