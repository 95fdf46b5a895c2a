/** The program and its commands. What they do is loaded when they run, so that help and errors appear at once. */
import { Help } from "commander";
import { CliCommand } from "./command.js";
import { declareFilter, declareSize } from "./commands/images.js";
import { declareBench, declareHelp, declareInfo } from "./commands/machine.js";
import { declareEvaluate, declareInspect, declarePredict, declareReport, declareTrain } from "./commands/models.js";
import { hasColors, painter, type CommandContext } from "./terminal.js";
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
  ...[declareFilter, declareSize, declareBench, declareInfo, declareHelp],
];

const overviewNotes = `
striate help <command> tells the options. Exit codes: 0 done, 1 failed, 2 a mistake in the command line,
130 interrupted. Environment: STRIATE_BACKEND=native|reference, STRIATE_ISA, STRIATE_THREADS, STRIATE_NICE, NO_COLOR, FORCE_COLOR.`;
