// A signal with its border written out.
import { OptionError, ShapeError } from "../errors.js";
import { newFloats } from "../memory.js";
import { boundaryIndex, checkBoundaryMode, outside, type BoundaryMode } from "../shape/boundary.js";
import { isNatural, showValue } from "../shape/values.js";

/** Samples in a row: plain numbers or any typed array of them. A Float32Array is read where it is, others are copied. */
export type Signal =
  readonly number[] | Float32Array | Float64Array | Int8Array | Uint8Array | Int16Array | Uint16Array;

/** Options of {@link extendSignal}. */
export interface ExtendOptions {
  /** Default "zero". */
  readonly mode?: BoundaryMode;
  /** What mode "constant" puts around the signal. Default 0. */
  readonly value?: number;
}

/** More elements than a typed array of the engine could be trusted with. */
const mostSamples = 2 ** 31 - 1;

/**
 * The samples as float32.
 *
 * @param name what sentences call them: "signal"
 * @throws OptionError for anything but numbers in a row, ShapeError for none
 */
export function toSamples(owner: string, name: string, values: Signal): Float32Array {
  const given: unknown = values;
  const typed = ArrayBuffer.isView(given) && !(given instanceof DataView) && !("getBigInt64" in given);
  if (!typed && !Array.isArray(given)) {
    throw new OptionError(
      name,
      `${owner}: ${name} must be an array of numbers or a typed array, got ${showValue(given)}`,
    );
  }
  if (values.length === 0) throw new ShapeError(name, `${owner}: ${name} must have one sample or more, got none`);
  if (values instanceof Float32Array) return values;
  const wrong = Array.prototype.findIndex.call(values, (value: unknown) => typeof value !== "number");
  if (wrong >= 0) {
    const found = showValue((values as readonly unknown[])[wrong]);
    throw new OptionError(name, `${owner}: ${name} must hold numbers, got ${found} at ${wrong}`);
  }
  return Float32Array.from(values);
}

/** What {@link extendSignal} does, for samples and numbers that have been checked. */
export function extendSamples(
  samples: Float32Array,
  before: number,
  after: number,
  mode: BoundaryMode,
  value: number,
): Float32Array {
  const size = samples.length;
  const extended = newFloats("signal", before + size + after);
  extended.set(samples, before);
  const fill = (position: number): void => {
    const index = boundaryIndex(mode, position, size);
    extended[position + before] = index === outside ? value : samples[index]!;
  };
  for (let position = -before; position < 0; position++) fill(position);
  for (let position = size; position < size + after; position++) fill(position);
  return extended;
}

/** The value of a border of constants; 0 for all other modes. */
export function constantOf(owner: string, mode: BoundaryMode, value: number | undefined): number {
  if (value === undefined) return 0;
  if (mode !== "constant") {
    throw new OptionError("value", `${owner}: value belongs to mode 'constant', got mode '${mode}'`);
  }
  if (typeof value !== "number") {
    throw new OptionError("value", `${owner}: value must be a number, got ${showValue(value)}`);
  }
  return value;
}

/**
 * Refuses a border that no array could hold.
 *
 * @throws OptionError
 */
export function checkBorder(owner: string, size: number, before: number, after: number): void {
  if (isNatural(before) && isNatural(after) && before + size + after <= mostSamples) return;
  throw new OptionError(
    "boundary",
    `${owner}: the border must be whole numbers from 0, with the ${size} samples up to 2^31 - 1, got ` +
      `${showValue(before)} before and ${showValue(after)} after`,
  );
}

/**
 * A signal that goes on beyond its ends.
 *
 * @param before samples to add at the beginning
 * @param after samples to add at the end
 * @returns before + signal + after samples
 * @throws OptionError for a mode that there is not, or numbers that count nothing
 * @example
 * ```ts
 * extendSignal([1, 2, 3], 2, 2, { mode: "reflect101" }); // 3 2 1 2 3 2 1
 * ```
 */
export function extendSignal(signal: Signal, before: number, after: number, options: ExtendOptions = {}): Float32Array {
  const samples = toSamples("extendSignal", "signal", signal);
  const mode = checkBoundaryMode(options.mode ?? "zero", "extendSignal");
  checkBorder("extendSignal", samples.length, before, after);
  return extendSamples(samples, before, after, mode, constantOf("extendSignal", mode, options.value));
}
