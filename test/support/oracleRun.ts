/**
 * Runs whole Programs with the float64 oracle, and derives how far float32 may carry a result away: every op's result is
 * moved at random within that op's own tolerance, several times over, and the spread of the outcomes, whatever the graph
 * does to errors in between, is the tolerance of the end (Monte Carlo arithmetic: D. S. Parker, UCLA CSD-970002, 1997).
 */
import { opSchemas } from "../../lib/graph/opSchema.js";
import type { Buffer, Program, Step } from "../../lib/graph/program.js";
import { type Bounded, oracles, type Rounding, sizeOf, type Tensor, tensor } from "./oracle/index.js";
import type { Random } from "./random.js";

export interface OracleScalars {
  readonly rows: number;
  readonly learningRate: number;
}

/** Tensors of a State by name, in float64; runs update them in place. */
export type OracleState = Map<string, Float64Array>;

export class OracleRunner {
  constructor(
    private readonly program: Program,
    private readonly rounding: Rounding,
    /** Present: every result is moved within its tolerance. */
    private readonly noise?: Random,
  ) {}

  /** `inputs` in the order of the input storages, live rows only. @returns outputs, live rows only */
  run(inputs: readonly Float64Array[], state: OracleState, scalars: OracleScalars): Float64Array[] {
    const { program } = this;
    let next = 0;
    const memory = program.storages.map(({ kind, size, name }) => {
      if (kind === "state") return state.get(name)!;
      const storage = new Float64Array(size).fill(NaN);
      if (kind === "input") storage.set(inputs[next++]!);
      return storage;
    });
    for (const step of [...program.prepare, ...program.steps, ...program.commit]) this.execute(step, memory, scalars);
    return program.storages.flatMap(({ kind, size }, storage) => {
      if (kind !== "output") return [];
      const batched = program.buffers.some((b) => b.storage === storage && b.batched);
      return [memory[storage]!.slice(0, batched ? (size / program.rows) * scalars.rows : size)];
    });
  }

  private execute(
    { op, inputs, outputs, attributes }: Step,
    memory: readonly Float64Array[],
    scalars: OracleScalars,
  ): void {
    const { buffers } = this.program;
    const operands = inputs.map((id) => (id < 0 ? undefined : read(buffers[id]!, memory, scalars.rows)));
    const present = outputs.filter((id) => id >= 0).map((id) => buffers[id]!);
    const named = Object.fromEntries(opSchemas[op].attributes.map((name, i) => [name, attributes[i]!]));
    const shapes = present.map((buffer) => liveShape(buffer, scalars.rows));
    const results = oracles[op]!(operands, named, { rounding: this.rounding, shapes, ...scalars });
    results.forEach((result, i) => write(present[i]!, memory, this.moved(result)));
  }

  private moved({ data, tolerance }: Bounded): Float64Array {
    const { noise } = this;
    return noise === undefined ? data : data.map((value, i) => value + noise.uniform(-1, 1) * tolerance[i]!);
  }
}

function liveShape({ batched, shape }: Buffer, rows: number): readonly number[] {
  return batched ? [rows, ...shape.slice(1)] : shape;
}

/** The index of every live element, in row-major order. */
function* elements(buffer: Buffer, rows: number): Generator<number> {
  const shape = liveShape(buffer, rows);
  const channels = shape[shape.length - 1]!;
  const pixels = sizeOf(shape) / channels;
  for (let p = 0; p < pixels; p++) {
    for (let c = 0; c < channels; c++) yield buffer.offset + p * buffer.pixelStride + c;
  }
}

function read(buffer: Buffer, memory: readonly Float64Array[], rows: number): Tensor {
  const data = memory[buffer.storage]!;
  return tensor(
    liveShape(buffer, rows),
    Array.from(elements(buffer, rows), (i) => data[i]!),
  );
}

function write(buffer: Buffer, memory: readonly Float64Array[], values: Float64Array): void {
  const data = memory[buffer.storage]!;
  const channels = buffer.shape[buffer.shape.length - 1]!;
  values.forEach((value, i) => {
    data[buffer.offset + Math.floor(i / channels) * buffer.pixelStride + (i % channels)] = value;
  });
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
