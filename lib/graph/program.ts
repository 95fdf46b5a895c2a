/**
 * A Program: what crosses to a backend. Plain data, no closures; it prints, it can be fuzzed, and every backend
 * executes the same one. Made by `lower.ts` from a graph; backends never see the graph.
 */
import type { OpName } from "./opSchema.js";

/** Raised whenever the meaning of a field changes; a backend refuses other versions. */
export const PROGRAM_VERSION = 1;

export type Dtype = "f32" | "i32" | "u8";

/**
 * Where memory comes from.
 * - `input`: copied in from the caller at the call; never written by a step.
 * - `output`: copied out to the caller when the run is over; f32, or u8 where an op rounds to bytes.
 * - `state`: a named float32 tensor of the State; written by commit steps only.
 * - `prepared`: written by the prepare list, cached until the State's version changes.
 * - `arena`: the one block of scratch in which buffers live and die.
 */
export type StorageKind = "input" | "output" | "state" | "prepared" | "arena";

export interface Storage {
  readonly kind: StorageKind;
  readonly dtype: Dtype;
  /** Elements at full capacity. */
  readonly size: number;
  /** Name of the input, output or State tensor; a label otherwise. */
  readonly name: string;
}

/**
 * A tensor as (storage, offset, pixel stride): element [pixel, channel] is at offset + pixel * pixelStride + channel,
 * where channel runs over the last dimension and pixel over all others. pixelStride equals the channels where the
 * buffer is dense, and more where it is a channel slice of a wider one.
 */
export interface Buffer {
  readonly storage: number;
  readonly offset: number;
  readonly pixelStride: number;
  /** Sizes at full capacity, at least one dimension. */
  readonly shape: readonly number[];
  /** The first dimension counts rows of the batch: in a run only the first `rows` of them are live. */
  readonly batched: boolean;
}

export interface Step {
  readonly op: OpName;
  /** Buffer numbers in the order of the op's schema; -1 where an optional operand is absent. */
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly attributes: readonly number[];
  /** The layer or value this step came from, for people. */
  readonly label: string;
}

export interface Program {
  readonly version: typeof PROGRAM_VERSION;
  /** Capacity: the most rows one run may have. */
  readonly rows: number;
  readonly storages: readonly Storage[];
  readonly buffers: readonly Buffer[];
  /** Run once per State version: read state and prepared, write prepared. */
  readonly prepare: readonly Step[];
  /** Run every time: never write input, state or prepared. */
  readonly steps: readonly Step[];
  /** Run last, under the State's writer lock, all or nothing: update state in place. */
  readonly commit: readonly Step[];
  /** Elements the arena would take if no buffer were reused: for explain(). */
  readonly arenaBeforeReuse: number;
}

/** Arguments of a run. Changing one never recompiles. */
export interface RunScalars {
  /** Live rows, 1 to the Program's capacity. */
  readonly rows: number;
  readonly learningRate?: number;
}
