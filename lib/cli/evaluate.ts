/** `striate evaluate`: how good a saved model is, class by class. */
import { classify } from "../visualize/index.js";
import { partOf, percent, readData, type DataOptions, type Images } from "./labelledData.js";
import { showWork } from "./progress.js";
import { checkImageSize, loadClassifier, type Classifier } from "./savedModel.js";
import { tableLines } from "./table.js";
import { painter, writeJson, type CommandContext } from "./terminal.js";

export interface EvaluateOptions extends DataOptions {
  readonly batchSize: number;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** Runs the command. */
export async function evaluate(folder: string, options: EvaluateOptions, context: CommandContext): Promise<void> {
  const classifier = await loadClassifier("evaluate", folder);
  const { classes } = classifier;
  const data = await readData(options, { validation: 0, classes });
  const images = partOf("evaluate", data, options.part);
  checkImageSize("evaluate", classifier, images);
  const { loss, counts } = await measure(classifier, images, options, context);
  const count = images.labels.length;
  const right = counts.reduce((sum, row, label) => sum + row[label]!, 0);
  const perClass = classes.map((_, label) => classFigures(classes, label, counts));
  const { terminal } = context;
  if (options.json) {
    const measured = { model: folder, data: data.name, part: options.part, images: count };
    writeJson(terminal.out, { ...measured, loss, accuracy: right / count, classes: perClass, confusion: counts });
    return;
  }
  const paint = painter(terminal.out);
  const rows = perClass.map((figures) => [
    ...[figures.name, String(figures.images), String(figures.right)],
    ...[figures.recall, figures.precision].map((share) => (share === null ? "" : percent(share, 0))),
    figures.mistakenFor === null ? "" : `${figures.mistakenFor.name} (${figures.mistakenFor.images})`,
  ]);
  const head = ["class", "images", "right", "recall", "precision", "most often mistaken for"];
  const [heading, ...table] = tableLines([head, ...rows], new Set([1, 2, 3, 4]));
  const accuracy = paint("bold", `accuracy ${percent(right / count, count)}`);
  const lines = [`${accuracy}, ${right} of ${count} images of ${data.name}, loss ${loss.toFixed(4)}`, ""];
  terminal.out.write(`${[...lines, paint("bold", heading!), ...table].join("\n")}\n`);
}

/** The mean cross-entropy, and how many images of each class (row) were taken for which (column). */
async function measure(
  { model, classes }: Classifier,
  { images, labels }: Images,
  { batchSize, quiet }: EvaluateOptions,
  { terminal, signal }: CommandContext,
): Promise<{ loss: number; counts: number[][] }> {
  const [total, ...shape] = images.shape;
  const size = images.data.length / total;
  const counts = classes.map(() => classes.map(() => 0));
  let loss = 0;
  // Slices as large as progress is to be shown in.
  const slice = 8 * batchSize;
  const progress = showWork(terminal.error, { label: "evaluate", total, quiet });
  try {
    for (let start = 0; start < total; start += slice) {
      const own = labels.subarray(start, start + slice);
      const part = {
        shape: [own.length, ...shape] as const,
        data: images.data.subarray(start * size, (start + own.length) * size),
      };
      loss += own.length * (await model.evaluate({ images: part, labels: own }, { signal, batchSize })).loss;
      const answers = await classify(model, { images: part, labels: own, classes }, { signal, batchSize });
      answers.counts.forEach((row, label) => row.forEach((count, answer) => (counts[label]![answer]! += count)));
      progress.done(own.length);
    }
  } finally {
    progress.stop();
  }
  return { loss: loss / total, counts };
}

/** Null where there is nothing to take a share of. */
interface ClassFigures {
  readonly name: string;
  readonly images: number;
  readonly right: number;
  /** Of its images, the share that was recognised. */
  readonly recall: number | null;
  /** Of the images taken for it, the share that was right. */
  readonly precision: number | null;
  readonly mistakenFor: { readonly name: string; readonly images: number } | null;
}

function classFigures(classes: readonly string[], label: number, counts: readonly (readonly number[])[]): ClassFigures {
  const row = counts[label]!;
  const images = row.reduce((sum, each) => sum + each, 0);
  const taken = counts.reduce((sum, each) => sum + each[label]!, 0);
  const right = row[label]!;
  const wrong = row.map((each, other) => (other === label ? 0 : each));
  const most = Math.max(...wrong);
  return {
    ...{ name: classes[label]!, images, right },
    ...{ recall: images === 0 ? null : right / images, precision: taken === 0 ? null : right / taken },
    mistakenFor: most === 0 ? null : { name: classes[wrong.indexOf(most)]!, images: most },
  };
}
