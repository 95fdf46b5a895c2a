/** Errors of the addon as errors of striate. */
import { StriateError } from "../../errors.js";

/**
 * The addon's Errors carry a code. Its TypeErrors mean that a caller's array is not what it seemed to be here, one with a
 * `length` of its own, say. Anything else passes as it is.
 */
export function asStriateError(error: unknown): unknown {
  if (error instanceof TypeError) return new StriateError("ERR_STRIATE_ARGUMENT", error.message, { cause: error });
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code !== "string" || !code.startsWith("ERR_STRIATE_")) return error;
  return new StriateError(code, (error as Error).message, { cause: error });
}

/** Calls the addon. @throws StriateError with the addon's code */
export function calling<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    throw asStriateError(error);
  }
}
