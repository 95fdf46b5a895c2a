/** The command line from its arguments to the exit code. */
import { CommanderError } from "commander";
import { StriateError } from "../errors.js";
import { UsageError } from "./command.js";
import { createProgram } from "./program.js";
import type { CommandContext, Terminal } from "./terminal.js";

/** Exit codes: 130 is 128 + SIGINT, as shells report it. */
export const exitCodes = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

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
  const context: CommandContext = { terminal, signal };
  try {
    if (argv.length === 0) throw new UsageError("striate", "needs a command");
    await createProgram(context).parseAsync([...argv], { from: "user" });
    return context.exitCode ?? exitCodes.done;
  } catch (error) {
    // Help or version, which are printed by now.
    if (error instanceof CommanderError) return error.exitCode;
    if (signal.aborted) {
      terminal.error.write(`interrupted: ${context.saved ?? "nothing was written"}\n`);
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
