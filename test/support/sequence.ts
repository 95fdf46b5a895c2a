/** Runs a graph several times on one State, beside the oracle. */
import type { Backend } from "../../lib/backend/backend.js";
import { lower } from "../../lib/graph/lower.js";
import type { GraphRoots } from "../../lib/graph/passes/ir.js";
import { difference } from "./compare.js";
import { bounded, oracleDifference, type Rounded } from "./golden.js";
import { type Bounded, referenceRounding } from "./oracle/index.js";
import { noisySamples, OracleRunner, spread, vacuous } from "./oracleRun.js";
import { Random } from "./random.js";
import { roundingOf } from "./valueCase.js";

/** One run: its inputs by name, and what PyTorch has afterwards by name of output or State tensor. */
export interface GoldenRun {
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>;
  readonly rows: number;
  readonly learningRate: number;
  readonly outputs: Readonly<Record<string, Rounded>>;
  readonly states: Readonly<Record<string, Rounded>>;
}

/** Runs the graph several times on the same State and compares all that is known after each run. */
export function sequenceFailures(
  backend: Backend,
  roots: GraphRoots,
  capacity: number,
  initial: ReadonlyMap<string, { readonly shape: readonly number[]; readonly values: Float32Array }>,
  runs: readonly GoldenRun[],
): (string | undefined)[] {
  const fresh = (): Map<string, Float64Array> =>
    new Map([...initial].map(([name, { values }]) => [name, Float64Array.from(values)]));
  const program = lower(roots, { rows: capacity });
  const rounding = roundingOf(backend);
  const judges = [new OracleRunner(roots, referenceRounding)];
  for (let i = 0; i < noisySamples; i++)
    judges.push(new OracleRunner(roots, rounding, new Random(`noise ${String(i)}`)));
  const judgeStates = judges.map(fresh);
  const specs = [...initial].map(([name, { shape }]) => ({ name, shape }));
  const states = backend.createState(specs);
  states.write(new Map([...initial].map(([name, { values }]) => [name, values])));
  const executable = backend.compile(program, states);
  const inputNames = program.storages.filter(({ kind }) => kind === "input").map(({ name }) => name);
  const outputNames = program.storages.filter(({ kind }) => kind === "output").map(({ name }) => name);
  const failures: (string | undefined)[] = [];
  runs.forEach(({ inputs, rows, learningRate, outputs, states: stateGoldens }, run) => {
    const scalars = { rows, learningRate };
    const got = new Map(
      executable
        .run(
          inputNames.map((name) => inputs[name]!),
          scalars,
        )
        .map((output, i) => [outputNames[i]!, output]),
    );
    const names = specs.map(({ name }) => name);
    states.read(names).forEach((tensor, i) => got.set(names[i]!, tensor));
    const all = judges.map((judge, i) => {
      const results = judge.run(
        new Map(Object.entries(inputs).map(([name, values]) => [name, Float64Array.from(values)])),
        judgeStates[i]!,
        scalars,
      );
      return [...results, ...names.map((name) => judgeStates[i]!.get(name)!.slice())];
    });
    const wants = spread(all[0]!, all.slice(1));
    const wantOf = new Map<string, Bounded>([...outputNames, ...names].map((name, i) => [name, wants[i]!]));
    for (const [name, golden] of Object.entries({ ...outputs, ...stateGoldens })) {
      const what = `run ${String(run)}: ${name}`;
      failures.push(vacuous(what, wantOf.get(name)!), oracleDifference(what, wantOf.get(name)!, golden));
      failures.push(difference(what, got.get(name)!, bounded(golden, wantOf.get(name)!)));
    }
  });
  executable.dispose();
  states.dispose();
  return failures;
}
