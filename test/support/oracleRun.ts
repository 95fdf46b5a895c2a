/**
 * Runs whole graphs with the float64 oracle, node by node: no passes, no Program, no memory plan. It also derives how far
 * float32 may carry a result away: every op's result is moved at random within that op's own tolerance, several times over,
 * and the spread of the outcomes, whatever the graph does to errors in between, is the tolerance of the end (Monte Carlo
 * arithmetic: D. S. Parker, UCLA CSD-970002, 1997).
 */
import type { GraphRoots } from "../../lib/graph/passes/ir.js";
import type { GraphNode, Value } from "../../lib/graph/value.js";
import { type Bounded, channelsOf, oracles, pixelsOf, type Rounding, type Tensor, tensor } from "./oracle/index.js";
import type { Random } from "./random.js";
import { liveShape } from "./stepCase.js";

export interface OracleScalars {
  readonly rows: number;
  readonly learningRate: number;
}

/** Tensors by name, in float64. */
export type NamedTensors = Map<string, Float64Array>;

export class OracleRunner {
  constructor(
    private readonly roots: GraphRoots,
    private readonly rounding: Rounding,
    /** Present: every result is moved within its tolerance. */
    private readonly noise?: Random,
  ) {}

  /**
   * @param inputs by name, live rows only
   * @param state updated in place
   * @returns outputs in order, live rows only
   */
  run(inputs: NamedTensors, state: NamedTensors, scalars: OracleScalars): Float64Array[] {
    const known = new Map<Value, Tensor>();
    const { outputs, updates = [] } = this.roots;
    const results = outputs.map(({ value }) => this.evaluate(value, known, inputs, state, scalars).data);
    const updated = updates.map(({ value }) => this.evaluate(value, known, inputs, state, scalars).data);
    updates.forEach(({ tensor: name }, i) => state.set(name, updated[i]!));
    return results;
  }

  private evaluate(
    value: Value,
    known: Map<Value, Tensor>,
    inputs: NamedTensors,
    state: NamedTensors,
    scalars: OracleScalars,
  ): Tensor {
    const before = known.get(value);
    if (before !== undefined) return before;
    const { node } = value;
    const leaf = node.op === "input" ? inputs.get(node.name) : node.op === "state" ? state.get(node.name) : undefined;
    if (leaf !== undefined) {
      const result = tensor(liveShape(value, scalars.rows), leaf);
      known.set(value, result);
      return result;
    }
    const operands = node.operands.map((operand) => operand && this.evaluate(operand, known, inputs, state, scalars));
    const results = this.apply(node, operands, scalars);
    node.results.forEach((result, i) => known.set(result, results[i]!));
    return known.get(value)!;
  }

  private apply(node: GraphNode, operands: readonly (Tensor | undefined)[], scalars: OracleScalars): readonly Tensor[] {
    const shapes = node.results.map((result) => liveShape(result, scalars.rows));
    if (node.op === "reshape") return [tensor(shapes[0]!, operands[0]!.data)];
    if (node.op === "concat") return [concat(operands as Tensor[], shapes[0]!)];
    if (node.op === "channelSlice") return [slice(operands[0]!, node.attributes["start"]!, shapes[0]!)];
    const results = oracles[node.op]!(operands, node.attributes, { rounding: this.rounding, shapes, ...scalars });
    return results.map((result) => this.moved(result));
  }

  private moved(result: Bounded): Tensor {
    const { noise } = this;
    if (noise === undefined) return result;
    const { shape, data, tolerance } = result;
    return { shape, data: data.map((value, i) => value + noise.uniform(-1, 1) * tolerance[i]!) };
  }
}

function concat(parts: readonly Tensor[], shape: readonly number[]): Tensor {
  const values: number[] = [];
  for (let p = 0; p < pixelsOf({ shape }); p++) {
    for (const part of parts) values.push(...part.data.subarray(p * channelsOf(part), (p + 1) * channelsOf(part)));
  }
  return tensor(shape, values);
}

function slice(x: Tensor, start: number, shape: readonly number[]): Tensor {
  const values: number[] = [];
  for (let p = 0; p < pixelsOf(x); p++) {
    const first = p * channelsOf(x) + start;
    values.push(...x.data.subarray(first, first + channelsOf({ shape })));
  }
  return tensor(shape, values);
}

/** Samples of the noisy runs, and what their spread is multiplied by: eight samples miss the tail of a distribution. */
export const noisySamples = 8;
const spreadFactor = 4;

/** The exact outcome with the spread of the noisy ones as its tolerance. */
export function spread(exact: readonly Float64Array[], noisy: readonly (readonly Float64Array[])[]): Bounded[] {
  return exact.map((data, k) => {
    const tolerance = data.map((value, i) =>
      noisy.reduce((worst, sample) => Math.max(worst, spreadFactor * Math.abs(sample[k]![i]! - value)), 0),
    );
    return { shape: [data.length], data, tolerance };
  });
}

/**
 * A tolerance that would accept anything, where errors run away: 1 % of the largest value. Such a comparison proves nothing.
 * @param scale of all values together: a gradient that is 0 by nature (a bias before batch norm) is judged by it
 */
export function vacuous(what: string, { data, tolerance }: Bounded, scale = 0): string | undefined {
  const largest = Math.max(magnitudeOf(data), 1e-2 * scale);
  const loosest = magnitudeOf(tolerance);
  return loosest <= 1e-2 * largest
    ? undefined
    : `${what}: tolerance ${String(loosest)} for values up to ${String(largest)}`;
}

export function magnitudeOf(data: Float64Array): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
