/** Reproducible random numbers for weights and inputs: every process makes the same ones from the same words. */
import { RandomStream } from "../lib/random/philox.js";

/** Uniform in +-scale, never 0: kernels and memory must not profit from zeros. */
export function randomArray(size: number, purpose: string, scale = 1): Float32Array {
  // Philox for the seed, xorshift for the mass: a VGG-16 has 138 million weights.
  let state = new RandomStream(1, `bench/${purpose}`).uint32() | 1;
  const step = scale * 2 ** -23;
  return Float32Array.from({ length: size }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    // An odd number of half steps, from -(2^24 - 1) to 2^24 - 1: float32 holds it exactly where scale is a power of two.
    return ((state >> 8) + 0.5) * step;
  });
}

/**
 * Inputs that differ in every element from one call to the next, at no cost while the clock runs: windows that slide over
 * one random array, 64 bytes at a time.
 */
export class ChangingInput {
  private readonly bank: Float32Array;
  private position = 0;

  constructor(
    private readonly size: number,
    purpose: string,
  ) {
    this.bank = randomArray(size + windows * windowStep, purpose);
  }

  /** The window that results are verified on. */
  first(): Float32Array {
    return this.bank.subarray(0, this.size);
  }

  next(): Float32Array {
    this.position = (this.position + 1) % windows;
    const start = this.position * windowStep;
    return this.bank.subarray(start, start + this.size);
  }
}

const windows = 61;
const windowStep = 16;
