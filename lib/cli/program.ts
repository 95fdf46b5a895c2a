/** Every command: what it takes, and where it is. Commands are loaded when they run, so that help and errors appear at once. */
import { CliCommand } from "./command.js";
import type { InfoOptions } from "./info.js";
import type { PredictOptions } from "./predict.js";
import { hasColors, painter, type CommandContext } from "./terminal.js";
import type { TrainOptions } from "./train.js";
import { nonEmpty, positiveNumber, wholeNumber } from "./values.js";
import { packageVersion } from "./version.js";

/** The program; it prints to the context's terminal and throws where others exit. */
export function createProgram(context: CommandContext): CliCommand {
  const { out, error } = context.terminal;
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
    .configureHelp({ styleTitle: (title) => painter(out)("bold", title) })
    .version(packageVersion(), "-v, --version", "print the version")
    .addHelpText("after", overviewNotes);
  for (const declare of [declareTrain, declarePredict, declareInfo, declareHelp]) declare(program, context);
  return program;
}

const overviewNotes = `
striate help <command> tells the options. Exit codes: 0 done, 1 failed, 2 a mistake in the command line,
130 interrupted. Environment: STRIATE_BACKEND=native|reference, STRIATE_ISA, STRIATE_THREADS, NO_COLOR, FORCE_COLOR.`;

function declareTrain(program: CliCommand, context: CommandContext): void {
  program
    .command("train")
    .description("Trains a convolutional net on 1,797 handwritten digits and saves it")
    .valueOption("-e, --epochs <N>", "passes over the training images", wholeNumber(1, 100_000), { value: 30 })
    .valueOption("-b, --batch-size <N>", "images in a step", wholeNumber(1, 1078), { value: 32 })
    .valueOption("-l, --learning-rate <X>", "of the first epoch; falls to 0 along a cosine", positiveNumber, {
      value: 0.05,
    })
    .valueOption(
      "-s, --seed <N>",
      "of initial weights, order and shifts: the same seed repeats a run",
      wholeNumber(0, 2 ** 52),
      { value: 1 },
    )
    .valueOption(
      "--seeds <N>",
      "train N times, with the seeds from --seed on, and print the mean",
      wholeNumber(1, 1000),
      { value: 1 },
    )
    .valueOption("-o, --out <DIR>", "folder of the model", nonEmpty, { value: "digits-model" })
    .option("-q, --quiet", "print results only, no progress", false)
    .addHelpText(
      "after",
      `
The split is fixed: 1,078 images to train, 360 to choose the epoch (and the seed) by, 359 to test
once at the end. Softmax regression on the same split is the figure to beat. Ctrl-C stops at
once; then nothing is written.`,
    )
    .action(async (options: TrainOptions) => (await import("./train.js")).train(options, context));
}

function declarePredict(program: CliCommand, context: CommandContext): void {
  program
    .command("predict")
    .description("Classifies digits of the data set, or pictures from files, with a saved model")
    .argument("[file...]", "pictures")
    .valueOption("-m, --model <DIR>", "folder that train has written", nonEmpty, { value: "digits-model" })
    .valueOption("-d, --digit <N,...>", "numbers of digits of the data set, 0 to 1796", digitNumbers, {
      value: [],
      text: "none",
    })
    .addHelpText(
      "after",
      `
A file is a PNG, JPEG or whatever else the package sharp reads, which must be installed beside striate:
one digit, dark on light or light on dark. It is cut out, scaled and centred as the data set was.`,
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
