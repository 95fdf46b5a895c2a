// The run time's answer to the same text that the compiler is given.
import { runInNewContext } from "node:vm";
import { StriateError } from "../../lib/errors.js";
import * as formulas from "../../lib/formulas/index.js";
import * as layers from "../../lib/layers/index.js";
import { input, sequential } from "../../lib/layers/net.js";
import type { Branch } from "../../lib/layers/net.js";

/** A shape, or the message of the error. */
export type Answer =
  | { readonly shape: readonly number[]; readonly message?: undefined }
  | { readonly shape?: undefined; readonly message: string };

/** What a piece of text may use beside nets. `n(...)` is a number that the compiler does not know, `of(...)` shows one. */
const globals = {
  n: (value: number) => value,
  of: (size: number) => ({ outputShape: [size] }),
};

/** Evaluates an expression that makes a net, or anything with an `outputShape`. */
export function evaluate(code: string): Branch | StriateError {
  try {
    return runInNewContext(code, { input, sequential, layers, formulas, ...globals }) as Branch;
  } catch (error) {
    if (!(error instanceof StriateError)) throw error;
    return error;
  }
}

/** The shape of the net that an expression makes, or why it makes none. */
export function ask(code: string): Answer {
  const net = evaluate(code);
  return net instanceof StriateError ? { message: net.message } : { shape: net.outputShape };
}
