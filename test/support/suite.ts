/** Declares the tests of every case on one backend. One process serves one ISA, so each has its own test file. */
import { describe, expect, it } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { graphs } from "../cases/graphs.js";
import { rooms } from "../cases/index.js";
import { bitDifference } from "./compare.js";
import { graphFailures } from "./graphRun.js";
import { failuresOf } from "./runCase.js";
import { stateCases, stateFailures } from "./stateRun.js";
import type { StepCase } from "./stepCase.js";
import { forwardFailures, gradientFailures, hasGradient } from "./valueCase.js";

export interface Threads {
  readonly counts: readonly number[];
  readonly set: (count: number) => void;
}

function titleOf({ op, name }: StepCase): string {
  return `${op}: ${name}`;
}

function report(failures: readonly string[]): void {
  expect(failures.join("\n")).toBe("");
}

/** Every case as one step, in every layout, for every thread count; and all thread counts give the same bits. */
function stepFailures(stepCase: StepCase, backend: Backend, threads: Threads): string[] {
  const first = new Map<string, Float32Array>();
  return threads.counts.flatMap((count) => {
    threads.set(count);
    const unequal: string[] = [];
    const failures = failuresOf(stepCase, backend, {
      onResult: (key, result) => {
        const earlier = first.get(key);
        const bits = earlier === undefined ? undefined : bitDifference(key, earlier, result);
        if (bits !== undefined) unequal.push(`not the bits of ${String(threads.counts[0])} threads: ${bits}`);
        if (earlier === undefined) first.set(key, result);
      },
    });
    return [...failures, ...unequal].map((failure) => `${String(count)} threads: ${failure}`);
  });
}

export function declareCases(backend: Backend, threads: Threads): void {
  for (const [room, { cases }] of Object.entries(rooms)) {
    describe(`${room}, one step`, () => {
      for (const stepCase of cases) it(titleOf(stepCase), () => report(stepFailures(stepCase, backend, threads)));
    });
    const built = cases.filter(({ build }) => build !== undefined);
    if (built.length === 0) continue;
    describe(`${room}, from Values`, () => {
      for (const stepCase of built) {
        it(titleOf(stepCase), () => {
          report(forwardFailures(stepCase, backend));
          if (hasGradient(stepCase)) report(gradientFailures(stepCase, backend));
        });
      }
    });
  }
}

/** Whole graphs, judged by the oracle that runs them node by node. */
export function declareGraphs(backend: Backend, setThreads: readonly (() => void)[] = [() => {}]): void {
  describe("whole graphs", () => {
    it.each(graphs)("$name", (graphCase) => report(graphFailures(graphCase, backend, setThreads)));
  });
}

/** Packed and prepared weights follow the State. */
export function declareState(backend: Backend): void {
  describe("nothing stale", () => {
    it.each(stateCases)("$name", (stateCase) => report(stateFailures(stateCase, backend)));
  });
}
