/** Runs whole graphs on one backend, judged by the float64 oracle that runs them node by node. */
import type { Backend, InputArray } from "../../lib/backend/backend.js";
import { lower } from "../../lib/graph/lower.js";
import type { Program } from "../../lib/graph/program.js";
import { input, type Value } from "../../lib/graph/value.js";
import { gradients } from "../../lib/ops/index.js";
import { GraphBuilder, type GraphCase } from "../cases/graphs.js";
import { bitDifference, difference } from "./compare.js";
import { type Bounded, referenceRounding, sizeOf } from "./oracle/index.js";
import { magnitudeOf, noisySamples, OracleRunner, spread, vacuous } from "./oracleRun.js";
import { normal, Random } from "./random.js";
import { liveShape, type OperandSpec } from "./stepCase.js";
import { roundingOf } from "./valueCase.js";

interface Prepared {
  readonly graph: GraphBuilder;
  /** Outputs of the case, then their gradients. */
  readonly outputs: readonly NamedValue[];
  /** How many of them are no gradients. */
  readonly results: number;
  readonly fused: Program;
  readonly unfused: Program;
  readonly data: ReadonlyMap<string, Float64Array>;
}

interface NamedValue {
  readonly name: string;
  readonly value: Value;
}

function prepare(graphCase: GraphCase): Prepared {
  const graph = new GraphBuilder(graphCase.rows);
  const results = graphCase.build(graph);
  const outputs = Object.entries(results).map(([name, value]) => ({ name, value }));
  if (graphCase.by !== undefined) {
    const [first] = Object.values(results);
    graph.inputs.set("seed", { shape: first!.shape, batched: first!.batched, values: normal });
    const seed = input("seed", first!.shape, { batched: first!.batched });
    const found = gradients(
      first!,
      graphCase.by.map((name) => graph.values.get(name)!),
      seed,
    );
    found.forEach((value, i) => outputs.push({ name: `d ${graphCase.by![i]!}`, value }));
  }
  const data = new Map<string, Float64Array>();
  for (const [name, spec] of [...graph.inputs, ...graph.states]) {
    const random = new Random(`${graphCase.name} ${name}`);
    const size = sizeOf(spec.shape);
    data.set(
      name,
      Float64Array.from({ length: size }, (_, i) => Math.fround(spec.values(random, i, size))),
    );
  }
  const { rows } = graphCase;
  return {
    graph,
    outputs,
    results: Object.keys(results).length,
    fused: lower({ outputs }, { rows }),
    unfused: lower({ outputs }, { rows, fuse: false }),
    data,
  };
}

/** The inputs of `program`, in its order, live rows only. */
function inputsOf({ graph, data }: Prepared, program: Program, rows: number): Float64Array[] {
  return program.storages
    .filter(({ kind }) => kind === "input")
    .map(({ name }) => data.get(name)!.slice(0, sizeOf(liveShape(graph.inputs.get(name)!, rows))));
}

function typed(values: Float64Array, { dtype }: OperandSpec): InputArray {
  if (dtype === "i32") return Int32Array.from(values);
  return dtype === "u8" ? Uint8Array.from(values) : Float32Array.from(values);
}

function runOn(backend: Backend, prepared: Prepared, program: Program, rows: number): Float32Array[] {
  const { graph, data } = prepared;
  const states = backend.createState([...graph.states].map(([name, { shape }]) => ({ name, shape })));
  states.write(new Map([...graph.states.keys()].map((name) => [name, Float32Array.from(data.get(name)!)])));
  const executable = backend.compile(program, states);
  try {
    const names = program.storages.filter(({ kind }) => kind === "input").map(({ name }) => name);
    const inputs = inputsOf(prepared, program, rows).map((values, i) => typed(values, graph.inputs.get(names[i]!)!));
    return executable.run(inputs, { rows });
  } finally {
    executable.dispose();
    states.dispose();
  }
}

function liveInputs({ graph, data }: Prepared, rows: number): Map<string, Float64Array> {
  return new Map(
    [...graph.inputs].map(([name, spec]) => [name, data.get(name)!.slice(0, sizeOf(liveShape(spec, rows)))]),
  );
}

function judge(prepared: Prepared, backend: Backend, rows: number): Bounded[] {
  const { graph, outputs, data } = prepared;
  const run = (noise?: Random): Float64Array[] => {
    const states = new Map([...graph.states.keys()].map((name) => [name, data.get(name)!.slice()]));
    const rounding = noise === undefined ? referenceRounding : roundingOf(backend);
    return new OracleRunner({ outputs }, rounding, noise).run(liveInputs(prepared, rows), states, {
      rows,
      learningRate: 0,
    });
  };
  return spread(
    run(),
    Array.from({ length: noisySamples }, (_, i) => run(new Random(`noise ${String(i)}`))),
  );
}

const step = 1e-7;

/**
 * Differentiation on trial: the oracle runs the gradient graph, so a wrong rule would judge itself. Here each gradient is
 * compared with a difference quotient of the forward graph along a random direction.
 */
function gradientRuleFailures(graphCase: GraphCase, prepared: Prepared, gradients: readonly Bounded[]): string[] {
  const { graph, outputs, results, data } = prepared;
  const { rows } = graphCase;
  const seed = data.get("seed");
  const forward = new OracleRunner({ outputs: outputs.slice(0, 1) }, referenceRounding);
  const scalarAt = (name: string, direction: Float64Array, distance: number): number => {
    const moved = (tensors: Map<string, Float64Array>): Map<string, Float64Array> =>
      new Map(
        [...tensors].map(([key, values]) => [
          key,
          key === name ? values.map((v, i) => v + distance * direction[i]!) : values,
        ]),
      );
    const states = new Map([...graph.states.keys()].map((key) => [key, data.get(key)!]));
    const [y] = forward.run(moved(liveInputs(prepared, rows)), moved(states), { rows, learningRate: 0 });
    return y!.reduce((total, value, i) => total + value * seed![i]!, 0);
  };
  return (graphCase.by ?? []).flatMap((name, k) => {
    const gradient = gradients[results + k]!.data;
    const random = new Random(`direction ${graphCase.name} ${name}`);
    const direction = gradient.map(() => random.normal());
    const quotient = (scalarAt(name, direction, step) - scalarAt(name, direction, -step)) / (2 * step);
    const product = gradient.reduce((total, g, i) => total + g * direction[i]!, 0);
    const scale = gradient.reduce((total, g, i) => total + Math.abs(g * direction[i]!), 1e-2);
    // 1e-4 of the terms: truncation is step^2, cancellation about 1e-15 / step of the sums; kinks this close are improbable
    return Math.abs(quotient - product) <= 1e-4 * scale
      ? []
      : [`gradient rule: by ${name}, difference quotient ${String(quotient)}, gradient ${String(product)}`];
  });
}

/** All that is wrong with the graph on this backend, fused and not, with all rows and with one less. */
export function graphFailures(
  graphCase: GraphCase,
  backend: Backend,
  setThreads: readonly (() => void)[] = [() => {}],
): string[] {
  const prepared = prepare(graphCase);
  const failures = gradientRuleFailures(graphCase, prepared, judge(prepared, backend, graphCase.rows));
  for (const rows of [graphCase.rows, graphCase.rows - 1]) {
    const wants = judge(prepared, backend, rows);
    const scale = Math.max(...wants.map(({ data }) => magnitudeOf(data)));
    failures.push(...wants.flatMap((want, i) => vacuous(prepared.outputs[i]!.name, want, scale) ?? []));
    for (const [form, program] of Object.entries({ fused: prepared.fused, unfused: prepared.unfused })) {
      const names = program.storages.filter(({ kind }) => kind === "output").map(({ name }) => name);
      let first: Float32Array[] | undefined;
      for (const set of setThreads) {
        set();
        const got = runOn(backend, prepared, program, rows);
        got.forEach((output, i) => {
          const what = `${form}, ${String(rows)} rows: ${names[i]!}`;
          const failure =
            difference(what, output, wants[i]!) ?? (first && bitDifference(`threads: ${what}`, first[i]!, output));
          if (failure !== undefined) failures.push(failure);
        });
        first ??= got;
      }
    }
  }
  return failures;
}

/** What fusion came to, without the steps that only move data. */
export function fusedSteps(graphCase: GraphCase): string[] {
  const graph = new GraphBuilder(graphCase.rows);
  const outputs = Object.entries(graphCase.build(graph)).map(([name, value]) => ({ name, value }));
  const { prepare: prepared, steps } = lower({ outputs }, { rows: graphCase.rows });
  return [...prepared, ...steps].map(({ op }) => op).filter((op) => op !== "copy" && op !== "fill");
}
