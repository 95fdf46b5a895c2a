// What deep nets cost the compiler, in instantiations: unlike times they are the same on every machine.
import { beforeAll, describe, expect, it } from "vitest";
import { compile, prelude } from "./compile.js";

/** As in VGG: "same" convolutions of equal size, a pool now and then. */
function vggLike(layers: number): string {
  const calls = Array.from({ length: layers }, (_, index) => {
    if (index % 10 === 9 && index < 49) return ".maxPool2d({ size: 2 })";
    return `.conv2d({ filters: ${16 + 16 * Math.floor(index / 10)}, kernel: 3, padding: "same" }).relu()`;
  });
  return `export const net = sequential([64, 64, 3])${calls.join("")};`;
}

/** The worst case: every layer has a size and a number of filters of its own, and all options. */
function everySizeNew(layers: number): string {
  const calls = Array.from(
    { length: layers },
    (_, index) =>
      `.conv2d({ filters: ${17 + index}, kernel: [3, 2], stride: 1, padding: [[1, 0], [0, 1]], dilation: 1, groups: 1, ` +
      `rounding: "floor", inChannels: ${index === 0 ? 3 : 16 + index} })`,
  );
  return `export const net = sequential([1000, 900, 3])${calls.join("")};`;
}

/** The same layers as one block. */
function asStack(layers: number): string {
  const values = Array.from({ length: layers }, () => `layers.conv2d({ filters: 16, kernel: 3, padding: 1 })`);
  return `export const net = sequential([64, 64, 3]).apply(layers.stack(${values.join(", ")}));`;
}

let baseline = 0;
beforeAll(() => {
  baseline = compile(prelude).instantiations;
});

/** Without errors, above a file that imports only. */
function cost(line: string): number {
  const { errors, shapes, instantiations } = compile([...prelude, line]);
  expect([...errors.values()]).toEqual([]);
  expect(shapes.get(prelude.length)).toMatch(/^\[\d+, \d+, \d+\]$/);
  return instantiations - baseline;
}

// Measured at first: 42, 65 and 32 thousand. The budgets leave room for another option or method, not for slower
// arithmetic.
describe("50 layers", () => {
  it.each([
    ["as in VGG", vggLike(50), 60_000],
    ["every size new, every option given", everySizeNew(50), 90_000],
    ["in one block", asStack(50), 45_000],
  ])("%s", (_, line, budget) => {
    const spent = cost(line);
    expect(spent).toBeGreaterThan(0);
    expect(spent).toBeLessThan(budget);
  });

  it("is a budget that can be exceeded", () => {
    expect(cost(everySizeNew(150))).toBeGreaterThan(90_000);
  });
});

it("takes 300 layers in one chain", () => {
  const { errors } = compile([...prelude, vggLike(300)]);
  expect([...errors.values()]).toEqual([]);
});
