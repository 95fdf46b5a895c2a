// Borders against letters written down by hand, and far beyond the ends against walking step by step.
import { describe, expect, it } from "vitest";
import { OptionError } from "../../lib/errors.js";
import { boundaryIndex, boundaryIndices, boundaryModes, checkBoundaryMode, outside } from "../../lib/shape/boundary.js";
import type { BoundaryMode } from "../../lib/shape/boundary.js";

/** The extended axis as letters: a is element 0, a dot is nothing. */
function letters(mode: BoundaryMode, size: number, before: number, after: number): string {
  return [...boundaryIndices(mode, size, before, after)]
    .map((index) => (index === outside ? "." : "abcdefgh".charAt(index)))
    .join("");
}

/** Where a walker stands after so many steps from element 0, turning round at the ends. */
function walk(mode: "reflect" | "reflect101", size: number, steps: number): number {
  let at = 0;
  let direction = 1;
  for (let step = 0; step < steps; step++) {
    const next = at + direction;
    if (next >= 0 && next < size) at = next;
    else {
      direction = -direction;
      // Without a repeated edge the turn is a step as well.
      if (mode === "reflect101" && size > 1) at += direction;
    }
  }
  return at;
}

describe("borders", () => {
  it.each<[BoundaryMode, number, number, number, string]>([
    ["zero", 4, 3, 2, "...abcd.."],
    ["constant", 4, 3, 2, "...abcd.."],
    ["reflect", 4, 4, 4, "dcbaabcddcba"],
    ["reflect101", 4, 3, 3, "dcbabcdcba"],
    ["replicate", 4, 3, 3, "aaaabcdddd"],
    ["circular", 4, 4, 4, "abcdabcdabcd"],
    ["reflect", 3, 4, 7, "ccbaabccbaabcc"],
    ["reflect", 1, 3, 3, "aaaaaaa"],
    ["reflect101", 1, 3, 3, "aaaaaaa"],
    ["reflect101", 2, 3, 3, "babababa"],
    ["circular", 2, 3, 3, "babababa"],
    ["replicate", 1, 2, 0, "aaa"],
    ["zero", 1, 0, 0, "a"],
  ])("%s of %i by %i and %i: %s", (mode, size, before, after, expected) => {
    expect(letters(mode, size, before, after)).toBe(expected);
  });

  it.each(["reflect", "reflect101"] as const)("%s goes back and forth at any distance, both ways alike", (mode) => {
    for (const size of [1, 2, 3, 7]) {
      for (let steps = 0; steps < 60; steps++) {
        expect(boundaryIndex(mode, steps, size)).toBe(walk(mode, size, steps));
        const mirrored = mode === "reflect" ? -1 - steps : 0 - steps;
        expect(boundaryIndex(mode, mirrored, size)).toBe(boundaryIndex(mode, steps, size));
      }
    }
  });

  it("never leaves the axis, and is the axis inside", () => {
    for (const mode of boundaryModes) {
      for (const size of [1, 2, 5]) {
        for (let index = -23; index < 23; index++) {
          const found = boundaryIndex(mode, index, size);
          if (index >= 0 && index < size) expect(found).toBe(index);
          else if (mode === "zero" || mode === "constant") expect(found).toBe(outside);
          else expect(found >= 0 && found < size).toBe(true);
        }
      }
    }
  });

  it("refuses what is no mode or no size", () => {
    expect(() => checkBoundaryMode("wrap", "convolve")).toThrow(
      new OptionError(
        "mode",
        "convolve: mode must be one of 'zero', 'constant', 'reflect', 'reflect101', 'replicate', 'circular', got 'wrap'",
      ),
    );
    for (const [size, before, after] of [
      [0, 1, 1],
      [3, -1, 1],
      [3, 1, 0.5],
      [3, 2 ** 31, 0],
    ] as const) {
      expect(() => boundaryIndices("reflect", size, before, after)).toThrow(OptionError);
    }
  });
});
