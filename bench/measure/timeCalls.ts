/** The loop with the clock in it. */
import type { Contender, InputArray } from "../contenders/contender.js";

export interface Timed {
  readonly wrap: Contender["wrap"];
  readonly call: (wrapped: unknown) => unknown;
  /** Whether `call` returns a promise to wait for. */
  readonly isAwaited: boolean;
}

/**
 * Calls on one input after the other until the time is up, twice at least.
 * @returns milliseconds of each call but the first, which wakes caches and threads that the other contender put to sleep;
 *   of that one too where it took all the time there was
 */
export async function timeCalls(
  { wrap, call, isAwaited }: Timed,
  inputs: { next(): readonly InputArray[] },
  milliseconds: number,
): Promise<Float64Array> {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do {
    const wrapped = wrap(inputs.next());
    const start = performance.now();
    // A call that is not async is not awaited: that would add a turn of the microtask queue.
    if (isAwaited) await call(wrapped);
    else call(wrapped);
    times.push(performance.now() - start);
  } while (performance.now() < end || (times.length < 2 && times[0]! < milliseconds));
  return Float64Array.from(times.length > 1 ? times.slice(1) : times);
}
