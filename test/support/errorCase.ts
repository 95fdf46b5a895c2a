/** A case that must be refused, with the exact sentence. */
import { input } from "../../lib/graph/value.js";
import type { Dtype } from "../../lib/graph/program.js";
import type { Value } from "../../lib/graph/value.js";

export interface ErrorCase {
  readonly name: string;
  readonly build: () => unknown;
  readonly code: string;
  readonly message: string | RegExp;
}

/** A Value of the shape, to try an op's checks on. */
export function placeholder(shape: readonly number[], options: { dtype?: Dtype; batched?: boolean } = {}): Value {
  return input("x", shape, options);
}
