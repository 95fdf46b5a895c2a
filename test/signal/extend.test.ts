import { describe, expect, it } from "vitest";
import { extendSignal, OptionError, type BoundaryMode } from "../../lib/index.js";
import { sampleAt } from "./oracle.js";

describe("extendSignal", () => {
  it.each<BoundaryMode>(["zero", "constant", "reflect", "reflect101", "replicate", "circular"])("%s", (mode) => {
    for (const signal of [[4], [4, 7], [1, 2, 3, 4, 5]]) {
      const value = mode === "constant" ? 9 : undefined;
      const found = extendSignal(signal, 11, 8, { mode, ...(value === undefined ? {} : { value }) });
      const want = Array.from({ length: 19 + signal.length }, (_, i) => sampleAt(signal, i - 11, mode, value ?? 0));
      expect([...found]).toEqual(want);
    }
  });

  it("adds nothing where nothing is asked, and copies", () => {
    const signal = Float32Array.of(1, 2);
    const found = extendSignal(signal, 0, 0);
    expect([...found]).toEqual([1, 2]);
    expect(found).not.toBe(signal);
  });

  it("refuses borders that are none", () => {
    for (const [before, after] of [
      [-1, 0],
      [0, 0.5],
      [2 ** 31, 0],
    ] as const) {
      // prettier-ignore
      expect(() => extendSignal([1], before, after)).toThrow(OptionError);
    }
    expect(() => extendSignal([1], 1, 1, { mode: "mirror" as never })).toThrow(
      "extendSignal: mode must be one of 'zero'",
    );
    expect(() => extendSignal([1], 1, 1, { mode: "constant", value: "1" as never })).toThrow("extendSignal: value must be a number, got '1'"); // prettier-ignore
  });
});
