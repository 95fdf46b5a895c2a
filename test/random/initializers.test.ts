import { describe, expect, test } from "vitest";
import { initialize, initializers, type InitializerName } from "../../lib/random/initializers.js";
import { RandomStream } from "../../lib/random/philox.js";

const fans = { fanIn: 72, fanOut: 144 };
const count = 50_000;

/** The variance of the values and of their squares: for the standard error of the former. */
const distributions: Record<string, { variance: number; kurtosis: number }> = {
  heNormal: { variance: 2 / 72, kurtosis: 3 },
  lecunNormal: { variance: 1 / 72, kurtosis: 3 },
  glorotUniform: { variance: 2 / (72 + 144), kurtosis: 9 / 5 },
};

describe("initializers", () => {
  test.each(Object.keys(distributions))("%s has mean 0 and its variance", (name) => {
    const values = initialize(name as InitializerName, count, fans, new RandomStream(1, name));
    const { variance, kurtosis } = distributions[name]!;
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const measured = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(variance / count));
    expect(Math.abs(measured - variance)).toBeLessThan(5 * variance * Math.sqrt((kurtosis - 1) / count));
  });

  test("glorotUniform stays inside its limit", () => {
    const limit = Math.sqrt(6 / (72 + 144));
    const values = initialize("glorotUniform", count, fans, new RandomStream(1, "limit"));
    expect(values.every((value) => Math.abs(value) <= Math.fround(limit))).toBe(true);
  });

  test("constants", () => {
    expect([...initialize("zeros", 3, fans, new RandomStream(1, "z"))]).toEqual([0, 0, 0]);
    expect([...initialize("ones", 3, fans, new RandomStream(1, "o"))]).toEqual([1, 1, 1]);
  });

  test("every initialiser repeats with its seed", () => {
    for (const name of Object.keys(initializers) as InitializerName[]) {
      const draw = () => initialize(name, 10, fans, new RandomStream(4, "repeat"));
      expect(draw()).toEqual(draw());
    }
  });

  test("names the initialisers there are, and refuses fans of 0", () => {
    const random = new RandomStream(1, "bad");
    expect(() => initialize("he" as InitializerName, 1, fans, random, "conv2d")).toThrow(
      'conv2d: initializer must be one of heNormal, glorotUniform, lecunNormal, zeros, ones, got "he"',
    );
    expect(() => initialize("heNormal", 1, { fanIn: 0, fanOut: 1 }, random)).toThrow(
      "initialize: fans must be positive, got fanIn 0, fanOut 1",
    );
  });
});
