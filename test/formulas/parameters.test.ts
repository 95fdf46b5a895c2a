// Counts against the nets that have these layers, and beyond what 32 bits hold.
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../lib/errors.js";
import * as formulas from "../../lib/formulas/index.js";
import { countNet } from "../../lib/layers/index.js";
import { sequential } from "../../lib/layers/net.js";
import { Random } from "../support/random.js";

const random = new Random("costs");
const pick = <T>(...values: readonly T[]): T => values[random.integer(values.length)]!;

describe("the formulas and the layers count alike", () => {
  it("conv2d and depthwiseConv2d of any kind", () => {
    for (let round = 0; round < 200; round++) {
      const groups = 1 + random.integer(3);
      const channels = groups * (1 + random.integer(4));
      const input = [5 + random.integer(20), 5 + random.integer(20), channels] as const;
      const shared = {
        kernel: pick<number | [number, number]>(1, 3, [2, 3], [1, 5]),
        stride: pick(1, 2),
        padding: pick<"same" | number>("same", 1),
        rounding: "floor",
        useBias: random.integer(2) === 0,
      } as const;
      const options = { ...shared, filters: groups * (1 + random.integer(6)), groups };
      const net = countNet(sequential(input).conv2d(options).node);
      const { weights, biases, total } = formulas.conv2dParameters(input, options);
      expect({ weights, biases, total }).toEqual({ weights: net.weights, biases: net.biases, total: net.parameters });
      expect(formulas.conv2dMacs(input, options)).toBe(net.macs);

      const depthwise = { ...shared, depthMultiplier: 1 + random.integer(3) };
      const channelwise = countNet(sequential(input).depthwiseConv2d(depthwise).node);
      const parameters = formulas.depthwiseConv2dParameters(input, depthwise);
      expect(parameters.weights).toBe(channelwise.weights);
      expect(parameters.total).toBe(channelwise.parameters);
      expect(formulas.depthwiseConv2dMacs(input, depthwise)).toBe(channelwise.macs);
    }
  });

  it("dense, behind any shape", () => {
    for (const useBias of [true, false]) {
      const net = countNet(sequential([7, 5, 3]).flatten().dense({ units: 11, useBias }).node);
      const { weights, biases, total } = formulas.denseParameters([7, 5, 3], 11, { useBias });
      expect({ weights, biases, total }).toEqual({ weights: net.weights, biases: net.biases, total: net.parameters });
      expect(formulas.denseMacs([7, 5, 3], 11)).toBe(net.macs);
    }
  });
});

describe("counts are exact or an error", () => {
  it("beyond 2^31 and 2^32", () => {
    expect(formulas.denseParameters([1000, 1000, 3], 1000)).toEqual({
      weights: 3_000_000_000,
      biases: 1000,
      total: 3_000_001_000,
    });
    expect(formulas.denseMacs([65537, 65537], 3)).toBe(12_885_295_107);
    expect(formulas.denseMacs([94906265], 94906265)).toBe(Number(94906265n * 94906265n));
  });

  it.each<[string, () => unknown]>([
    ["denseParameters: weights", () => formulas.denseParameters([2 ** 27], 2 ** 27)],
    ["compareDense: weights", () => formulas.compareDense([2 ** 14, 2 ** 14, 1], { filters: 1, kernel: 1 })],
    ["conv2dMacs: multiply-adds", () => formulas.conv2dMacs([2 ** 25, 2 ** 25, 1], { filters: 8, kernel: 1 })],
  ])("%s beyond 2^53", (what, act) => {
    expect(act).toThrow(ShapeError);
    expect(act).toThrow(`${what} must be 2^53 - 1 at most to be counted exactly, got about `);
  });

  it("refuses inputs that count nothing", () => {
    for (const input of [[], [0], [3, -1, 2], [1.5], "32"]) {
      const act = () => formulas.denseParameters(input as number[], 3);
      expect(act).toThrow("denseParameters: input must be positive whole numbers, got ");
    }
    expect(() => formulas.conv2dParameters([8, 8, 0], { filters: 1, kernel: 1 })).toThrow(
      "conv2dParameters: input must",
    );
  });
});

it("compareDense sets both beside each other", () => {
  expect(formulas.compareDense([32, 32, 3], { filters: 10, kernel: 5, padding: 2 })).toEqual({
    output: [32, 32, 10],
    convolution: { weights: 750, biases: 10, total: 760, macs: 768_000 },
    dense: { weights: 31_457_280, biases: 10_240, total: 31_467_520, macs: 31_457_280 },
    ratio: 31_457_280 / 750,
  });
});
