/** Files by name, or standard input. */
import { StriateError } from "../errors.js";
import type { Terminal } from "./terminal.js";

/** All of standard input; what `-` in place of a file's name means. */
export async function readInput({ input }: Terminal): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of input ?? []) chunks.push(chunk);
  if (chunks.length === 0) throw new StriateError("ERR_STRIATE_DATA", "standard input is empty");
  return Buffer.concat(chunks);
}
