/** What the tests of the reference backend compare with: arrays with shapes, and the plainest loops. */
import { expect } from "vitest";
import type { InputArray } from "../../lib/backend/backend.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import type { OpName } from "../../lib/graph/opSchema.js";
import type { Dtype, RunScalars } from "../../lib/graph/program.js";
import { ProgramBuilder } from "./programBuilder.js";

export interface Dense {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** Float32 values in [-1, 1), the same for the same seed. */
export function randomValues(length: number, seed: number): Float64Array {
  let state = seed * 2654435761 + 1;
  return Float64Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround((state / 2 ** 32) * 2 - 1);
  });
}

export function random(shape: readonly number[], seed: number): Dense {
  return { shape, values: randomValues(sizeOf(shape), seed) };
}

export function zeros(shape: readonly number[]): Dense {
  return { shape, values: new Float64Array(sizeOf(shape)) };
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** Row-major position of an element; undefined where an index is outside. */
export function at({ shape }: Dense, ...index: readonly number[]): number | undefined {
  let position = 0;
  for (const [i, size] of shape.entries()) {
    if (index[i]! < 0 || index[i]! >= size) return undefined;
    position = position * size + index[i]!;
  }
  return position;
}

/**
 * float64 sums rounded once: half a unit of float32, and what the order of `length` terms up to `bound` can change in
 * float64, with a unit for functions like exp.
 */
export function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, length = 1, bound = 1): void {
  expect(got.length).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const expected = want[i]!;
    const actual = got[i]!;
    if (Object.is(actual, Math.fround(expected))) continue;
    const tolerance = 2 ** -23 * Math.abs(expected) + 2 ** -52 * length * bound + 2 ** -149;
    if (!(Math.abs(actual - expected) <= tolerance)) {
      expect.fail(
        `element ${i}: got ${actual}, want ${expected}, off by ${Math.abs(actual - expected)} > ${tolerance}`,
      );
    }
  }
}

export interface OperandSpec extends Dense {
  readonly dtype?: Dtype;
  readonly batched?: boolean;
  /** Elements between pixels; more than the channels leaves gaps, which hold NaN. */
  readonly pixelStride?: number;
  readonly offset?: number;
}

export interface ResultSpec {
  readonly shape: readonly number[];
  readonly batched?: boolean;
  readonly pixelStride?: number;
  readonly offset?: number;
}

/**
 * Runs one op on the reference backend and returns its results, dense, of the live rows. Gaps between pixels are NaN in
 * operands, and must be untouched in results.
 */
export function runOp(
  op: OpName,
  operands: Readonly<Record<string, OperandSpec>>,
  results: Readonly<Record<string, ResultSpec>>,
  attributes: Readonly<Record<string, number>> = {},
  scalars: RunScalars & { readonly capacity?: number } = { rows: 1 },
): Record<string, Float32Array> {
  const { rows, capacity = rows } = scalars;
  const builder = new ProgramBuilder(capacity);
  const ids: Record<string, number> = {};
  const inputs: InputArray[] = [];
  const full = (spec: ResultSpec): number[] => (spec.batched ? [capacity, ...spec.shape.slice(1)] : [...spec.shape]);
  for (const [name, spec] of Object.entries(operands)) {
    ids[name] = builder.place("input", name, full(spec), spec);
    inputs.push(spread(spec));
  }
  for (const [name, spec] of Object.entries(results)) ids[name] = builder.place("output", name, full(spec), spec);
  const program = builder.step(op, ids, attributes).build();
  const executable = referenceBackend.compile(program, referenceBackend.createState([]));
  const outputs = executable.run(inputs, scalars);
  return Object.fromEntries(Object.entries(results).map(([name, spec], i) => [name, gather(spec, outputs[i]!)]));
}

function spread(spec: OperandSpec): InputArray {
  const { values, shape, dtype = "f32", offset = 0 } = spec;
  const channels = shape[shape.length - 1]!;
  const stride = spec.pixelStride ?? channels;
  if (dtype === "i32") return Int32Array.from(values);
  if (dtype === "u8") return Uint8Array.from(values);
  const pixels = values.length / channels;
  const array = new Float32Array(shape.length === 1 ? offset + channels : pixels * stride).fill(NaN);
  values.forEach((value, i) => (array[offset + Math.floor(i / channels) * stride + (i % channels)] = value));
  return array;
}

function gather({ shape, offset = 0, pixelStride }: ResultSpec, array: Float32Array): Float32Array {
  const channels = shape[shape.length - 1]!;
  const stride = pixelStride ?? channels;
  const untouched = array.slice();
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    const position = offset + Math.floor(i / channels) * stride + (i % channels);
    untouched[position] = 0;
    return array[position]!;
  });
  expect(untouched.every((value) => value === 0)).toBe(true);
  return values;
}
