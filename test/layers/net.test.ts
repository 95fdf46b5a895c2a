import { describe, expect, it } from "vitest";
import { GraphError, OptionError, ShapeError } from "../../lib/errors.js";
import {
  batchNorm,
  concatBranches,
  conv2d,
  defineLayer,
  dense,
  leakyRelu,
  maxPool2d,
  netFromJson,
  relu,
  residual,
  stack,
} from "../../lib/layers/index.js";
import type { LayerDefinition, Rule, ShapeIn } from "../../lib/layers/index.js";
import { input, sequential } from "../../lib/layers/net.js";
import { netParameters } from "../../lib/layers/emit.js";
import { listNodes } from "../../lib/layers/node.js";
import { reshape as reshapeOp } from "../../lib/ops/structure.js";

/** A net as JavaScript callers see it, for calls that the compiler would refuse. */
type Method = "conv2d" | "relu" | "leakyRelu" | "batchNorm" | "flatten" | "dense" | "add" | "residual" | "apply";
interface Untyped extends Record<Method, (options?: unknown) => Untyped> {
  readonly outputShape: unknown;
}
const untyped = (net: object): Untyped => net as Untyped;

const names = (net: { readonly node: Parameters<typeof listNodes>[0] }): string[] =>
  listNodes(net.node).map(({ name }) => name);

describe("a net", () => {
  it("is never changed: every method returns a new one", () => {
    const start = sequential([8, 8, 3]);
    const one = start.conv2d({ filters: 4, kernel: 3 });
    const two = start.conv2d({ filters: 5, kernel: 1 });
    expect([start.outputShape, one.outputShape, two.outputShape]).toEqual([[8, 8, 3], [6, 6, 4], [8, 8, 5]]); // prettier-ignore
    expect(one.inputShape).toEqual([8, 8, 3]);
  });

  it("keeps its options when the caller changes his", () => {
    const kernel: [number, number] = [3, 1];
    const net = sequential([8, 8, 3]).conv2d({ filters: 4, kernel });
    kernel[0] = 99;
    expect(net.toJSON().layers[1]?.options).toMatchObject({ kernel: [3, 1] });
  });

  it("numbers its layers by type and order, around the names that were given", () => {
    const x = sequential([8, 8, 3]).conv2d({ filters: 4, kernel: 1, name: "conv2d2" }).relu();
    const net = x.add(x.conv2d({ filters: 4, kernel: 1 }).conv2d({ filters: 4, kernel: 1, name: "last.one" }));
    expect(names(net)).toEqual(["input", "conv2d2", "relu1", "conv2d1", "last.one", "add1"]);
    expect(names(net.conv2d({ filters: 1, kernel: 1 })).at(-1)).toBe("conv2d3");
  });

  it("refuses one name for two layers, and names that no file could hold", () => {
    const net = sequential([8]).relu({ name: "a" }).relu({ name: "a" });
    expect(() => net.summary()).toThrow("relu: two layers have the name 'a'");
    expect(() => sequential([8]).relu({ name: "a b" })).toThrow(
      "relu: name must be letters, digits and . _ / - (not first), got 'a b'",
    );
  });

  it("lists its parameters by layer", () => {
    const net = sequential([8, 8, 4])
      .depthwiseConv2d({ kernel: [3, 1], depthMultiplier: 2, name: "depth" })
      .batchNorm()
      .globalMaxPool2d()
      .dense({ units: 3, useBias: false });
    const listed = netParameters(net.node).map(({ tensor, shape, role, trainable }) => [
      tensor,
      shape,
      role,
      trainable,
    ]);
    expect(listed).toEqual([
      ["depth.weight", [3, 1, 1, 8], "weight", true],
      ["depth.bias", [8], "bias", true],
      ["batchNorm1.gamma", [8], "weight", true],
      ["batchNorm1.beta", [8], "bias", true],
      ["batchNorm1.runningMean", [8], "statistic", false],
      ["batchNorm1.runningVariance", [8], "statistic", false],
      ["dense1.weight", [8, 3], "weight", true],
    ]);
    const grouped = netParameters(sequential([8, 8, 4]).conv2d({ filters: 6, kernel: 3, groups: 2 }).node);
    expect(grouped[0]).toMatchObject({
      shape: [3, 3, 2, 6],
      initializer: { kind: "heNormal", fanIn: 18, fanOut: 27 },
    });
  });
});

describe("options from JavaScript", () => {
  const net = untyped(sequential([8, 8, 3]));
  it.each<[string, () => unknown, string]>([
    [
      "a misspelt one",
      () => net.conv2d({ filters: 1, kernel: 1, strides: 1 }),
      "conv2d: there is no option 'strides'. Did you mean 'stride'?",
    ],
    ["a strange one", () => net.relu({ temperature: 1 }), "relu: there is no option 'temperature'. It has name"],
    [
      "not a truth",
      () => net.conv2d({ filters: 1, kernel: 1, useBias: 1 }),
      "conv2d: useBias must be true or false, got 1",
    ],
    [
      "no such word",
      () => net.conv2d({ filters: 1, kernel: 1, algorithm: "fft" }),
      "conv2d: algorithm must be 'auto' or 'im2col' or 'winograd', got 'fft'",
    ],
    [
      "another padding mode",
      () => net.conv2d({ filters: 1, kernel: 1, paddingMode: "reflect" }),
      "conv2d: paddingMode must be 'zero', got 'reflect'",
    ],
    ["a number out of range", () => net.leakyRelu({ slope: -1 }), "leakyRelu: slope must be a number from 0, got -1"],
    [
      "not a number",
      () => net.batchNorm({ momentum: NaN }),
      "batchNorm: momentum must be a number from 0 to 1, got NaN",
    ],
    ["a number in place of options", () => net.flatten().dense(10), "dense: needs an object of options, got 10"],
    [
      "already in a layer value",
      () => conv2d({ filters: 1, kernel: 1, strides: 1 } as never),
      "conv2d: there is no option 'strides'. Did you mean 'stride'?",
    ],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(OptionError);
    expect(call).toThrow(message);
  });

  it("counts undefined as omitted", () => {
    expect(net.conv2d({ filters: 2, kernel: 3, stride: undefined }).outputShape).toEqual([6, 6, 2]);
  });

  it("says which option is at fault", () => {
    const call = () => net.conv2d({ filters: 2, kernel: 3, stride: 2 });
    expect(call).toThrow(ShapeError);
    expect(call).toThrow(expect.objectContaining({ code: "ERR_STRIATE_SHAPE", option: "stride" }));
  });

  it("refuses shapes that are none", () => {
    expect(() => sequential([8, 0])).toThrow("input: shape must be positive whole numbers, got [8, 0]");
    expect(() => input()).toThrow("input: shape must be positive whole numbers, got []");
  });
});

describe("branches", () => {
  it("must start from one input", () => {
    const other = sequential([8, 8, 3]);
    expect(() => sequential([8, 8, 3]).add(other)).toThrow(
      "add: the branches start from 2 different inputs; begin them all from one input",
    );
  });

  it("must be nets", () => {
    expect(() => untyped(sequential([8])).add([8])).toThrow("add: needs a net, got object");
    expect(() => untyped(sequential([8])).residual(() => 3)).toThrow(GraphError);
  });

  it("make the same nodes as blocks do", () => {
    const fluent = sequential([8, 8, 3]).residual((x) => x.conv2d({ filters: 3, kernel: 3, padding: "same" }).relu());
    const block = residual(stack(conv2d({ filters: 3, kernel: 3, padding: "same" }), relu()));
    expect(sequential([8, 8, 3]).apply(block).toJSON()).toEqual(fluent.toJSON());
  });
});

describe("a block", () => {
  const block = stack(conv2d({ filters: 4, kernel: 3 }), residual(stack(batchNorm(), leakyRelu())));

  it("is used at many sizes", () => {
    expect(sequential([8, 8, 3]).apply(block).outputShape).toEqual([6, 6, 4]);
    expect(sequential([5, 9, 1]).apply(block).apply(block).outputShape).toEqual([1, 5, 4]);
  });

  it("says where in it the fault is", () => {
    const deep = stack(relu(), concatBranches(relu(), stack(maxPool2d({ size: 2 }), dense({ units: 2 }))));
    expect(() => untyped(sequential([8, 8, 3])).apply(deep)).toThrow(
      "stack: [1] concatBranches: [1] stack: [1] dense: needs a flat input, got [4, 4, 3]; " +
        "call flatten() or globalAvgPool2d() first",
    );
  });
});

describe("a layer of one's own", () => {
  interface TransposeRule extends Rule {
    readonly out: ShapeIn<this> extends readonly [
      infer H extends number,
      infer W extends number,
      infer C extends number,
    ]
      ? [W, H, C]
      : number[];
    readonly verdict: ShapeIn<this>["length"] extends 3 ? "ok" : ["this", "needs an image"];
  }
  const definition: LayerDefinition<object, "transpose"> = {
    type: "transpose",
    checkOptions: () => ({}),
    outputShape: ([shape], _, label) => {
      const [h, w, c] = shape ?? [];
      if (h === undefined || w === undefined || c === undefined)
        throw new ShapeError("this", `${label}: needs an image`);
      return [w, h, c];
    },
    emit: ([x]) => reshapeOp(x!, [x!.shape[0]!, x!.shape[2]!, x!.shape[1]!, x!.shape[3]!]),
  };
  const transpose = () => defineLayer<"transpose", TransposeRule>(definition);

  it("is checked and inferred like ours", () => {
    const net = sequential([8, 6, 3])
      .apply(transpose())
      .apply(stack(relu(), transpose(), transpose()));
    const shape: [6, 8, 3] = net.outputShape;
    expect(shape).toEqual([6, 8, 3]);
    // @ts-expect-error the rule refuses flat inputs
    expect(() => sequential([8]).apply(transpose())).toThrow("transpose: needs an image"); // eslint-disable-line @typescript-eslint/no-unsafe-class-instance-assignment -- the error that is expected
  });

  it("is loaded from a file when its definition is given", () => {
    const graph: unknown = JSON.parse(JSON.stringify(sequential([8, 6, 3]).apply(transpose())));
    expect(netFromJson(graph, [definition]).outputShape).toEqual([6, 8, 3]);
    expect(() => netFromJson(graph)).toThrow(
      "graph: layer 'transpose1': there is no layer type 'transpose'; it has input,",
    );
  });
});

it("takes thousands of layers without running out of stack", () => {
  let net = sequential([4]);
  for (let index = 0; index < 5000; index++) net = net.relu();
  expect(names(net).at(-1)).toBe("relu5000");
  expect(netFromJson(net.toJSON()).outputShape).toEqual([4]);
});
