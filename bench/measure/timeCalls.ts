/** The loop with the clock in it. */
import type { Contender } from "../contenders/contender.js";
import type { ChangingInput } from "../random.js";

type Timed = Pick<Contender, "wrap" | "call" | "isAsync">;

/**
 * Calls on one input after the other until the time is up, twice at least.
 * @returns milliseconds of each call but the first, which wakes caches and threads that the other contender put to sleep
 */
export async function timeCalls(
  contender: Timed,
  inputs: Pick<ChangingInput, "next">,
  milliseconds: number,
): Promise<Float64Array> {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do {
    const wrapped = contender.wrap(inputs.next());
    const start = performance.now();
    // A call that is not async is not awaited: that would add a turn of the microtask queue.
    if (contender.isAsync) await contender.call(wrapped);
    else contender.call(wrapped);
    times.push(performance.now() - start);
  } while (times.length < 2 || performance.now() < end);
  return Float64Array.from(times.slice(1));
}
