import type { Terminal } from "../../lib/cli/terminal.js";

/** A terminal that keeps what is written. */
export function recordingTerminal(): Terminal & { output(): string; errors(): string } {
  const out: string[] = [];
  const error: string[] = [];
  return {
    out: { write: (text) => out.push(text) },
    error: { write: (text) => error.push(text) },
    output: () => out.join(""),
    errors: () => error.join(""),
  };
}
