/** What commands need to know of a saved model, beside what it computes. */
import { loadModel, ShapeError, StriateError, type Model } from "../index.js";
import { classNames } from "../visualize/confusion.js";
import type { Images } from "./labelledData.js";

/** A model that takes images and tells classes. */
export interface Classifier {
  readonly model: Model<readonly [height: number, width: number, channels: number], readonly [number]>;
  /** As many as it has outputs: the names it was saved with, or numbers. */
  readonly classes: readonly string[];
}

/**
 * Loads a model, for the command in whose name it is refused.
 *
 * @throws StriateError unless it goes from [height, width, channels] to [classes]
 */
export async function loadClassifier(command: string, folder: string): Promise<Classifier> {
  const model = await loadModel(folder);
  const { inputShape, outputShape } = model;
  if (inputShape.length !== 3 || outputShape.length !== 1) {
    const shapes = `[${inputShape.join(", ")}] -> [${outputShape.join(", ")}]`;
    throw new StriateError(
      "ERR_STRIATE_DATA",
      `${command}: needs a model from images to classes, [height, width, channels] -> [classes], got ${shapes}`,
    );
  }
  return { model: model as unknown as Classifier["model"], classes: classNames(model, undefined) };
}

/** @throws ShapeError where a model does not take such images */
export function checkImageSize(command: string, { model }: Classifier, { images }: Images): void {
  const [wanted, got] = [model.inputShape, images.shape.slice(1)].map((shape) => shape.join("x"));
  if (wanted === got) return;
  throw new ShapeError("images", `${command}: the model takes images of ${wanted!}, these are ${got!}`);
}
