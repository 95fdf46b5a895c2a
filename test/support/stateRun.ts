/** Packed and prepared weights follow the State: after a write, and after a commit of another Program. */
import type { Backend } from "../../lib/backend/backend.js";
import { lower } from "../../lib/graph/lower.js";
import type { GraphRoots } from "../../lib/graph/passes/ir.js";
import { input, state, type Value } from "../../lib/graph/value.js";
import * as ops from "../../lib/ops/index.js";
import { difference } from "./compare.js";
import { referenceRounding, sizeOf } from "./oracle/index.js";
import { noisySamples, OracleRunner, type NamedTensors, spread } from "./oracleRun.js";
import { Random } from "./random.js";
import { roundingOf } from "./valueCase.js";

export interface StateCase {
  readonly name: string;
  /** From an input and the State tensors below. */
  readonly build: (x: Value, tensors: Readonly<Record<string, Value>>) => Value;
  readonly row: readonly number[];
  readonly tensors: Readonly<Record<string, readonly number[]>>;
  /** The State tensor that changes between the runs. */
  readonly changes: string;
}

const norm = { gamma: [9], beta: [9], mean: [9], variance: [9] };
const folded = (x: Value, t: Readonly<Record<string, Value>>): Value =>
  ops.batchNorm(ops.conv2d(x, t["filter"]!), {
    gamma: t["gamma"]!,
    beta: t["beta"]!,
    mean: t["mean"]!,
    variance: t["variance"]!,
  });

export const stateCases: readonly StateCase[] = [
  {
    name: "a filter",
    build: (x, { filter }) => ops.conv2d(x, filter!),
    row: [5, 6, 3],
    tensors: { filter: [3, 3, 3, 9] },
    changes: "filter",
  },
  {
    name: "a 1x1 filter",
    build: (x, { filter }) => ops.conv2d(x, filter!),
    row: [5, 6, 8],
    tensors: { filter: [1, 1, 8, 17] },
    changes: "filter",
  },
  {
    name: "a depthwise filter",
    build: (x, { filter }) => ops.conv2d(x, filter!, { groups: 9 }),
    row: [5, 6, 9],
    tensors: { filter: [3, 3, 1, 9] },
    changes: "filter",
  },
  {
    name: "an explicit (im2col) filter",
    build: (x, { filter }) => ops.conv2d(x, filter!, { algorithm: "im2col" }),
    row: [5, 6, 3],
    tensors: { filter: [3, 3, 3, 9] },
    changes: "filter",
  },
  { name: "dense weights", build: (x, { w }) => ops.dense(x, w!), row: [12], tensors: { w: [12, 10] }, changes: "w" },
  ...["filter", "gamma", "mean", "variance"].map((changes): StateCase => ({
    name: `${changes} of a folded batch norm`,
    build: folded,
    row: [4, 5, 3],
    tensors: { filter: [3, 3, 3, 9], ...norm },
    changes,
  })),
];

const rows = 3;

interface Prepared {
  readonly predict: GraphRoots;
  /** One step of SGD on every tensor that has a gradient: the changing one among them, unless it is a statistic. */
  readonly train: GraphRoots;
}

function graphsOf({ build, row, tensors, changes }: StateCase): Prepared {
  const shape = [rows, ...row];
  const states = Object.fromEntries(Object.entries(tensors).map(([name, size]) => [name, state(name, size)]));
  const y = build(input("x", shape, { batched: true }), states);
  const predict = { outputs: [{ name: "y", value: y }] };
  const trained = ["mean", "variance"].includes(changes) ? "filter" : changes;
  const [gradient] = ops.gradients(y, [states[trained]!], ops.fill(y.shape, 1, { batched: true }));
  const { parameter } = ops.sgdUpdate(states[trained]!, gradient!, undefined);
  return { predict, train: { outputs: [], updates: [{ tensor: trained, value: parameter }] } };
}

/** predict, write, predict, train, predict: every prediction must see the State of its moment. */
export function stateFailures(stateCase: StateCase, backend: Backend): string[] {
  const { predict, train } = graphsOf(stateCase);
  const random = new Random(stateCase.name);
  const draw = (shape: readonly number[]): Float32Array =>
    Float32Array.from({ length: sizeOf(shape) }, () => random.uniform(0.25, 1));
  const x = draw([rows, ...stateCase.row]);
  const initial = new Map(Object.entries(stateCase.tensors).map(([name, shape]) => [name, draw(shape)]));
  const written = draw(stateCase.tensors[stateCase.changes]!);

  const oracles = [undefined, ...Array.from({ length: noisySamples }, (_, i) => new Random(`noise ${String(i)}`))].map(
    (noise) => {
      const rounding = noise === undefined ? referenceRounding : roundingOf(backend);
      const tensors: NamedTensors = new Map([...initial].map(([name, values]) => [name, Float64Array.from(values)]));
      return {
        tensors,
        predict: new OracleRunner(predict, rounding, noise),
        train: new OracleRunner(train, rounding, noise),
      };
    },
  );
  const states = backend.createState(Object.entries(stateCase.tensors).map(([name, shape]) => ({ name, shape })));
  states.write(initial);
  const prediction = backend.compile(lower(predict, { rows }), states);
  const training = backend.compile(lower(train, { rows }), states);
  const scalars = { rows, learningRate: 0.01 };
  const oracleInputs = new Map([["x", Float64Array.from(x)]]);
  const failures: string[] = [];
  const check = (when: string): void => {
    const [got] = prediction.run([x], scalars);
    const all = oracles.map((oracle) => oracle.predict.run(oracleInputs, oracle.tensors, scalars));
    const failure = difference(`prediction ${when}`, got!, spread(all[0]!, all.slice(1))[0]!);
    if (failure !== undefined) failures.push(failure);
  };
  check("at first");
  states.write(new Map([[stateCase.changes, written]]));
  for (const { tensors } of oracles) tensors.set(stateCase.changes, Float64Array.from(written));
  check("after a write");
  training.run([x], scalars);
  for (const oracle of oracles) oracle.train.run(oracleInputs, oracle.tensors, scalars);
  check("after a training step");
  prediction.dispose();
  training.dispose();
  states.dispose();
  return failures;
}
