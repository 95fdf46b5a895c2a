// The run time's answer to the same text that the compiler is given.
import { runInNewContext } from "node:vm";
import { StriateError } from "../../lib/errors.js";
import * as layers from "../../lib/layers/index.js";
import { input, sequential } from "../../lib/layers/net.js";
import type { Branch } from "../../lib/layers/net.js";

/** A shape, or the message of the error. */
export type Answer =
  | { readonly shape: readonly number[]; readonly message?: undefined }
  | { readonly shape?: undefined; readonly message: string };

/** Evaluates an expression that makes a net. `n(...)` is a number that the compiler does not know. */
export function ask(code: string): Answer {
  try {
    const net = runInNewContext(code, { input, sequential, layers, n: (value: number) => value }) as Branch;
    return { shape: net.outputShape };
  } catch (error) {
    if (!(error instanceof StriateError)) throw error;
    return { message: error.message };
  }
}
