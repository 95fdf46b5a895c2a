/** Where a command reads and prints: results to one stream, progress and errors to the other, as usual on Unix. */
import { styleText } from "node:util";

/** The part of a stream that commands use; `isTTY` and `columns` as on process.stderr. */
export interface TextStream {
  write(data: string | Uint8Array): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

export interface Terminal {
  /** What `-` in place of a file's name reads. */
  readonly input?: AsyncIterable<Uint8Array>;
  readonly out: TextStream;
  readonly error: TextStream;
}

/** What runs a command gives it. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** What is on the disk by now: told when the command is interrupted. */
  saved?: string;
  /** Where the answer of a command is no. */
  exitCode?: number;
}

/** The environment decides (no-color.org, force-color.org), then whether it is a terminal. */
export function hasColors(stream: TextStream, environment = process.env): boolean {
  const { NO_COLOR: without = "", FORCE_COLOR: force = "", TERM: kind } = environment;
  if (without !== "") return false;
  if (force !== "") return force !== "0" && force !== "false";
  return stream.isTTY === true && kind !== "dumb";
}

type Style = Parameters<typeof styleText>[0];

/** Styles text where the stream shows it. */
export function painter(stream: TextStream): (style: Style, text: string) => string {
  const colors = hasColors(stream);
  return (style, text) => (colors ? styleText(style, text, { validateStream: false }) : text);
}

/** For `--json`: one value, indented, with a newline. Numbers that JSON has no word for become null. */
export function writeJson(stream: TextStream, value: unknown): void {
  stream.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
