/** One loop, two ways to run it: loops are generators that yield runs, driven on this thread or off it. */
import type { Executable, InputArray } from "../backend/backend.js";
import type { RunScalars } from "../graph/program.js";

export interface RunRequest {
  readonly executable: Executable;
  readonly inputs: readonly InputArray[];
  readonly scalars: RunScalars;
  /** Arrays for the outputs of a run on the calling thread; one off it makes its own. */
  readonly into?: readonly Float32Array[];
  /** Done while the run is under way: assembling the next batch. */
  readonly meanwhile?: () => void;
}

/** Yields runs, is given their outputs, returns the loop's result. */
export type RunLoop<T> = Generator<RunRequest, T, Float32Array[]>;

/** Runs on the calling thread. */
export function driveSync<T>(loop: RunLoop<T>): T {
  let next = loop.next();
  while (!next.done) {
    const { executable, inputs, scalars, into, meanwhile } = next.value;
    const outputs = executable.run(inputs, scalars, into);
    meanwhile?.();
    next = loop.next(outputs);
  }
  return next.value;
}

/** Runs off the calling thread; rejects with the signal's reason once it is aborted. */
export async function drive<T>(loop: RunLoop<T>, signal: AbortSignal | undefined): Promise<T> {
  signal?.throwIfAborted();
  let next = loop.next();
  while (!next.done) {
    const { executable, inputs, scalars, meanwhile } = next.value;
    const run = executable.runAsync(inputs, scalars, signal ? { signal } : {});
    try {
      meanwhile?.();
    } finally {
      // Whatever happens, no run is left behind unobserved.
      await run.catch(() => undefined);
    }
    next = loop.next(await run);
    signal?.throwIfAborted();
  }
  return next.value;
}
