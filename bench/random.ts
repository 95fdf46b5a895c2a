/** Reproducible random numbers for weights and inputs: every process makes the same ones from the same words. */
import { RandomStream } from "../lib/random/philox.js";
import type { InputArray } from "./contenders/contender.js";
import { product, type InputSpec } from "./work.js";

/** Uniform in +-scale, never 0: kernels and memory must not profit from zeros. Repeats after a million or so. */
export function randomArray(size: number, purpose: string, scale = 1): Float32Array {
  // Philox for the seed, xorshift for the mass, copies for the rest: a VGG-16 has 138 million weights.
  let state = new RandomStream(1, `bench/${purpose}`).uint32() | 1;
  const step = scale * 2 ** -23;
  const values = new Float32Array(size);
  const drawn = Math.min(size, period);
  for (let i = 0; i < drawn; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // An odd number of half steps, from -(2^24 - 1) to 2^24 - 1: float32 holds it exactly where scale is a power of two.
    values[i] = ((state >> 8) + 0.5) * step;
  }
  for (let start = period; start < size; start += period) values.copyWithin(start, 0, Math.min(period, size - start));
  return values;
}

/** A prime, so that no row or image of a tensor equals the next. */
const period = 1_048_583;

/**
 * Inputs that differ in every element from one call to the next, at no cost while the clock runs: windows that slide over
 * one random array, 64 bytes at a time.
 */
export class ChangingInput {
  private readonly bank: InputArray;
  private readonly size: number;
  private position = 0;

  constructor({ shape, classes }: InputSpec, purpose: string) {
    this.size = product(shape);
    const random = randomArray(this.size + windows * windowStep, purpose);
    // Class numbers may stay the same from call to call here and there: there are few.
    this.bank =
      classes === undefined ? random : Int32Array.from(random, (value) => Math.floor(((value + 1) / 2) * classes));
  }

  /** The window that results are verified on. */
  first(): InputArray {
    return this.bank.subarray(0, this.size);
  }

  next(): InputArray {
    this.position = (this.position + 1) % windows;
    const start = this.position * windowStep;
    return this.bank.subarray(start, start + this.size);
  }
}

const windows = 61;
const windowStep = 16;

/** The arrays of one call, all changing. */
export class ChangingInputs {
  private readonly inputs: readonly ChangingInput[];
  constructor(specs: readonly InputSpec[], purpose: string) {
    this.inputs = specs.map((spec, i) => new ChangingInput(spec, `${purpose}/input ${i}`));
  }
  first(): InputArray[] {
    return this.inputs.map((input) => input.first());
  }
  next(): InputArray[] {
    return this.inputs.map((input) => input.next());
  }
}
