/** What the other commands take: bench, info, help. */
import type { CliCommand } from "../command.js";
import type { CommandContext } from "../terminal.js";
import type { BenchOptions } from "../bench.js";
import type { InfoOptions } from "../info.js";
import { nonEmpty, positiveNumber } from "../values.js";

export function declareBench(program: CliCommand, context: CommandContext): void {
  program
    .command("bench")
    .description("Times a few layers and a small model on this machine, on one thread and on all")
    .valueOption("-s, --seconds <X>", "for each line", positiveNumber, { value: 0.2 })
    .option("-q, --quiet", "no progress", false)
    .option("--json", "print the figures as JSON", false)
    .action(async (options: BenchOptions) => (await import("../bench.js")).bench(options, context));
}

export function declareInfo(program: CliCommand, context: CommandContext): void {
  program
    .command("info")
    .description("Prints version, backend and instruction set, and what is in a saved model")
    .valueOption("-m, --model <DIR>", "also summarise the model in this folder", nonEmpty)
    .option("--json", "print all of it as JSON", false)
    .action(async (options: InfoOptions) => (await import("../info.js")).info(options, context));
}

/** Commander's own would print the overview where a command does not exist. */
export function declareHelp(program: CliCommand): void {
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
