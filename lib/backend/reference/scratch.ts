/**
 * Scratch memory of the kernels of this thread: one growing array per purpose, reused by every run, so that a run
 * allocates nothing but its outputs. Kernels run one at a time and keep no scratch beyond their run. Where there is no
 * memory all of these throw a StriateError ERR_STRIATE_MEMORY.
 */
import { allocated, newFloats } from "../../memory.js";

/** What a scratch array is for; two arrays in use at once need two purposes. */
export type ScratchPurpose =
  "packed" | "product" | "columns" | "plane" | "channels" | "secondChannels" | "rowStarts" | "runStarts";

const float64 = new Map<ScratchPurpose, Float64Array>();
const float32 = new Map<ScratchPurpose, Float32Array>();
const int32 = new Map<ScratchPurpose, Int32Array>();

/** At least `length` float64 elements of unspecified content. */
export function scratchFloat64(purpose: ScratchPurpose, length: number): Float64Array {
  let array = float64.get(purpose);
  if (array === undefined || array.length < length) {
    float64.set(purpose, (array = allocated("scratch", 8 * length, () => new Float64Array(length))));
  }
  return array;
}

/** At least `length` float32 elements of unspecified content. */
export function scratchFloat32(purpose: ScratchPurpose, length: number): Float32Array {
  let array = float32.get(purpose);
  if (array === undefined || array.length < length) float32.set(purpose, (array = newFloats("scratch", length)));
  return array;
}

/** At least `length` integers of unspecified content. */
export function scratchInt32(purpose: ScratchPurpose, length: number): Int32Array {
  let array = int32.get(purpose);
  if (array === undefined || array.length < length) {
    int32.set(purpose, (array = allocated("scratch", 4 * length, () => new Int32Array(length))));
  }
  return array;
}

/** The first `length` elements of a float64 scratch array, set to 0. */
export function zeroedFloat64(purpose: ScratchPurpose, length: number): Float64Array {
  return scratchFloat64(purpose, length).fill(0, 0, length);
}
