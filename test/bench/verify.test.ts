// The bench's own judge of results, its inputs, and the ONNX graphs it gives the peer.
import { describe, expect, it } from "vitest";
import { onnxFromNet, type Parameters } from "../../bench/onnx/fromNet.js";
import { onnxMessage } from "../../bench/onnx/graph.js";
import { fromPeerLayout, toPeerLayout } from "../../bench/onnx/layout.js";
import { ChangingInput, randomArray } from "../../bench/random.js";
import {
  compareSample,
  expectConvolution,
  expectSame,
  sampleOf,
  spreadIndices,
} from "../../bench/verify/expectation.js";
import { sequential } from "../../lib/layers/net.js";

describe("the float64 loop", () => {
  // 2x2 input, 3x3 filter of ones, padding 1: every output sees all four elements.
  const shape = { name: "c", input: [2, 2, 1], filters: 2, kernel: 3, stride: 1, padding: 1, groups: 1 } as const;
  const x = Float32Array.of(1, 2, 3, -4);
  const filter = Float32Array.from({ length: 18 }, (_, i) => (i % 2 === 0 ? 1 : 10));
  const expected = expectConvolution(shape, 1, x, filter, Float32Array.of(0.5, 0));

  it("computes every output of a small convolution", () => {
    expect([...expected.indices]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([...expected.values]).toEqual([2.5, 20, 2.5, 20, 2.5, 20, 2.5, 20]);
    expect(expected.tolerances[0]).toBeCloseTo(2 ** -24 * 11 * 10.5, 12);
  });
  it("keeps groups apart", () => {
    const grouped = { ...shape, input: [1, 1, 4], filters: 2, kernel: 1, padding: 0, groups: 2 } as const;
    const { values } = expectConvolution(grouped, 1, x, Float32Array.of(1, 100, 10, 1000), new Float32Array(2));
    expect([...values]).toEqual([21, -3700]);
  });
  it("takes a sample of a large one, corners among it", () => {
    const large = { ...shape, input: [64, 48, 64], filters: 64 } as const;
    const { indices } = expectConvolution(
      large,
      2,
      randomArray(2 * 64 * 48 * 64, "x"),
      randomArray(9 * 64 * 64, "w"),
      new Float32Array(64),
    );
    const pixels = new Set(Array.from(indices, (index) => Math.floor(index / 64)));
    expect(pixels.size).toBeLessThan(1000);
    for (const corner of [0, 47, 2 * 64 * 48 - 48, 2 * 64 * 48 - 1]) expect(pixels).toContain(corner);
    expect(new Set([...pixels].map((pixel) => pixel % 48)).size).toBeGreaterThan(40);
  });
  it("accepts what is within the tolerance, and nothing else", () => {
    const right = Float32Array.from(expected.values);
    expect(compareSample(right, expected)).toBeUndefined();
    for (const wrong of [2.50001, NaN]) {
      expect(compareSample(right.with(2, wrong), expected)).toMatch(/^1 of 8 elements are off; element 2 is /);
    }
    expect(compareSample(right.subarray(1), expected)).toContain("8 of 8");
  });
});

it("compares one result with another at a sample of its elements", () => {
  const result = randomArray(10_000, "result");
  const indices = spreadIndices(result.length);
  const expected = expectSame(sampleOf(result, indices), indices, 100);
  expect(expected.indices).toHaveLength(4096);
  expect(compareSample(sampleOf(result, expected.indices), expected)).toBeUndefined();
  expect(compareSample(sampleOf(result.toReversed(), expected.indices), expected)).toContain("are off");
});

describe("inputs", () => {
  it("are random, never 0, and the same in every process", () => {
    const values = randomArray(5000, "a");
    expect(values.every((value) => value !== 0 && Math.abs(value) < 1)).toBe(true);
    expect(Math.abs(values.reduce((sum, value) => sum + value, 0) / 5000)).toBeLessThan(0.05);
    expect(randomArray(5000, "a")).toEqual(values);
    expect(randomArray(5000, "b")).not.toEqual(values);
  });
  it("change in every element from call to call", () => {
    const inputs = new ChangingInput({ shape: [1000] }, "a");
    let last = inputs.first();
    for (let call = 0; call < 200; call++) {
      const next = inputs.next();
      expect(next).toHaveLength(1000);
      expect(next.some((value, i) => value === last[i])).toBe(false);
      last = next;
    }
  });
});

it("changes layouts there and back", () => {
  const image = Float32Array.from({ length: 2 * 3 * 4 * 5 }, (_, i) => i);
  const turned = toPeerLayout(image, [2, 5, 3, 4]);
  // Element [1, 2, 3] of channel 4 in the second image.
  expect(turned[((1 * 5 + 4) * 3 + 2) * 4 + 3]).toBe(image[((1 * 3 + 2) * 4 + 3) * 5 + 4]);
  expect(fromPeerLayout(turned, [2, 5, 3, 4])).toEqual(image);
  expect(toPeerLayout(image, [2, 60])).toEqual(image);
});

describe("the peer's graph", () => {
  const net = sequential([5, 4, 2])
    .conv2d({ filters: 3, kernel: [3, 2], stride: [2, 1], padding: [1, 0], name: "conv" })
    .relu()
    .maxPool2d({ size: [3, 1], stride: 1 })
    .flatten()
    .dense({ units: 2, name: "out" });
  const count = (size: number) => Float32Array.from({ length: size }, (_, i) => i);
  const parameters: Parameters = new Map([
    ["conv.weight", { shape: [3, 2, 2, 3], data: count(36) }],
    ["conv.bias", { shape: [3], data: count(3) }],
    ["out.weight", { shape: [9, 2], data: count(18) }],
    ["out.bias", { shape: [2], data: count(2) }],
  ]);
  const graph = onnxFromNet(net.node, parameters, 7);

  it("has the same layers in the peer's words", () => {
    expect(graph.nodes.map(({ op, inputs, output }) => [op, inputs, output])).toEqual([
      ["Conv", ["input", "conv.weight", "conv.bias"], "conv"],
      ["Relu", ["conv"], "relu1"],
      ["MaxPool", ["relu1"], "maxPool2d1"],
      ["Flatten", ["maxPool2d1"], "flatten1"],
      ["Gemm", ["flatten1", "out.weight", "out.bias"], "out"],
    ]);
    expect(graph.nodes[0]!.attributes).toEqual({
      ...{ kernel_shape: [3, 2], strides: [2, 1], pads: [1, 0, 1, 0], dilations: [1, 1], group: { int: 1 } },
    });
    expect(graph.nodes[2]!.attributes).toEqual({ kernel_shape: [3, 1], strides: [1, 1], pads: [0, 0, 0, 0] });
    expect([graph.inputs[0]!.shape, graph.output.shape]).toEqual([[7, 2, 5, 4], [7, 2]]); // prettier-ignore
  });
  it("turns filters, and dense weights behind an image", () => {
    const [filter, , dense] = graph.tensors;
    expect(filter!.shape).toEqual([3, 2, 3, 2]);
    // Filter 1, channel 1, tap (2, 0) of six: [(2 * 2 + 0), channel 1, filter 1] in ours.
    expect(filter!.data[(1 * 2 + 1) * 6 + 4]).toBe((4 * 2 + 1) * 3 + 1);
    expect(dense!.shape).toEqual([2, 9]);
    // Unit 1, channel 2, pixel 1 of three: feature 1 * 3 + 2 in ours.
    expect(dense!.data[1 * 9 + 2 * 3 + 1]).toBe((1 * 3 + 2) * 2 + 1);
  });
  it("has constants for what is an option of ours", () => {
    const clipped = onnxFromNet(sequential([2]).relu6({ name: "r" }).node, new Map(), 1);
    expect(clipped.nodes).toEqual([{ op: "Clip", inputs: ["input", "r.min", "r.max"], output: "r", attributes: {} }]);
    expect(clipped.tensors.map(({ shape, data }) => [shape, ...data])).toEqual([[[], 0], [[], 6]]); // prettier-ignore
  });
  it("is written in the fields of the format", () => {
    expect(onnxMessage(graph)).toMatchObject({
      opset_import: [{ version: 13 }],
      graph: {
        node: [
          { op_type: "Conv", attribute: expect.arrayContaining([{ name: "group", type: 2, i: 1 }]) as unknown },
          {},
          {},
          {},
          {},
        ],
        initializer: [{ name: "conv.weight", dims: [3, 2, 3, 2], data_type: 1 }, {}, {}, {}],
      },
    });
  });
  it("refuses a layer that has no counterpart", () => {
    expect(() => onnxFromNet(sequential([2]).rescale().node, new Map(), 1)).toThrow(
      "onnx: no counterpart for the layer type rescale (rescale1)",
    );
  });
});
