/** One and two threads give the same bits, on steps where both demonstrably worked, and those bits are right. */
import { describe, expect, it } from "vitest";
import { nativeBackend } from "../../lib/backend/native/index.js";
import type { InputArray } from "../../lib/backend/backend.js";
import { opSchemas } from "../../lib/graph/opSchema.js";
import { largeCases, serialOps } from "../cases/large.js";
import { bitDifference, difference } from "../support/compare.js";
import { nativeRounding, sizeOf } from "../support/oracle/index.js";
import { buildProgram } from "../support/programs.js";
import { drawOperands, expectation, liveShape, type StepCase } from "../support/stepCase.js";

const backend = nativeBackend();
const { addon } = backend;

/** A machine with other work may let a pool thread sleep through many steps: try until it has taken part. */
const patience = 15_000;

interface Outcome {
  readonly results: readonly Float32Array[];
  /** Tasks that callers and that pool threads took. */
  readonly taken: readonly [callers: number, workers: number];
}

function tasks(): [number, number] {
  const [callers, ...workers] = addon.taskCounters();
  return [callers!, workers.reduce((sum, count) => sum + count, 0)];
}

/** Calls `visit` with the outcome of each run; stops when it returns true. */
function runRepeatedly(stepCase: StepCase, rows: number, threads: number, visit: (outcome: Outcome) => boolean): void {
  addon.setThreads(threads);
  const built = buildProgram(stepCase, "dense");
  const values = drawOperands(stepCase);
  const inputs = built.inputs.map((source): InputArray => {
    const spec = stepCase.operands[source as number]!;
    const live = values[source as number]!.subarray(0, sizeOf(liveShape(spec, rows)));
    if (spec.dtype === "i32") return Int32Array.from(live);
    return spec.dtype === "u8" ? Uint8Array.from(live) : Float32Array.from(live);
  });
  const state = backend.createState(built.state);
  const initial = new Map(built.state.map(({ name, operand }) => [name, Float32Array.from(values[operand]!)]));
  const executable = backend.compile(built.program, state);
  try {
    for (const deadline = performance.now() + patience; performance.now() < deadline;) {
      state.write(initial);
      const before = tasks();
      const outputs = executable.run(inputs, { rows, learningRate: stepCase.learningRate ?? 0 });
      const after = tasks();
      const results = built.resultStates === undefined ? outputs : state.read(built.resultStates);
      if (visit({ results, taken: [after[0] - before[0], after[1] - before[1]] })) return;
    }
  } finally {
    executable.dispose();
    state.dispose();
  }
}

describe("1 and 2 threads", () => {
  it.each(largeCases.map((stepCase) => [`${stepCase.op}: ${stepCase.name}`, stepCase] as const))(
    "%s",
    (_, stepCase) => {
      const rows = stepCase.rows > 1 ? stepCase.rows - 1 : 1;
      let alone: readonly Float32Array[] = [];
      runRepeatedly(stepCase, rows, 1, ({ results, taken }) => {
        alone = results;
        expect(taken[1], "with one thread the pool must rest").toBe(0);
        return true;
      });
      let both = false;
      runRepeatedly(stepCase, rows, 2, ({ results, taken }) => {
        results.forEach((result, i) => expect(bitDifference(`result ${String(i)}`, alone[i]!, result)).toBeUndefined());
        both = taken[0] > 0 && taken[1] > 0;
        return both;
      });
      expect(both, "both threads must have taken work").toBe(true);
      const wants = expectation(stepCase, drawOperands(stepCase), rows, nativeRounding);
      alone.forEach((result, i) => expect(difference(`result ${String(i)}`, result, wants[i]!)).toBeUndefined());
    },
  );

  it("leave out no op but those of one vector", () => {
    const covered = new Set([...largeCases.map(({ op }) => op), ...serialOps]);
    expect(Object.keys(opSchemas).filter((op) => !covered.has(op as StepCase["op"]))).toEqual([]);
  });
});
