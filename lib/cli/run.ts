/** The command line as a function, so that tests run it in their own process. */
import { StriateError } from "../errors.js";
import {
  commandHelp,
  parseCommandLine,
  UsageError,
  type CommandSpec,
  type OptionSpecs,
  type OptionValues,
} from "./commandLine.js";
import type { Terminal } from "./terminal.js";
import { packageVersion } from "./version.js";

/** Exit codes: 130 is 128 + SIGINT, as shells report it. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

interface Command {
  readonly spec: CommandSpec;
  run(argv: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<void>;
}

/** Parses, or prints the help, then runs. */
function command<Specs extends OptionSpecs>(
  spec: CommandSpec<Specs>,
  run: (
    values: OptionValues<Specs>,
    positionals: readonly string[],
    terminal: Terminal,
    signal: AbortSignal,
  ) => Promise<void>,
): Command {
  return {
    spec,
    async run(argv, terminal, signal) {
      const parsed = parseCommandLine(spec, argv);
      if (parsed === "help") terminal.out.write(commandHelp(spec));
      else await run(parsed.values, parsed.positionals, terminal, signal);
    },
  };
}

/** Each command is imported when it is needed: the help appears at once. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  train: async () => {
    const { train, trainCommand } = await import("./train.js");
    return command(trainCommand, (values, _, terminal, signal) => train(values, terminal, signal));
  },
  predict: async () => {
    const { predict, predictCommand } = await import("./predict.js");
    return command(predictCommand, predict);
  },
  info: async () => {
    const { info, infoCommand } = await import("./info.js");
    return command(infoCommand, (values, _, terminal) => info(values, terminal));
  },
};

async function overview(): Promise<string> {
  const specs = await Promise.all(Object.values(commands).map(async (load) => (await load()).spec));
  const rows = [
    ...specs.map(({ name, summary }) => [name, summary]),
    ["help", "Prints this, or the help of a command"],
  ];
  return [
    "Usage: striate <command> [options]",
    "",
    "Convolutional networks that train and run on this machine's processor.",
    "",
    ...rows.map(([name, summary]) => `  ${name!.padEnd(10)}${summary!}`),
    "",
    "striate <command> --help tells the options. Environment: STRIATE_BACKEND=native|reference,",
    "STRIATE_ISA, STRIATE_THREADS.",
    "",
  ].join("\n");
}

async function find(name: string): Promise<Command> {
  if (!Object.hasOwn(commands, name)) {
    throw new UsageError(
      "striate",
      `there is no command ${JSON.stringify(name)}; it has ${[...Object.keys(commands), "help"].join(", ")}`,
    );
  }
  return commands[name]!();
}

async function dispatch(argv: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined) throw new UsageError("striate", "needs a command");
  if (name === "--version" || name === "-v") terminal.out.write(`${packageVersion()}\n`);
  else if (name === "--help" || name === "-h" || (name === "help" && rest.length === 0))
    terminal.out.write(await overview());
  else if (name === "help") terminal.out.write(commandHelp((await find(rest[0]!)).spec));
  else await (await find(name)).run(rest, terminal, signal);
}

/** Our errors and the system's are made for people; anything else is a fault of the program, where the stack helps. */
function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const expected = error instanceof StriateError || "syscall" in error;
  return expected ? error.message : (error.stack ?? error.message);
}

/**
 * Runs a command line.
 *
 * @param argv without node and the script
 * @returns the exit code
 */
export async function runCommandLine(
  argv: readonly string[],
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  try {
    await dispatch(argv, terminal, signal);
    return exitCodes.done;
  } catch (error) {
    if (signal.aborted) {
      terminal.error.write("interrupted: nothing was written\n");
      return exitCodes.interrupted;
    }
    if (error instanceof UsageError) {
      const help = error.command === "striate" ? "striate help" : `striate ${error.command} --help`;
      terminal.error.write(`${error.message}\n${help} tells how it is used\n`);
      return exitCodes.usage;
    }
    const text = describeError(error);
    terminal.error.write(`${text}\n`);
    return exitCodes.failed;
  }
}
