/**
 * Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3"
 * (SC 2011). A block of four words is a pure function of (counter, key), so any element of any stream can be computed without the ones
 * before it, and every user of random numbers gets a stream of its own.
 */
import { OptionError } from "../errors.js";
import { showValue } from "../shape/values.js";

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
/** The golden ratio and sqrt(3) - 1 as 32-bit fractions: the Weyl sequence that bumps the key between rounds. */
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** The upper half of the 64-bit product of two unsigned 32-bit integers, from 16-bit halves: no partial sum exceeds 2^53. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (aLow * bHigh + (middle & 0xffff)) / 0x10000;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry)) >>> 0;
}

/**
 * One block: `output[0..3]` from the 128-bit counter and the 64-bit key, all as unsigned 32-bit words, least significant first.
 *
 * @param output receives the four words
 */
export function philox4x32(
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
  output: Uint32Array,
): void {
  let c0 = counter0 >>> 0;
  let c1 = counter1 >>> 0;
  let c2 = counter2 >>> 0;
  let c3 = counter3 >>> 0;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < 10; ++round) {
    const high0 = multiplyHigh(multiplier0, c0);
    const low0 = Math.imul(multiplier0, c0) >>> 0;
    const high1 = multiplyHigh(multiplier1, c2);
    const low1 = Math.imul(multiplier1, c2) >>> 0;
    c0 = (high1 ^ c1 ^ k0) >>> 0;
    c1 = low1;
    c2 = (high0 ^ c3 ^ k1) >>> 0;
    c3 = low0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  output[0] = c0;
  output[1] = c1;
  output[2] = c2;
  output[3] = c3;
}

/** FNV-1a, 64 bits, over the UTF-8 bytes: spreads purposes over half of the counter, so that streams cannot meet. */
function hashPurpose(purpose: string): readonly [low: number, high: number] {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(purpose)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return [Number(hash & 0xffffffffn), Number(hash >> 32n)];
}

/** Throws an {@link OptionError} unless `seed` is an integer from 0 to 2^53 - 1; returns it. */
export function checkSeed(seed: number): number {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new OptionError("seed", `seed: must be an integer from 0 to 2^53 - 1, got ${showValue(seed)}`);
  }
  return seed;
}

/**
 * The random numbers for one purpose. The key is the seed; the purpose fills the upper half of the counter, the position the lower. Two
 * streams with different seeds or purposes share no block, so drawing more initial weights never changes how the data is shuffled.
 *
 * @example
 * ```ts
 * const order = new RandomStream(1, "shuffle/epoch 3").permutation(100);
 * ```
 */
export class RandomStream {
  readonly seed: number;
  readonly purpose: string;
  readonly #key0: number;
  readonly #key1: number;
  readonly #purposeLow: number;
  readonly #purposeHigh: number;
  readonly #block = new Uint32Array(4);
  /** Index of the next word. */
  #position: number;
  /** Box-Muller makes two normals at a time. */
  #spareNormal: number | undefined;

  /**
   * @param seed integer from 0 to 2^53 - 1
   * @param purpose any text: what the numbers are for
   * @param position words to skip, for resuming
   */
  constructor(seed: number, purpose: string, position = 0) {
    checkSeed(seed);
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new OptionError("position", `RandomStream: position must be an integer of at least 0, got ${position}`);
    }
    this.seed = seed;
    this.purpose = purpose;
    this.#key0 = seed >>> 0;
    this.#key1 = Math.floor(seed / 0x100000000);
    [this.#purposeLow, this.#purposeHigh] = hashPurpose(purpose);
    this.#position = position;
    if (position % 4 !== 0) this.#fillBlock();
  }

  /** Words drawn so far. A new stream that starts at this position goes on where this one stands (between pairs of normals). */
  get position(): number {
    return this.#position;
  }

  #fillBlock(): void {
    const block = Math.floor(this.#position / 4);
    const high = Math.floor(block / 0x100000000);
    philox4x32(block >>> 0, high, this.#purposeLow, this.#purposeHigh, this.#key0, this.#key1, this.#block);
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    const lane = this.#position % 4;
    if (lane === 0) this.#fillBlock();
    this.#position += 1;
    return this.#block[lane]!;
  }

  /** Uniform in [0, 1), a multiple of 2^-24: exact in float32, and rounding can never make it 1. */
  float(): number {
    return (this.uint32() >>> 8) * 2 ** -24;
  }

  /** Uniform in [low, high). */
  uniform(low: number, high: number): number {
    return low + (high - low) * this.float();
  }

  /** Standard normal, by Box and Muller's transform. */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    // (word + 1) / 2^32 is in (0, 1]: the logarithm is finite, the largest normal sqrt(2 * 32 * ln 2) = 6.66.
    const radius = Math.sqrt(-2 * Math.log((this.uint32() + 1) * 2 ** -32));
    const angle = 2 * Math.PI * this.uint32() * 2 ** -32;
    this.#spareNormal = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  }

  /** An integer from 0 to bound - 1, each equally likely: words past the last whole multiple of `bound` are drawn again. */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 0x100000000) {
      throw new OptionError("bound", `RandomStream.integer: bound must be an integer from 1 to 2^32, got ${bound}`);
    }
    const limit = 0x100000000 - (0x100000000 % bound);
    for (;;) {
      const word = this.uint32();
      if (word < limit) return word % bound;
    }
  }

  /** Fisher and Yates's shuffle, in place; returns its argument. */
  shuffle<T extends { readonly length: number; [index: number]: unknown }>(items: T): T {
    for (let last = items.length - 1; last > 0; --last) {
      const chosen = this.integer(last + 1);
      const kept = items[last];
      items[last] = items[chosen];
      items[chosen] = kept;
    }
    return items;
  }

  /** The numbers 0 to count - 1 in random order. */
  permutation(count: number): Int32Array {
    return this.shuffle(Int32Array.from({ length: count }, (_, index) => index));
  }
}
