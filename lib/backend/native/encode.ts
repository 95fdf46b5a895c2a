/**
 * A Program as one Float64Array, the only form in which it crosses to the addon. native/program/decode.cc states the
 * layout and refuses every word that is out of range.
 */
import { opSchemas, type OpName } from "../../graph/opSchema.js";
import type { Dtype, Program, Step, StorageKind } from "../../graph/program.js";

const MAGIC = 0x53545249;
const MAX_RANK = 5;
const storageKinds: Record<StorageKind, number> = { input: 0, output: 1, state: 2, prepared: 3, arena: 4 };
const dtypes: Record<Dtype, number> = { f32: 0, i32: 1, u8: 2 };
/** The addon's op numbers are positions in this table: loadAddon() compares the two. */
const opNumbers = new Map(Object.keys(opSchemas).map((name, i) => [name as OpName, i]));

/**
 * @param stateTensor number of a State tensor; -1 where there is none of that name, which the addon refuses
 *
 * @example
 * ```ts
 * addon.compile(encodeProgram(program, (name) => names.indexOf(name)), state, 0, 0);
 * ```
 */
export function encodeProgram(program: Program, stateTensor: (name: string) => number): Float64Array {
  const { storages, buffers, prepare, steps, commit } = program;
  const counts = [storages, buffers, prepare, steps, commit].map((list) => list.length);
  const words: number[] = [MAGIC, program.version, program.rows, ...counts];
  for (const { kind, dtype, size, name } of storages) {
    words.push(storageKinds[kind], dtypes[dtype], size, kind === "state" ? stateTensor(name) : 0);
  }
  for (const { storage, offset, pixelStride, batched, shape } of buffers) {
    const sizes = Array.from({ length: MAX_RANK }, (_, i) => shape[i] ?? 0);
    words.push(storage, offset, pixelStride, batched ? 1 : 0, shape.length, ...sizes);
  }
  for (const list of [prepare, steps, commit]) for (const step of list) pushStep(words, step);
  return Float64Array.from(words);
}

function pushStep(words: number[], { op, inputs, outputs, attributes }: Step): void {
  words.push(opNumbers.get(op) ?? -1, ...inputs, ...outputs, ...attributes);
}
