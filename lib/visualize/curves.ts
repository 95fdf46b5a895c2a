/** Losses and accuracies over a training. */
import { OptionError } from "../errors.js";
import type { History } from "../training/fit.js";
import { stack } from "./layout.js";
import { lineChart, type Series } from "./lineChart.js";
import type { Picture } from "./picture.js";

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** A line through the values of the epochs, and one through those of the validation, if there was any. */
function pair({ epochs }: History, value: "loss" | "accuracy", scale = 1): Series[] {
  const training = epochs.map((record) => [record.epoch, scale * record[value]] as const);
  const held = epochs.flatMap(({ epoch, validation }) =>
    validation === undefined ? [] : [[epoch, scale * validation[value]] as const],
  );
  const validation: Series[] = held.length === 0 ? [] : [{ name: "validation", points: held, dashed: true }];
  return [{ name: "training", points: training }, ...validation];
}

function lastEpoch(history: History): History["epochs"][number] {
  const last = history.epochs.at(-1);
  if (last === undefined) throw new OptionError("history", "trainingCurves: the history has no epochs");
  return last;
}

/**
 * The loss of each epoch.
 * @throws OptionError for a history without epochs
 */
export function lossCurve(history: History): Picture {
  const { epoch, loss, validation } = lastEpoch(history);
  const held = validation === undefined ? "" : `, ${validation.loss.toFixed(4)} on the validation examples`;
  const series = pair(history, "loss");
  const losses = series.flatMap(({ points }) => points.map(([, y]) => y));
  // What falls to a twentieth is flat at the bottom of a linear axis.
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const log = low > 0 && high / low > 20;
  return lineChart(series, {
    title: log ? "Loss, logarithmic" : "Loss",
    ...(log ? { yScale: "log" } : { yDomain: [0, 0] }),
    description: `The loss of each epoch; after epoch ${epoch} it is ${loss.toFixed(4)}${held}.`,
    ...{ xLabel: "epoch", wholeX: true },
  });
}

/**
 * The accuracy of each epoch.
 * @throws OptionError for a history without epochs, or one of a loss that has no accuracy
 */
export function accuracyCurve(history: History): Picture {
  const { epoch, accuracy, validation } = lastEpoch(history);
  if (!hasAccuracy(history)) {
    throw new OptionError(
      "history",
      "accuracyCurve: the history has no accuracies; its loss takes targets, not classes",
    );
  }
  const held = validation === undefined ? "" : `, ${percent(validation.accuracy)} on the validation examples`;
  return lineChart(pair(history, "accuracy", 100), {
    title: "Accuracy",
    description: `The share of right answers in each epoch; after epoch ${epoch} it is ${percent(accuracy)}${held}.`,
    ...{ xLabel: "epoch", wholeX: true, yLabel: "% right", yDomain: [100, 100] },
  });
}

/** Whether a history was made with classes. */
export function hasAccuracy({ epochs }: History): boolean {
  return epochs.some(({ accuracy }) => Number.isFinite(accuracy));
}

/**
 * Loss and, where there are classes, accuracy of each epoch, one above the other.
 * @throws OptionError for a history without epochs
 * @example
 * ```ts
 * const history = await model.fit(train, options);
 * await trainingCurves(history).save("curves.svg");
 * ```
 */
export function trainingCurves(history: History): Picture {
  const curves = [lossCurve(history), ...(hasAccuracy(history) ? [accuracyCurve(history)] : [])];
  const { epoch } = lastEpoch(history);
  const description = curves.map((curve) => curve.description).join(" ");
  return stack(curves, { title: `Training, ${epoch} epoch${epoch === 1 ? "" : "s"}`, description });
}
