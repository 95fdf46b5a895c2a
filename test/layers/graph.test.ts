import { describe, expect, it } from "vitest";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.js";
import { netFromJson } from "../../lib/layers/index.js";
import { sequential } from "../../lib/layers/net.js";
import { layerDefinitions } from "../../lib/layers/table.js";

describe("a net as JSON", () => {
  // One net with every layer of the package.
  const x = sequential([16, 12, 3]).rescale({ scale: 2, offset: -1, name: "bytes" });
  const body = x
    .conv2d({ filters: 4, kernel: [3, 5], padding: [1, 2], algorithm: "im2col", precision: "exact" })
    .batchNorm({ momentum: 0.2 })
    .concat(x.depthwiseConv2d({ kernel: 3, depthMultiplier: 2, padding: "same", useBias: false }))
    .leakyRelu({ slope: 0.01 })
    .relu6()
    .maxPool2d({ size: 3, stride: 2, rounding: "ceil" })
    .residual((y) => y.avgPool2d({ size: 3, stride: 1, padding: 1, countIncludePad: false }).tanh())
    .sigmoid();
  const pooled = body
    .globalAvgPool2d()
    .concat(body.globalMaxPool2d())
    .reshape({ shape: [4, 5] });
  const net = pooled.flatten().dense({ units: 10 }).relu().softmax();
  const text = JSON.stringify(net);

  it("holds every layer of the package here", () => {
    const used = new Set(net.toJSON().layers.map(({ type }) => type));
    expect(layerDefinitions.map(({ type }) => type).filter((type) => !used.has(type))).toEqual([]);
  });

  it("comes back as it was", () => {
    const again = netFromJson(JSON.parse(text));
    expect(JSON.stringify(again)).toBe(text);
    expect(again.summary()).toBe(net.summary());
    expect(again.outputShape).toEqual([10]);
  });

  it("writes defaults out, so that they may change one day", () => {
    expect(sequential([8, 8, 1]).conv2d({ filters: 1, kernel: 3 }).toJSON().layers[1]?.options).toEqual({
      ...{ filters: 1, kernel: 3, stride: 1, padding: 0, paddingMode: "zero", dilation: 1, groups: 1 },
      ...{ rounding: "exact", useBias: true, algorithm: "auto", precision: "fast" },
    });
  });

  type Json = Record<string, unknown>;
  const layer = (changes: Json = {}): Json => ({ name: "a", type: "relu", options: {}, inputs: ["input"], ...changes });
  const start: Json = { name: "input", type: "input", options: { shape: [8] }, inputs: [] };

  it.each<[string, unknown, string]>([
    ["null", null, "graph: layers must be a list, got undefined"],
    ["no layers", { layers: [] }, "graph: layers must be one or more, got []"],
    ["a layer that is none", { layers: [7] }, "graph: layers[0]: name must be a string, got undefined"],
    ["no type", { layers: [start, layer({ type: 3 })] }, "graph: layers[1]: type must be a string, got 3"],
    ["no options", { layers: [layer({ options: null })] }, "graph: layers[0]: options must be an object, got null"],
    [
      "no inputs",
      { layers: [layer({ inputs: "input" })] },
      "graph: layers[0]: inputs must be names of layers, got 'input'",
    ],
    [
      "an unknown type",
      { layers: [start, layer({ type: "gru" })] },
      "graph: layer 'a': there is no layer type 'gru'; it has input, conv2d",
    ],
    [
      "an input that comes later",
      { layers: [layer(), start] },
      "graph: layer 'a': its input 'input' is none of the layers before it",
    ],
    ["one name twice", { layers: [start, layer(), layer()] }, "graph: layer 'a': two layers have this name"],
    [
      "a leaf that is no input",
      { layers: [start, layer({ inputs: [] })] },
      "graph: layer 'a': relu takes one input, got 0",
    ],
    [
      "too many inputs",
      { layers: [start, layer({ inputs: ["input", "input"] })] },
      "graph: layer 'a': relu takes one input, got 2",
    ],
    [
      "an input of an input",
      { layers: [start, { ...start, name: "b", inputs: ["input"] }] },
      "graph: layer 'b': input takes no input, got 1",
    ],
    [
      "a layer for nothing",
      { layers: [start, layer(), layer({ name: "b" })] },
      "graph: layer 'a': the output does not need it",
    ],
  ])("refuses %s", (_, graph, message) => {
    expect(() => netFromJson(graph)).toThrow(GraphError);
    expect(() => netFromJson(graph)).toThrow(message);
  });

  it("checks options and shapes as if it were built anew", () => {
    const bad = (changes: Json) => () => netFromJson({ layers: [start, layer(changes)] });
    expect(bad({ type: "dense", options: { units: 0 } })).toThrow(ShapeError);
    expect(bad({ options: { slope: 1 } })).toThrow(OptionError);
    expect(bad({ name: "../a" })).toThrow(OptionError);
    expect(() => netFromJson({ layers: [{ ...start, options: { shape: [-1] } }] })).toThrow(ShapeError);
  });
});
