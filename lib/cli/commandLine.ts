/** What a command takes, written once: it parses the arguments, checks their values and prints the help. */
import { parseArgs } from "node:util";
import { StriateError } from "../errors.js";

/** A mistake in the command line: exit code 2, with a pointer to the help. */
export class UsageError extends StriateError {
  declare readonly code: "ERR_STRIATE_USAGE";
  /** The command whose help says more. */
  readonly command: string;

  constructor(command: string, message: string) {
    super("ERR_STRIATE_USAGE", `${command}: ${message}`);
    this.command = command;
  }
}

/** An option with a value of type T, or a flag. */
export interface OptionSpec<T> {
  readonly short?: string;
  /** What stands for the value in the help; without it the option is a flag. */
  readonly placeholder?: string;
  readonly help: string;
  /** The value where the option is absent. */
  readonly default: T;
  /** Shown in the help instead of the default; "" shows none. */
  readonly defaultText?: string;
  /** Reads the text of the value; a thrown RangeError's message says what it must be. */
  readonly parse: (text: string) => T;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec<unknown>>>;

export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]: Specs[Name] extends OptionSpec<infer T> ? T : never;
};

export interface CommandSpec<Specs extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What stands for arguments without a name in the usage line; absent where there are none. */
  readonly positionals?: string;
  readonly options: Specs;
  /** Paragraphs below the options. */
  readonly notes?: string;
}

/** A whole number of at least `least` as the value of an option. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    const limit = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    if (!/^\d+$/.test(text) || value < least || value > most) throw new RangeError(`a whole number ${limit}`);
    return value;
  };
}

/** A positive, finite number as the value of an option. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) throw new RangeError("a positive number");
  return value;
}

/** Any text but none. */
export function nonEmpty(text: string): string {
  if (text === "") throw new RangeError("not empty");
  return text;
}

const help: OptionSpec<boolean> = { short: "h", help: "print this help", default: false, parse: () => true };

/**
 * Parses the arguments of one command.
 *
 * @returns "help" where the help was asked for
 * @throws UsageError naming the option and what it must be
 */
export function parseCommandLine<Specs extends OptionSpecs>(
  spec: CommandSpec<Specs>,
  argv: readonly string[],
): { readonly values: OptionValues<Specs>; readonly positionals: readonly string[] } | "help" {
  const options = Object.entries<OptionSpec<unknown>>({ ...spec.options, help });
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: Object.fromEntries(
        options.map(([name, { short, placeholder }]) => [
          name,
          {
            type: placeholder === undefined ? "boolean" : "string",
            ...(short === undefined ? {} : { short }),
          } as const,
        ]),
      ),
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    throw new UsageError(spec.name, (error instanceof Error ? error.message : String(error)).split("\n")[0]!);
  }
  if (parsed.values.help === true) return "help";
  if (parsed.positionals.length > 0 && spec.positionals === undefined) {
    throw new UsageError(spec.name, `takes options only, got ${JSON.stringify(parsed.positionals[0])}`);
  }
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries<OptionSpec<unknown>>(spec.options)) {
    const text = parsed.values[name];
    if (text === undefined) {
      values[name] = option.default;
      continue;
    }
    try {
      values[name] = option.parse(String(text));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(spec.name, `--${name} must be ${error.message}, got ${JSON.stringify(text)}`);
    }
  }
  return { values: values as OptionValues<Specs>, positionals: parsed.positionals };
}

/** The help of one command. */
export function commandHelp(spec: CommandSpec): string {
  const rows = Object.entries<OptionSpec<unknown>>({ ...spec.options, help }).map(([name, option]) => {
    const short = option.short === undefined ? "    " : `-${option.short}, `;
    const value = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
    const shown = option.defaultText ?? (option.placeholder === undefined ? "" : String(option.default));
    return [`  ${short}--${name}${value}`, `${option.help}${shown === "" ? "" : ` (default ${shown})`}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const usage = ["striate", spec.name, "[options]", spec.positionals ?? ""].join(" ").trimEnd();
  return [
    `Usage: ${usage}`,
    "",
    `${spec.summary}.`,
    "",
    ...rows.map(([left, right]) => `${left.padEnd(width)}${right}`),
    ...(spec.notes === undefined ? [] : ["", spec.notes]),
    "",
  ].join("\n");
}
