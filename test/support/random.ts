/** Seeded values for tests. Every operand draws from a stream of its own, named by case and operand. */

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast, and good enough for test data. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: string) {
    // FNV-1a, three times with different offsets
    const hash = (offset: number): number => {
      let h = offset;
      for (let i = 0; i < seed.length; i++) h = Math.imul(h ^ seed.charCodeAt(i), 0x01000193) >>> 0;
      return h;
    };
    this.#a = hash(0x811c9dc5);
    this.#b = hash(0x9e3779b9);
    this.#c = hash(0x51ed270b);
    for (let i = 0; i < 12; i++) this.word();
  }

  /** 32 random bits. */
  word(): number {
    const sum = (this.#a + this.#b + this.#counter) >>> 0;
    this.#counter = (this.#counter + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) >>> 0;
    return sum;
  }

  /** In [0, 1). */
  unit(): number {
    return this.word() / 2 ** 32;
  }

  uniform(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** 0 <= result < count */
  integer(count: number): number {
    return Math.floor(this.unit() * count);
  }

  /** Box and Muller. */
  normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
  }
}

/** Draws element `index` of an operand with `size` elements. */
export type Distribution = (random: Random, index: number, size: number) => number;

export const symmetric: Distribution = (random) => random.uniform(-1, 1);
export const normal: Distribution = (random) => random.normal();
/** In [0.25, 2): variances, probabilities before normalising. */
export const positive: Distribution = (random) => random.uniform(0.25, 2);
/** -2 to 2 in whole numbers: many ties. */
export const fewValues: Distribution = (random) => random.integer(5) - 2;
/** -3 to 3 in whole numbers: sums of their products are exact in float32 up to millions of terms. */
export const wholeNumbers: Distribution = (random) => random.integer(7) - 3;
export const byte: Distribution = (random) => random.integer(256);
export const constant =
  (value: number): Distribution =>
  () =>
    value;
/** Mean far from zero: where a one-pass variance loses its digits. */
export const offsetBy =
  (mean: number): Distribution =>
  (random) =>
    mean + random.normal();
export const scaled =
  (factor: number): Distribution =>
  (random) =>
    factor * random.normal();
export const labelsBelow =
  (classes: number): Distribution =>
  (random) =>
    random.integer(classes);
/** `base`, but each of `specials` about once in twelve elements. */
export const sprinkled =
  (base: Distribution, ...specials: number[]): Distribution =>
  (random, index, size) => {
    const value = base(random, index, size);
    return random.integer(12) === 0 ? specials[random.integer(specials.length)]! : value;
  };
