/** The reference backend: every Program in pure TypeScript, on any platform; async runs in a worker_thread. */
import { StriateError } from "../../errors.js";
import type { Backend } from "../backend.js";
import { forgetState, ReferenceExecutable } from "./executable.js";
import { ReferenceState } from "./state.js";

/**
 * The pure TypeScript backend: float32 storage, float64 accumulation, one thread.
 *
 * @example
 * ```ts
 * const state = referenceBackend.createState([{ name: "weights", shape: [784, 10] }]);
 * const [y] = referenceBackend.compile(program, state).run([x], { rows: 1 });
 * ```
 */
export const referenceBackend: Backend = {
  name: "reference",
  info: () => ({ backend: "reference", isa: "none", threads: 1, nativeBytes: 0, loadError: undefined }),
  createState: (specs) => new ReferenceState(specs, forgetState),
  compile(program, state) {
    if (state instanceof ReferenceState) return new ReferenceExecutable(program, state);
    throw new StriateError(
      "ERR_STRIATE_ARGUMENT",
      "compile: the State must come from the same backend, got another one",
    );
  },
};
