/** Every command: what it takes, and where it is. Commands are loaded when they run, so that help and errors appear at once. */
import { Help } from "commander";
import type { BenchOptions } from "./bench.js";
import { CliCommand } from "./command.js";
import type { EvaluateOptions } from "./evaluate.js";
import type { InfoOptions } from "./info.js";
import type { InspectOptions } from "./inspect.js";
import type { ImageShape } from "./nets.js";
import type { PredictOptions } from "./predict.js";
import { hasColors, painter, type CommandContext } from "./terminal.js";
import type { ReportOptions } from "./report.js";
import type { SizeOptions } from "./size.js";
import type { TrainOptions } from "./train.js";
import { imageShape, list, nonEmpty, oneOf, paddingOf, pairOf, positiveNumber, share, wholeNumber } from "./values.js";
import { packageVersion } from "./version.js";

/** The program; it prints to the context's terminal and throws where others exit. */
export function createProgram(context: CommandContext): CliCommand {
  const { out, error } = context.terminal;
  const help = new Help();
  const program = new CliCommand("striate");
  program
    .description("Convolutional networks that train and run on this machine's processor.")
    .usage("<command> [options]")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out.write(text),
      writeErr: (text) => error.write(text),
      getOutHelpWidth: () => Math.min(out.columns ?? 100, 100),
      getOutHasColors: () => hasColors(out),
    })
    .configureHelp({
      styleTitle: (title) => painter(out)("bold", title),
      // That a flag is off where it is not given goes without saying.
      optionDescription: (option) => (option.isBoolean() ? option.description : help.optionDescription(option)),
    })
    .version(packageVersion(), "-v, --version", "print the version")
    .addHelpText("after", overviewNotes);
  for (const declare of commands) declare(program, context);
  return program;
}

/** In the order in which the help lists them. */
const commands = [
  ...[declareTrain, declareEvaluate, declarePredict, declareInspect, declareReport],
  ...[declareSize, declareBench, declareInfo, declareHelp],
];

const overviewNotes = `
striate help <command> tells the options. Exit codes: 0 done, 1 failed, 2 a mistake in the command line,
130 interrupted. Environment: STRIATE_BACKEND=native|reference, STRIATE_ISA, STRIATE_THREADS, NO_COLOR, FORCE_COLOR.`;

function declareTrain(program: CliCommand, context: CommandContext): void {
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
    .action(async (options: TrainOptions) => (await import("./train.js")).train(options, context));
}

function declarePredict(program: CliCommand, context: CommandContext): void {
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
      (await import("./predict.js")).predict(files, options, context),
    );
}

function digitNumbers(text: string): number[] {
  const numbers = text.split(",");
  if (!numbers.every((number) => /^\d+$/.test(number) && Number(number) < 1797)) {
    throw new RangeError("whole numbers from 0 to 1796 with commas between them");
  }
  return numbers.map(Number);
}

function declareEvaluate(program: CliCommand, context: CommandContext): void {
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
      (await import("./evaluate.js")).evaluate(model, options, context),
    );
}

function declareInspect(program: CliCommand, context: CommandContext): void {
  program
    .command("inspect")
    .description("Shows a saved model: layers, shapes, parameters, memory, and the algorithm of each step")
    .argument("<model>", "folder that train or model.save() has written")
    .valueOption("-b, --batch-size <N>", "images in a run", wholeNumber(1, 65_536), { value: 1 })
    .option("--training", "the steps of a training step instead", false)
    .option("--json", "print all of it as JSON, with the algorithms that were declined and why", false)
    .action(async (model: string, options: InspectOptions) =>
      (await import("./inspect.js")).inspect(model, options, context),
    );
}

function declareReport(program: CliCommand, context: CommandContext): void {
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
    .action(async (model: string, options: ReportOptions) =>
      (await import("./report.js")).report(model, options, context),
    );
}

function declareSize(program: CliCommand, context: CommandContext): void {
  program
    .command("size")
    .description("Calculates what a convolution or a pool makes of an image, and which strides and paddings fit")
    .valueArgument("<image>", "height x width, or height x width x channels: 32x32x3", imageShape)
    .valueOption("-k, --kernel <F>", "window: 3, or 3x5", pairOf(1), "mandatory")
    .valueOption("-s, --stride <S>", "step of the window", pairOf(1), { value: 1 })
    .valueOption("-p, --padding <P>", "zeros around: 1, 1x2, same, valid, or top,bottom,left,right", paddingOf, {
      value: 0,
    })
    .valueOption("-d, --dilation <D>", "distance between the window's taps", pairOf(1), { value: 1 })
    .valueOption(
      "-r, --rounding <HOW>",
      "of a fraction: exact (illegal), floor or ceil",
      oneOf(["exact", "floor", "ceil"]),
      {
        value: "exact",
      },
    )
    .valueOption(
      "-f, --filters <N>",
      "also count parameters and multiply-adds of so many filters",
      wholeNumber(1, 2 ** 31 - 1),
    )
    .option("--json", "print all of it as JSON", false)
    .addHelpText(
      "after",
      `
The formula: (N + 2P - F)/S + 1, with D(F - 1) + 1 in place of F for a dilation of D. A fraction is illegal:
then the exit code is 1, and what would be legal is printed all the same.`,
    )
    .action(async (image: ImageShape, options: SizeOptions) =>
      (await import("./size.js")).size(image, options, context),
    );
}

function declareBench(program: CliCommand, context: CommandContext): void {
  program
    .command("bench")
    .description("Times a few layers and a small model on this machine, on one thread and on all")
    .valueOption("-s, --seconds <X>", "for each line", positiveNumber, { value: 0.2 })
    .option("-q, --quiet", "no progress", false)
    .option("--json", "print the figures as JSON", false)
    .action(async (options: BenchOptions) => (await import("./bench.js")).bench(options, context));
}

function declareInfo(program: CliCommand, context: CommandContext): void {
  program
    .command("info")
    .description("Prints version, backend and instruction set, and what is in a saved model")
    .valueOption("-m, --model <DIR>", "also summarise the model in this folder", nonEmpty)
    .action(async (options: InfoOptions) => (await import("./info.js")).info(options, context));
}

/** Commander's own would print the overview where a command does not exist. */
function declareHelp(program: CliCommand): void {
  program
    .command("help")
    .description("Prints this, or the help of a command")
    .argument("[command]")
    .action((name: string | undefined) => {
      if (name === undefined) program.help();
      const command = program.commands.find((each) => each.name() === name);
      // Commander says which names are near.
      if (command === undefined) program.parse([name], { from: "user" });
      command?.help();
    });
}
