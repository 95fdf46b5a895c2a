/** Commander with this package's sentences: each mistake in a command line is a UsageError that names its command. */
import { Command, Option } from "commander";
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

/** A command, or the program with all of them. Help and version go where `configureOutput` says; nothing ends the process. */
export class CliCommand extends Command {
  override createCommand(name?: string): CliCommand {
    return new CliCommand(name);
  }

  /** Commander reports what it finds here: an unknown option, an argument too many. */
  override error(message: string): never {
    throw new UsageError(this.name(), message.replace(/^error: /, "").replace(/\n\(/g, " ("));
  }

  /**
   * An option with a value that is checked.
   *
   * @param flags "-e, --epochs <N>"
   * @param parse reads the text; a RangeError's message says what the value must be
   * @param absent its value where it is not given, and how the help tells that; or "mandatory"
   */
  valueOption<T>(
    flags: string,
    description: string,
    parse: (text: string) => T,
    absent?: "mandatory" | { value?: T; text?: string },
  ) {
    const option = new Option(flags, description);
    option.argParser((text) => this.read(option.long!, parse, text));
    if (absent === "mandatory") option.makeOptionMandatory();
    else if (absent !== undefined) option.default(absent.value, absent.text);
    return this.addOption(option);
  }

  /** An argument that must be given and is checked, as {@link valueOption} does. */
  valueArgument<T>(name: string, description: string, parse: (text: string) => T) {
    return this.argument(name, description, (text) => this.read(name.replace(/[<>]/g, ""), parse, text));
  }

  private read<T>(name: string, parse: (text: string) => T, text: string): T {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new UsageError(this.name(), `${name} must be ${error.message}, got ${JSON.stringify(text)}`);
    }
  }
}
