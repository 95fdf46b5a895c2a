import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runCommandLine } from "../../lib/cli/run.js";
import type { Terminal } from "../../lib/cli/terminal.js";

/** A terminal that keeps what is written. */
export function recordingTerminal(
  input?: Uint8Array,
): Terminal & { output(): string; errors(): string; bytes(): Buffer } {
  const out: Buffer[] = [];
  const error: Buffer[] = [];
  return {
    ...(input === undefined
      ? {}
      : {
          input: (async function* () {
            yield await Promise.resolve(input);
          })(),
        }),
    out: { write: (data) => out.push(Buffer.from(data as Uint8Array)) },
    error: { write: (data) => error.push(Buffer.from(data as Uint8Array)) },
    output: () => Buffer.concat(out).toString(),
    errors: () => Buffer.concat(error).toString(),
    bytes: () => Buffer.concat(out),
  };
}

/** What a command line did. */
export interface Outcome {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs a command line in this process. */
export async function run(...argv: string[]): Promise<Outcome> {
  const terminal = recordingTerminal();
  const code = await runCommandLine(argv, terminal, new AbortController().signal);
  return { code, output: terminal.output(), errors: terminal.errors() };
}

const program = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

/**
 * Runs the built program as a process of its own, without a terminal.
 *
 * @param options.env beside an environment without anything that changes what is printed
 * @param options.onErrors sees standard error as it grows, and may send signals
 */
export async function spawnProgram(
  argv: readonly string[],
  options: {
    readonly env?: Readonly<Record<string, string>>;
    readonly input?: Uint8Array;
    readonly onErrors?: (errors: string, kill: (signal: NodeJS.Signals) => void) => void;
  } = {},
): Promise<Outcome & { readonly signal: string | null; readonly bytes: Buffer }> {
  const { NO_COLOR: _, FORCE_COLOR: __, ...env } = process.env;
  const child = spawn(process.execPath, [program, ...argv], { env: { ...env, ...options.env } });
  const out: Buffer[] = [];
  let errors = "";
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
    options.onErrors?.(errors, (signal) => child.kill(signal));
  });
  child.stdin.on("error", () => undefined).end(options.input);
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on("close", (...status) => resolve(status));
  });
  const bytes = Buffer.concat(out);
  return { code, signal, output: bytes.toString(), bytes, errors };
}
