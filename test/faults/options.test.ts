/** Junk for every option: what comes out has the shape it says, or nothing comes out but one sentence with a code. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elementCount, type Tensor } from "../../lib/data/tensor.js";
import { filter, kernels } from "../../lib/filter/index.js";
import * as striate from "../../lib/index.js";
import { netParameters } from "../../lib/layers/emit.js";
import { appendLayer, inputNode } from "../../lib/layers/node.js";
import { layerDefinitions } from "../../lib/layers/table.js";
import { convolutionMatrix } from "../../lib/matrix/index.js";
import * as ops from "../../lib/ops/index.js";
import { isPositive } from "../../lib/shape/values.js";
import { attempt, check, junk, spoiled } from "./junk.js";

/** The least that a layer must be told. */
const needed: Readonly<Record<string, object>> = {
  conv2d: { filters: 4, kernel: 3 },
  depthwiseConv2d: { kernel: 3 },
  dense: { units: 3 },
  maxPool2d: { size: 2 },
  avgPool2d: { size: 2 },
  reshape: { shape: [4, 9] },
};
/** Options without a default, which checkOptions does not write out. */
const optional: Readonly<Record<string, readonly string[]>> = {
  conv2d: ["inChannels"],
  maxPool2d: ["stride"],
  avgPool2d: ["stride"],
};

function expectShape(shape: readonly number[]): void {
  expect(shape.length).toBeGreaterThan(0);
  expect(shape.every(isPositive)).toBe(true);
  expect(elementCount(shape)).toBeLessThan(2 ** 53);
}

/** Small enough to try out: a junk option may be a legal wish for a gigabyte. */
function isSmall(...sizes: readonly (readonly number[])[]): boolean {
  return sizes.every((shape) => elementCount(shape) <= 2 ** 16);
}

describe("layers", () => {
  const inputs: readonly (readonly number[])[] = [[6, 6, 4], [5, 8, 2], [36], [1], [3, 4]];

  test.each(layerDefinitions.map((definition) => [definition.type, definition] as const))("%s", (type, definition) => {
    const legal = needed[type] ?? {};
    const names = [...Object.keys(definition.checkOptions(legal)), ...(optional[type] ?? []), "name", "colour"];
    const property = fc.property(fc.constantFrom(...inputs), spoiled(legal, names), (shape, options) => {
      const node = attempt(() => appendLayer(definition, [inputNode(shape)], options));
      if (node === undefined) return;
      expectShape(node.outputShape);
      const parameters = attempt(() => netParameters(node));
      if (parameters === undefined || !isSmall(node.outputShape, ...parameters.map((each) => each.shape))) return;
      const model = attempt(() => new striate.Model(node));
      if (model === undefined) return;
      const images: Tensor = { shape: [2, ...shape], data: new Float32Array(2 * elementCount(shape)) };
      const result = attempt(() => model.predictSync(images as never));
      if (result !== undefined) {
        expect(result.shape).toEqual([2, ...node.outputShape]);
        expect(result.data).toHaveLength(elementCount(result.shape));
      }
      model.dispose();
    });
    check(property, 120);
  });

  test("layer values and blocks", () => {
    const makers = [striate.conv2d, striate.dense, striate.relu, striate.leakyRelu, striate.batchNorm, striate.rescale];
    const blocks = [striate.stack, striate.residual, striate.addBranches, striate.concatBranches];
    const property = fc.property(
      fc.constantFrom(...makers),
      fc.constantFrom(...blocks),
      junk,
      junk,
      (make, block, options, layer) => {
        attempt(() => (make as (options: unknown) => unknown)(options));
        const net = attempt(() => striate.sequential([6, 6, 2]).apply((block as typeof striate.stack)(layer as never)));
        if (net !== undefined) expectShape(net.outputShape);
        attempt(() => striate.sequential([6, 6, 2]).apply(layer as never));
        attempt(() => striate.sequential([6, 6, 2]).add(layer as never));
        attempt(() => striate.sequential([6, 6, 2]).residual(layer as never));
        attempt(() => striate.sequential(layer as never));
        attempt(() => striate.sequential([6, 6, 2]).flatten(layer as never));
      },
    );
    check(property, 400);
  });
});

describe("ops", () => {
  const image = striate.tensor([2, 6, 6, 4], new Float32Array(288).fill(1));
  const weights = striate.tensor([3, 3, 4, 2], new Float32Array(72).fill(1));
  const matrix = striate.tensor([4, 4], new Float32Array(16).fill(1));
  type Case = readonly [name: string, legal: object, options: readonly string[], call: (options: never) => Tensor];
  const windows = ["stride", "padding", "dilation", "rounding"];
  const table: readonly Case[] = [
    [
      "conv2d",
      {},
      [...windows, "bias", "groups", "algorithm", "precision"],
      (options) => striate.run((x, w) => ops.conv2d(x, w, options), image, weights),
    ],
    ["im2col", { kernel: 3 }, ["kernel", ...windows], (o) => striate.run((x) => ops.im2col(x, o), image)],
    [
      "col2im",
      { kernel: 2, size: [7, 7] },
      ["kernel", "size", ...windows],
      (o: { size: never }) => striate.run((x) => ops.col2im(x, o.size, o as never), image),
    ],
    ["maxPool2d", { size: 2 }, ["size", ...windows], (o) => striate.run((x) => ops.maxPool2d(x, o), image)],
    [
      "avgPool2d",
      { size: 2 },
      ["size", "countIncludePad", ...windows],
      (o) => striate.run((x) => ops.avgPool2d(x, o), image),
    ],
    [
      "matmul",
      {},
      ["transposeA", "transposeB", "bias"],
      (o) => striate.run((a, b) => ops.matmul(a, b, o), matrix, matrix),
    ],
    ["filter2d", {}, ["right", "offset", "dtype"], (o) => striate.run((x, k) => ops.filter2d(x, k, o), image, matrix)],
    ["leakyRelu", {}, ["slope"], (o) => striate.run((x) => ops.leakyRelu(x, o), image)],
    ["rescale", {}, ["scale", "offset"], (o) => striate.run((x) => ops.rescale(x, o), image)],
    [
      "fill",
      { shape: [2, 3], value: 1 },
      ["shape", "value", "batched"],
      (o: Record<string, never>) => striate.run(() => ops.fill(o.shape!, o.value!, o)),
    ],
    [
      "reshape",
      { shape: [288] },
      ["shape"],
      (o: { shape: never }) => striate.run((x) => ops.reshape(x, o.shape), image),
    ],
    [
      "channelSlice",
      { start: 0, end: 2 },
      ["start", "end"],
      (o: Record<string, never>) => striate.run((x) => ops.channelSlice(x, o.start!, o.end!), image),
    ],
    ["concat", { parts: [] }, ["parts"], (o: { parts: never }) => striate.run(() => ops.concat(o.parts))],
    ["add", { b: 0 }, ["b"], (o: { b: never }) => striate.run((x) => ops.add(x, o.b), image)],
    ["relu", { x: 0 }, ["x"], (o: { x: never }) => striate.run(() => ops.relu(o.x))],
    ["softmax", { x: 0 }, ["x"], (o: { x: never }) => striate.run(() => ops.softmax(o.x))],
    ["the build function", { build: 0 }, ["build"], (o: { build: never }) => striate.run(o.build, image)],
    ["what it gives", { result: 0 }, ["result"], (o: { result: never }) => striate.run(() => o.result)],
  ];

  test.each(table)("%s", (_, legal, options, call) => {
    const property = fc.property(spoiled(legal, options), (given) => {
      const result = attempt(() => call(given as never));
      if (result === undefined) return;
      expectShape(result.shape);
      expect(result.data).toHaveLength(elementCount(result.shape));
    });
    check(property, 150);
  });
});

describe("filters", () => {
  const photo = striate.tensor([5, 7, 4], new Uint8Array(140).fill(9));

  test("filter", () => {
    const names = ["operation", "boundary", "constant", "normalize", "offset", "depth", "alpha", "into"];
    const kernel = fc.oneof(junk, fc.constantFrom("edge", "gaussian"), fc.constant([[1, 2, 1]]));
    const property = fc.property(kernel, spoiled({}, names), (weights, options) => {
      const result = attempt(() => filter(photo, weights as never, options));
      if (result === undefined) return;
      expectShape(result.shape);
      expect(result.data).toHaveLength(elementCount(result.shape));
    });
    check(property, 600);
  });

  const options = ["size", "sigma", "ratio", "amount", "neighbours", "axis", "angle", "strength", "length"];
  test.each(Object.entries(kernels))("kernels.%s", (_, kernel) => {
    const names = [...options, "wavelength", "phase", "aspect"];
    const property = fc.property(fc.oneof(spoiled({}, names), junk), (given) => {
      const rows = attempt(() => kernel(given as never));
      if (rows === undefined) return;
      expect(rows.length).toBeGreaterThan(0);
      expect(rows.every((row) => row.length === rows[0]!.length && row.every((w) => typeof w === "number"))).toBe(true);
    });
    check(property, 60);
  });

  test("signals", () => {
    const names = ["boundary", "mode", "value", "stride", "dilation", "rounding"];
    const signal = fc.oneof(junk, fc.constant([1, 2, 3, 4]));
    const property = fc.property(signal, signal, spoiled({}, names), (x, kernel, given) => {
      for (const call of [striate.convolve, striate.correlate]) {
        const result = attempt(() => call(x as never, kernel as never, given));
        if (result !== undefined) expect(result).toBeInstanceOf(Float32Array);
      }
    });
    check(property, 400);
    const extension = fc.property(signal, junk, junk, spoiled({}, ["mode", "value"]), (x, before, after, given) => {
      const result = attempt(() => striate.extendSignal(x as never, before as never, after as never, given as never));
      if (result !== undefined) expect(result).toBeInstanceOf(Float32Array);
    });
    check(extension, 400);
  });
});

test("formulas and matrices", () => {
  const window = { kernel: 3 };
  const names = ["kernel", "stride", "padding", "dilation", "rounding", "groups", "filters", "units", "layers"];
  const property = fc.property(junk, fc.oneof(spoiled(window, names), junk), (size, given) => {
    const calls: ((...values: never[]) => unknown)[] = [
      striate.outputSize,
      striate.samePadding,
      striate.legalStrides,
      striate.legalPaddings,
      striate.coverage,
      striate.compareDense,
      striate.conv2dMacs,
      striate.conv2dParameters,
      striate.denseMacs,
      striate.denseParameters,
      striate.depthwiseConv2dMacs,
      striate.depthwiseConv2dParameters,
      convolutionMatrix,
    ];
    for (const call of calls) attempt(() => call(size as never, given as never));
    attempt(() => striate.receptiveField(size as never));
    attempt(() => striate.receptiveField([given] as never));
    attempt(() => convolutionMatrix([[1, 2]], size as never, given as never));
    attempt(() => striate.netFromJson(size));
    attempt(() => striate.netFromJson({ layers: size }));
    attempt(() => striate.netFromJson({ layers: [{ name: "a", type: "input", options: given, inputs: [] }] }));
  });
  check(property, 150);
});

describe("training", () => {
  const images = striate.tensor([4, 2, 2, 1], new Float32Array(16).fill(1));
  const examples = { images, labels: Int32Array.of(0, 1, 0, 1) };
  const legal = { epochs: 1, optimizer: striate.sgd({ learningRate: 0.1 }), loss: "crossEntropy" as const };
  const net = striate.sequential([2, 2, 1]).flatten().dense({ units: 2 }).softmax();
  const names = ["epochs", "batchSize", "optimizer", "loss", "validation", "shuffle", "learningRate", "augment"];

  test("fit", () => {
    const model = net.model();
    // Not as many as a huge number of epochs would take.
    const onEpoch = () => false;
    const property = fc.property(spoiled(legal, names), spoiled(examples, ["images", "labels"]), (given, data) => {
      attempt(() => model.fitSync(examples, { ...given, onEpoch } as never));
      attempt(() => model.fitSync(data as never, { ...legal, onEpoch }));
      attempt(() => model.evaluateSync(data as never, { batchSize: given["batchSize"] as never }));
    });
    check(property, 300);
  });

  test("sgd, models, parameters, pictures of a run", () => {
    const property = fc.property(
      spoiled({ learningRate: 0.1 }, ["learningRate", "momentum", "nesterov", "weightDecay"]),
      spoiled({}, ["seed", "parameters", "metadata"]),
      spoiled({ of: "dense1", seed: striate.tensor([4, 2], new Float32Array(8)) }, ["of", "seed", "wrt", "batchSize"]),
      junk,
      (forSgd, forModel, forGradients, value) => {
        attempt(() => net.model(forModel as never));
        const optimizer = attempt(() => striate.sgd(forSgd as never));
        const model = net.model();
        if (optimizer !== undefined) attempt(() => model.fitSync(examples, { ...legal, optimizer }));
        attempt(() => model.gradientsSync(images, forGradients as never));
        attempt(() => model.activationsSync(images, { layers: value as never }));
        attempt(() => model.predictSync(images, { batchSize: value as never }));
        attempt(() => model.predictSync(images, { into: value as never }));
        attempt(() => model.setParameters(value as never));
        attempt(() => model.setParameters(new Map([["dense1.weight", value]]) as never));
        attempt(() => model.explain({ kind: value } as never));
        // Whoever asks for a thousand million runs gets them.
        const runs = typeof value === "number" && value > 9 ? 1 : value;
        attempt(() => model.profile({ kind: "predict" }, { runs: runs as never, batchSize: 1 }));
        attempt(() => striate.setThreads(typeof value === "number" && value > 2 ? 0 : (value as never)));
        attempt(() => striate.randomShift(value as never));
        attempt(() => new striate.RandomStream(value as never, "x"));
        model.dispose();
      },
    );
    check(property, 200);
    striate.setThreads(2);
  });
});
