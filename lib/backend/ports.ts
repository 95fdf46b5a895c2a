/** What the callers of any backend pass and get: checks of arguments, and how much of a storage is live in a run. */
import { StriateError } from "../errors.js";
import { allocated, newFloats } from "../memory.js";
import type { Dtype, Program, RunScalars, StorageKind } from "../graph/program.js";
import { sizeOf } from "../shape/values.js";
import type { InputArray, OutputArray, StateTensorSpec } from "./backend.js";

/** An input or output storage of a Program. */
export interface Port {
  readonly name: string;
  readonly dtype: Dtype;
  /** Elements for `rows` live rows. */
  readonly liveSize: (rows: number) => number;
}

const arrayNames = { f32: "Float32Array", i32: "Int32Array", u8: "Uint8Array" } as const;

/** The storages of one kind, in the order in which callers pass or get them. */
export function portsOf(program: Program, kind: StorageKind): readonly Port[] {
  const batched = new Set(program.buffers.filter((buffer) => buffer.batched).map(({ storage }) => storage));
  return program.storages.flatMap(({ name, dtype, size, kind: other }, i) => {
    if (other !== kind) return [];
    return { name, dtype, liveSize: (rows) => (batched.has(i) ? (size / program.rows) * rows : size) };
  });
}

/** Memory for what a run returns. */
export function outputArray({ dtype, liveSize }: Port, rows: number): OutputArray {
  const size = liveSize(rows);
  return dtype === "u8" ? allocated("run", size, () => new Uint8Array(size)) : newFloats("run", size);
}

/** @throws StriateError ERR_STRIATE_ARGUMENT where inputs or scalars do not fit the Program */
export function checkRunArguments(
  program: Program,
  ports: readonly Port[],
  inputs: readonly InputArray[],
  { rows, learningRate }: RunScalars,
): void {
  if (!Number.isInteger(rows) || rows < 1 || rows > program.rows) {
    throw argumentError(`run: rows must be a whole number from 1 to ${program.rows}, got ${rows}`);
  }
  if (learningRate === undefined ? program.commit.some(({ op }) => op === "sgd") : !Number.isFinite(learningRate)) {
    throw argumentError(`run: learningRate must be a finite number, got ${learningRate}`);
  }
  ports.forEach(({ name, dtype, liveSize }, i) => {
    const input: unknown = inputs[i];
    // By name: arrays from another realm (a test runner's, say) have other constructors.
    if (!ArrayBuffer.isView(input) || (input as InputArray)[Symbol.toStringTag] !== arrayNames[dtype]) {
      throw argumentError(`run: input ${name} must be a ${arrayNames[dtype]}, got ${describe(input)}`);
    }
    const { length } = input as InputArray;
    if (length !== liveSize(rows)) {
      throw argumentError(`run: input ${name} must have ${liveSize(rows)} elements (${rows} rows), got ${length}`);
    }
  });
  if (inputs.length !== ports.length)
    throw argumentError(`run: the Program takes ${ports.length} inputs, got ${inputs.length}`);
}

/** @throws StriateError ERR_STRIATE_ARGUMENT where two names are equal or a size is not a positive whole number */
export function checkStateSpecs(specs: readonly StateTensorSpec[]): void {
  const names = new Set<string>();
  for (const { name, shape } of specs) {
    const fine = shape.length > 0 && shape.every((size) => Number.isSafeInteger(size) && size > 0);
    if (!fine || !Number.isSafeInteger(sizeOf(shape))) {
      throw argumentError(
        `state: the sizes of ${JSON.stringify(name)} must be positive whole numbers, got [${shape.join(", ")}]`,
      );
    }
    if (names.has(name)) throw argumentError(`state: names must differ, got ${JSON.stringify(name)} twice`);
    names.add(name);
  }
}

/** @throws StriateError ERR_STRIATE_ARGUMENT, with the names there are */
export function noSuchTensor(name: string, specs: readonly StateTensorSpec[]): StriateError {
  const names = specs.map((spec) => spec.name).join(", ");
  return argumentError(`state: there is no tensor ${JSON.stringify(name)}, it has ${names}`);
}

function describe(value: unknown): string {
  return value === undefined ? "nothing" : Object.prototype.toString.call(value).slice(8, -1);
}

function argumentError(sentence: string): StriateError {
  return new StriateError("ERR_STRIATE_ARGUMENT", sentence);
}
