import { describe, expect, test } from "vitest";
import { philox4x32, RandomStream } from "../../lib/random/philox.js";

/** The "philox4x32 10" lines of Random123's tests/kat_vectors: counter, key, result. */
const knownAnswers = `
00000000 00000000 00000000 00000000 00000000 00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8
ffffffff ffffffff ffffffff ffffffff ffffffff ffffffff 408f276d 41c83b0e a20bc7c6 6d5451fd
243f6a88 85a308d3 13198a2e 03707344 a4093822 299f31d0 d16cfe09 94fdcceb 5001e420 24126ea1`;

describe("philox4x32", () => {
  test.each(knownAnswers.trim().split("\n"))("known answer %s", (line) => {
    const words = line.split(" ").map((word) => Number.parseInt(word, 16));
    const output = new Uint32Array(4);
    philox4x32(words[0]!, words[1]!, words[2]!, words[3]!, words[4]!, words[5]!, output);
    expect([...output]).toEqual(words.slice(6));
  });

  test("agrees with 64-bit integer arithmetic on random counters and keys", () => {
    const random = new RandomStream(3, "test/philox");
    const output = new Uint32Array(4);
    for (let trial = 0; trial < 200; ++trial) {
      const words = Array.from({ length: 6 }, () => random.uint32());
      philox4x32(words[0]!, words[1]!, words[2]!, words[3]!, words[4]!, words[5]!, output);
      let [c0, c1, c2, c3, k0, k1] = words.map(BigInt) as [bigint, bigint, bigint, bigint, bigint, bigint];
      for (let round = 0; round < 10; ++round) {
        const p0 = 0xd2511f53n * c0;
        const p1 = 0xcd9e8d57n * c2;
        [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & 0xffffffffn, (p0 >> 32n) ^ c3 ^ k1, p0 & 0xffffffffn];
        k0 = (k0 + 0x9e3779b9n) & 0xffffffffn;
        k1 = (k1 + 0xbb67ae85n) & 0xffffffffn;
      }
      expect([...output]).toEqual([c0, c1, c2, c3].map(Number));
    }
  });
});

describe("RandomStream", () => {
  const words = (stream: RandomStream, count: number) => Array.from({ length: count }, () => stream.uint32());

  test("the same seed and purpose give the same numbers", () => {
    expect(words(new RandomStream(7, "a"), 9)).toEqual(words(new RandomStream(7, "a"), 9));
  });

  test("other seeds and other purposes give other numbers, also seeds that differ above 32 bits", () => {
    const seeds = [0, 1, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const streams = seeds.flatMap((seed) => ["", "a", "b", "ab"].map((purpose) => new RandomStream(seed, purpose)));
    const all = streams.flatMap((stream) => words(stream, 8));
    expect(new Set(all).size).toBe(all.length);
  });

  test("goes on from any position", () => {
    const whole = words(new RandomStream(5, "resume"), 20);
    for (let position = 0; position < 20; ++position) {
      const stream = new RandomStream(5, "resume", position);
      expect(words(stream, 20 - position)).toEqual(whole.slice(position));
      expect(stream.position).toBe(20);
    }
  });

  test("positions beyond 2^34 reach the second word of the counter", () => {
    const far = new RandomStream(0, "far", 4 * (2 ** 32 + 3));
    const near = new RandomStream(0, "far", 4 * 3);
    expect(far.uint32()).not.toBe(near.uint32());
  });

  test("float is uniform in [0, 1): moments and the chi-squared statistic of 64 bins", () => {
    const stream = new RandomStream(11, "floats");
    const count = 64_000;
    const bins = new Float64Array(64);
    let sum = 0;
    let exact = true;
    for (let index = 0; index < count; ++index) {
      const value = stream.float();
      exact &&= Math.fround(value) === value && value < 1;
      sum += value;
      bins[Math.floor(value * 64)]! += 1;
    }
    expect(exact).toBe(true);
    // Five standard errors; the bins' statistic has mean 63 and deviation sqrt(126).
    expect(Math.abs(sum / count - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / count));
    const chiSquared = bins.reduce((total, observed) => total + (observed - 1000) ** 2 / 1000, 0);
    expect(Math.abs(chiSquared - 63)).toBeLessThan(5 * Math.sqrt(126));
  });

  test("normal has the moments of a normal", () => {
    const stream = new RandomStream(11, "normals");
    const count = 100_000;
    const moments = [0, 0, 0, 0];
    for (let index = 0; index < count; ++index) {
      const value = stream.normal();
      for (let power = 1; power <= 4; ++power) moments[power - 1]! += value ** power / count;
    }
    // Variances of the first four powers of a standard normal: 1, 2, 15, 96; five standard errors.
    [0, 1, 0, 3].forEach((moment, index) => {
      const error = 5 * Math.sqrt([1, 2, 15, 96][index]! / count);
      expect(Math.abs(moments[index]! - moment)).toBeLessThan(error);
    });
  });

  test("integer reaches every value below its bound and no other", () => {
    const stream = new RandomStream(2, "integers");
    const counts = new Float64Array(7);
    for (let index = 0; index < 7000; ++index) counts[stream.integer(7)]! += 1;
    expect(counts.reduce((a, b) => a + b)).toBe(7000);
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(1000));
    expect(stream.integer(1)).toBe(0);
    expect(stream.integer(2 ** 32)).toBeGreaterThanOrEqual(0);
  });

  test("permutation holds each number once; each of the 24 orders of four is equally likely", () => {
    const stream = new RandomStream(2, "orders");
    expect([...stream.permutation(100)].sort((a, b) => a - b)).toEqual([...Array(100).keys()]);
    const orders = new Map<string, number>();
    for (let index = 0; index < 24_000; ++index) {
      const order = stream.permutation(4).join("");
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(5 * Math.sqrt(1000));
  });

  test.each([-1, 0.5, Number.NaN, 2 ** 53])("refuses the seed %s", (seed) => {
    expect(() => new RandomStream(seed, "x")).toThrow(`seed: must be an integer from 0 to 2^53 - 1, got ${seed}`);
  });

  test("refuses bounds and positions that are no counts", () => {
    expect(() => new RandomStream(0, "x").integer(0)).toThrow("bound must be an integer from 1 to 2^32, got 0");
    expect(() => new RandomStream(0, "x", -1)).toThrow("position must be an integer of at least 0, got -1");
  });
});
