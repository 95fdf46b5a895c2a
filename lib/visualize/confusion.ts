/** What a classifier gets right, and what it takes for what. */
import { OptionError, ShapeError } from "../errors.js";
import { sequentialScale } from "./color.js";
import { heatMap } from "./heatMap.js";
import { imageGrid, type Tile } from "./imageGrid.js";
import { fitText, frame, type FrameOptions } from "./layout.js";
import { element, type Markup } from "./markup.js";
import type { AnyModel, Images } from "./model.js";
import { pictureWidth, type Picture } from "./picture.js";
import { imageRaster, pixelRange } from "./raster.js";

/** A classifier's answers to images whose classes are known. */
export interface Classification {
  readonly classes: readonly string[];
  /** The true class of each image, and the answer: the first of the largest outputs. */
  readonly labels: Int32Array;
  readonly predicted: Int32Array;
  /** The model's outputs, [images, classes] row by row: probabilities where it ends in a softmax. */
  readonly scores: Float32Array;
  /** counts[actual][predicted] */
  readonly counts: readonly (readonly number[])[];
  readonly accuracy: number;
}

/** An image that was taken for something else. */
export interface Mistake {
  /** Its position among the images. */
  readonly index: number;
  readonly actual: number;
  readonly predicted: number;
  /** The scores of the answer and of the truth. */
  readonly score: number;
  readonly trueScore: number;
}

export interface LabelledImages {
  readonly images: Images;
  readonly labels: Int32Array;
  /** Default: the model's `metadata.classes`, or their numbers. */
  readonly classes?: readonly string[];
}

/** The names of a model's classes: those given, else of its metadata, else numbers. */
export function classNames(model: AnyModel, given: readonly string[] | undefined): readonly string[] {
  const count = model.outputShape.at(-1)!;
  if (given !== undefined && given.length !== count) {
    throw new OptionError("classes", `classify: classes must be ${count} names, got ${given.length}`);
  }
  const named = given ?? model.metadata.classes;
  if (Array.isArray(named) && named.length === count) return named.map(String);
  return Array.from({ length: count }, (_, index) => String(index));
}

/**
 * Runs a classifier over images and compares its answers with their labels.
 * @throws ShapeError where the model does not end in classes, or labels are not as many as images; OptionError for a
 *   label that is no class
 * @example
 * ```ts
 * const answers = await classify(model, test);
 * await confusionMatrix(answers).save("confusion.svg");
 * ```
 */
export async function classify(
  model: AnyModel,
  data: LabelledImages,
  options: { readonly batchSize?: number; readonly signal?: AbortSignal } = {},
): Promise<Classification> {
  const { images, labels } = data;
  if (model.outputShape.length !== 1) {
    const shape = `[${model.outputShape.join(", ")}]`;
    throw new ShapeError("model", `classify: the model must end in [classes], got ${shape}`);
  }
  if (labels.length !== images.shape[0]) {
    const got = `${labels.length} for ${images.shape[0]} images`;
    throw new ShapeError("labels", `classify: needs one label per image, got ${got}`);
  }
  const classes = classNames(model, data.classes);
  const wrong = labels.findIndex((label) => label < 0 || label >= classes.length);
  if (wrong >= 0) {
    const got = `${labels[wrong]} at ${wrong}`;
    throw new OptionError("labels", `classify: labels must be from 0 to ${classes.length - 1}, got ${got}`);
  }
  const { data: scores } = await model.predict(images, options);
  const predicted = labels.map((_, row) => {
    const own = scores.subarray(row * classes.length, (row + 1) * classes.length);
    return own.reduce((best, score, i) => (score > own[best]! ? i : best), 0);
  });
  const counts = classes.map(() => classes.map(() => 0));
  labels.forEach((label, row) => counts[label]![predicted[row]!]!++);
  const right = counts.reduce((sum, row, i) => sum + row[i]!, 0);
  return { classes, labels, predicted, scores, counts, accuracy: right / labels.length };
}

/** All mistakes, the surest ones first: by how much the answer's score exceeds that of the truth. */
export function mistakesOf({ classes, labels, predicted, scores }: Classification): Mistake[] {
  return Array.from(labels.keys())
    .filter((index) => labels[index] !== predicted[index])
    .map((index) => {
      const [actual, answer] = [labels[index]!, predicted[index]!];
      const score = scores[index * classes.length + answer]!;
      return { index, actual, predicted: answer, score, trueScore: scores[index * classes.length + actual]! };
    })
    .sort((a, b) => b.score - b.trueScore - (a.score - a.trueScore) || a.index - b.index);
}

const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** Beyond so many classes cells are too small for numbers, and a million of them too many for elements of a page. */
export const mostCells = 50;

/** Shares of each row as pixels of one image. */
function manyClasses({ classes, counts }: Classification, options: FrameOptions): Picture {
  const size = classes.length;
  const shares = counts.flatMap((row) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.map((count) => (total === 0 ? 0 : count / total));
  });
  const matrix = { shape: [size, size], data: Float32Array.from(shares) };
  return heatMap(matrix, { ...options, scale: sequentialScale(0, 1) });
}

/**
 * Rows are the true classes, columns the answers. A cell is the darker the larger its share of the row; the diagonal is
 * blue, mistakes are red. More than 50 classes are drawn as an image, without names and numbers.
 */
export function confusionMatrix(answers: Classification, options: { readonly width?: number } = {}): Picture {
  const { classes, counts, accuracy, labels } = answers;
  const { width = pictureWidth } = options;
  const size = classes.length;
  const mistakes = mistakesOf(answers);
  const title = "Confusion matrix";
  const right = `Of ${labels.length} images ${labels.length - mistakes.length} are classified rightly, ${percent(accuracy)}.`;
  const description = `${right} ${commonest(answers)}`;
  if (size > mostCells) {
    const notes = ["Rows: true classes, columns: answers. From dark violet (none of the row) to yellow (all of it)."];
    return manyClasses(answers, { title, description, notes, width });
  }
  const longest = Math.max(...classes.map((name) => name.length));
  const left = 18 + Math.min(width / 4, 7 * longest + 6);
  const cell = Math.min(48, (width - left) / size);
  const top = 34;
  const every = Math.ceil(13 / cell);
  const content: Markup[] = [];
  const axis = { class: "sv-muted", "font-size": 11 };
  content.push(element("text", { ...axis, x: left, y: 11 }, "predicted \u2192"));
  const turned = `rotate(-90 11 ${top + (cell * size) / 2})`;
  const middle = { x: 11, y: top + (cell * size) / 2, "text-anchor": "middle", transform: turned };
  content.push(element("text", { ...axis, ...middle }, "\u2190 actual"));
  classes.forEach((name, i) => {
    if (i % every !== 0) return;
    const center = (i + 0.5) * cell;
    const down = { x: left - 6, y: top + center + 4, "text-anchor": "end" };
    const across = { x: left + center, y: top - 6, "text-anchor": "middle" };
    const label = { class: "sv-text", "font-size": 11 };
    content.push(element("text", { ...label, ...down }, fitText(name, left - 24, 11)));
    content.push(element("text", { ...label, ...across }, fitText(name, every * cell, 11)));
  });
  counts.forEach((row, actual) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    row.forEach((count, predicted) => {
      const [x, y] = [left + predicted * cell, top + actual * cell];
      content.push(confusionCell({ x, y, cell, count, total, actual, predicted, classes }));
    });
  });
  const frameOf = { x: left, y: top, width: cell * size, height: cell * size };
  content.push(element("rect", { ...frameOf, class: "sv-axis", fill: "none" }));
  return frame([{ height: top + cell * size + 4, content: element("g", {}, content) }], {
    title,
    description,
    notes: ["Numbers of images. Blue: right; red: mistaken; the stronger, the larger the share of the row."],
    width,
  });
}

/** The confusion that happens most, in words. */
function commonest({ classes, counts }: Classification): string {
  let most = { count: 0, text: "There are no mistakes." };
  counts.forEach((row, actual) => {
    row.forEach((count, predicted) => {
      if (actual === predicted || count <= most.count) return;
      const times = count === 1 ? "once" : `${count} times`;
      most = { count, text: `The commonest mistake is ${classes[predicted]!} for ${classes[actual]!}, ${times}.` };
    });
  });
  return most.text;
}

function confusionCell(place: {
  readonly x: number;
  readonly y: number;
  readonly cell: number;
  readonly count: number;
  readonly total: number;
  readonly actual: number;
  readonly predicted: number;
  readonly classes: readonly string[];
}): Markup {
  const { x, y, cell, count, total, actual, predicted, classes } = place;
  const share = total === 0 ? 0 : count / total;
  // Weak enough for dark text on it, and a single mistake among many can still be seen.
  const opacity = count === 0 ? 0 : 0.12 + 0.38 * share;
  const box = { x, y, width: cell, height: cell, "fill-opacity": opacity };
  const at = { x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle", "font-size": cell < 26 ? 9 : 11 };
  const text = count > 0 && cell >= 16 ? element("text", { ...at, class: "sv-text" }, String(count)) : undefined;
  const title = `${classes[actual]!} taken for ${classes[predicted]!}: ${count} of ${total}`;
  const color = actual === predicted ? "sv-hit" : "sv-miss";
  return element(
    "g",
    { class: "sv-cell" },
    element("title", {}, title),
    element("rect", { ...box, class: color }),
    element("rect", { x, y, width: cell, height: cell, class: "sv-rule", fill: "none", "stroke-width": 0.5 }),
    text,
  );
}

/**
 * The surest mistakes as thumbnails: what the image is, and what it was taken for.
 * @param options.limit default 12
 * @throws OptionError where there are no mistakes
 */
export function worstMistakes(
  answers: Classification,
  images: Images,
  options: { readonly limit?: number; readonly width?: number } = {},
): Picture {
  const all = mistakesOf(answers);
  if (all.length === 0) throw new OptionError("answers", "worstMistakes: there are no mistakes to draw");
  const shown = all.slice(0, options.limit ?? 12);
  const range = pixelRange(images);
  const name = (index: number): string => answers.classes[index]!;
  const tiles = shown.map(({ index, actual, predicted, score }): Tile => {
    const caption = [`${name(actual)} \u2192 ${name(predicted)}`, score >= 0 && score <= 1 ? percent(score, 0) : ""];
    const title = `image ${index}: ${name(actual)} taken for ${name(predicted)} with ${score.toFixed(3)}`;
    return { image: imageRaster(images, index, range), caption, title };
  });
  const count = all.length === 1 ? "The only mistake" : `${shown.length} of ${all.length} mistakes, the surest first`;
  return imageGrid(tiles, {
    title: "Worst mistakes",
    description: `${count}: ${shown.map(({ actual, predicted }) => `${name(actual)} taken for ${name(predicted)}`).join(", ")}.`,
    notes: [`${count}. Under each: what it is \u2192 what it was taken for, and the score of that answer.`],
    ...(options.width === undefined ? {} : { width: options.width }),
  });
}
