/** What the commands about models take: train, evaluate, predict, inspect, report. */
import type { CliCommand } from "../command.js";
import type { CommandContext } from "../terminal.js";
import type { EvaluateOptions } from "../evaluate.js";
import type { InspectOptions } from "../inspect.js";
import type { PredictOptions } from "../predict.js";
import type { ReportOptions } from "../report.js";
import type { TrainOptions } from "../train.js";
import { list, nonEmpty, oneOf, positiveNumber, share, wholeNumber } from "../values.js";

export function declareTrain(program: CliCommand, context: CommandContext): void {
  program
    .command("train")
    .description("Trains a convolutional net on labelled images and saves it")
    .valueOption("-d, --data <DIR>", "folder of IDX files, such as MNIST; without it: striate's 1,797 digits", nonEmpty)
    .valueOption("--classes <NAME,...>", "their names, with --data (default: numbers)", list)
    .valueOption("--model <NAME>", "lenet5 or small (default: by the size of the images)", oneOf(["lenet5", "small"]))
    .valueOption(
      "-e, --epochs <N>",
      "passes over the training images (default: 30, with --data 5)",
      wholeNumber(1, 100_000),
    )
    .valueOption("-b, --batch-size <N>", "images in a step (default: 32, with --data 64)", wholeNumber(1, 65_536))
    .valueOption("-l, --learning-rate <X>", "of the first epoch; falls to 0 along a cosine", positiveNumber, {
      value: 0.05,
    })
    .valueOption(
      "--validation <X>",
      "share of the training images to choose the epoch by, with --data (default: 0.1)",
      share,
    )
    .valueOption(
      "--shift <N>",
      "move images by up to N pixels while training (default: 1, with --data 0)",
      wholeNumber(0, 64),
    )
    .valueOption(
      "-s, --seed <N>",
      "of weights, order and shifts: the same seed repeats a run",
      wholeNumber(0, 2 ** 52),
      {
        value: 1,
      },
    )
    .valueOption(
      "--seeds <N>",
      "train N times, with the seeds from --seed on, and print the mean",
      wholeNumber(1, 1000),
      {
        value: 1,
      },
    )
    .valueOption("-o, --out <DIR>", "folder of the model (default: digits-model, with --data DIR-model)", nonEmpty)
    .option("-q, --quiet", "print results only, no progress", false)
    .option("--json", "print results as JSON", false)
    .addHelpText(
      "after",
      `
The split of the digits is fixed: 1,078 images to train, 360 to choose the epoch (and the seed) by, 359
to test once at the end; softmax regression on the same split is the figure to beat. A folder has
train-images-idx3-ubyte, train-labels-idx1-ubyte and, to test, t10k-images-idx3-ubyte and
t10k-labels-idx1-ubyte, each with .gz or without. Ctrl-C stops at once: nothing is written of the digits,
of a folder the best epoch so far is saved, and it is told which.`,
    )
    .action(async (options: TrainOptions) => (await import("../train.js")).train(options, context));
}

export function declareEvaluate(program: CliCommand, context: CommandContext): void {
  program
    .command("evaluate")
    .description("Measures a saved model on labelled images, class by class")
    .argument("<model>", "folder that train has written")
    .valueOption("-d, --data <DIR>", "folder of IDX files; without it: striate's digits", nonEmpty)
    .valueOption("--part <NAME>", "test or train", oneOf(["test", "train"]), { value: "test" })
    .valueOption("-b, --batch-size <N>", "images in a run", wholeNumber(1, 65_536), { value: 64 })
    .option("-q, --quiet", "no progress", false)
    .option("--json", "print all of it as JSON, with the confusion matrix", false)
    .action(async (model: string, options: EvaluateOptions) =>
      (await import("../evaluate.js")).evaluate(model, options, context),
    );
}

export function declarePredict(program: CliCommand, context: CommandContext): void {
  program
    .command("predict")
    .description("Classifies pictures, or digits of the data set, with a saved model")
    .argument("[file...]", "pictures; - reads one from standard input")
    .valueOption("-m, --model <DIR>", "folder that train has written", nonEmpty, { value: "digits-model" })
    .valueOption("-d, --digit <N,...>", "numbers of digits of the data set, 0 to 1796", digitNumbers, {
      value: [],
      text: "none",
    })
    .option("--json", "print classes and probabilities as JSON", false)
    .addHelpText(
      "after",
      `
A picture is a PNG, JPEG or whatever else the package sharp reads, which must be installed beside striate:
one digit or thing, dark on light or light on dark. It is cut out, scaled and centred as those were that the
model has learned from.`,
    )
    .action(async (files: string[], options: PredictOptions) =>
      (await import("../predict.js")).predict(files, options, context),
    );
}

function digitNumbers(text: string): number[] {
  const numbers = text.split(",");
  if (!numbers.every((number) => /^\d+$/.test(number) && Number(number) < 1797)) {
    throw new RangeError("whole numbers from 0 to 1796 with commas between them");
  }
  return numbers.map(Number);
}

export function declareInspect(program: CliCommand, context: CommandContext): void {
  program
    .command("inspect")
    .description("Shows a saved model: layers, shapes, parameters, memory, and the algorithm of each step")
    .argument("<model>", "folder that train or model.save() has written")
    .valueOption("-b, --batch-size <N>", "images in a run", wholeNumber(1, 65_536), { value: 1 })
    .option("--training", "the steps of a training step instead", false)
    .option("--json", "print all of it as JSON, with the algorithms that were declined and why", false)
    .action(async (model: string, options: InspectOptions) =>
      (await import("../inspect.js")).inspect(model, options, context),
    );
}

export function declareReport(program: CliCommand, context: CommandContext): void {
  program
    .command("report")
    .description("Writes one page about a saved model: curves, mistakes, filters, and what it looks at")
    .argument("<model>", "folder that train has written")
    .valueOption("-d, --data <DIR>", "folder of IDX files to judge it by; without it: striate's digits", nonEmpty)
    .valueOption("--part <NAME>", "test or train", oneOf(["test", "train"]), { value: "test" })
    .valueOption("-o, --out <FILE>", "the page, in HTML; - is standard output", nonEmpty, { value: "report.html" })
    .valueOption("--title <TEXT>", "of the page", nonEmpty)
    .valueOption("--examples <N>", "images to draw feature maps and attributions of", wholeNumber(1, 64), { value: 4 })
    .valueOption("--ascent-steps <N>", "of the search for what filters respond to; 0: none", wholeNumber(0, 10_000), {
      value: 64,
    })
    .option("-q, --quiet", "no progress", false)
    .option("--json", "print name and size of the page as JSON", false)
    .action(async (model: string, options: ReportOptions) =>
      (await import("../report.js")).report(model, options, context),
    );
}
