/** Memory of JavaScript whose size a caller or a file chose. */
import { StriateError } from "./errors.js";

/**
 * New memory whose size a caller chose: where the system has none, that is an error with a code like any other.
 *
 * @param owner begins the sentence of the error
 * @throws StriateError ERR_STRIATE_MEMORY
 */
export function allocated<Memory>(owner: string, bytes: number, allocate: () => Memory): Memory {
  try {
    return allocate();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new StriateError("ERR_STRIATE_MEMORY", `${owner}: there is no memory for ${bytes} bytes`, { cause });
  }
}

/** Floats, all 0. @throws StriateError ERR_STRIATE_MEMORY */
export function newFloats(owner: string, length: number): Float32Array<ArrayBuffer> {
  return allocated(owner, 4 * length, () => new Float32Array(length));
}
