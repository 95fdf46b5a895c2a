// Layers as ops: shapes that ops agree with, what training adds, and the numbers of a few nets.
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import type { Tensor } from "../../lib/data/tensor.js";
import { input } from "../../lib/graph/value.js";
import type { Value } from "../../lib/graph/value.js";
import { emitNet } from "../../lib/layers/emit.js";
import { concatBranches, conv2d, globalAvgPool2d, globalMaxPool2d } from "../../lib/layers/index.js";
import { sequential } from "../../lib/layers/net.js";
import type { Branch } from "../../lib/layers/net.js";
import { writeCases } from "../types/fuzz.js";
import { evaluate } from "../types/runtime.js";

function emit(net: Branch, training = false, rows = 2): ReturnType<typeof emitNet> {
  return emitNet(net.node, input("x", [rows, ...net.inputShape], { batched: true }), { training });
}

/** The nodes behind a value, operands first. */
function nodesOf(value: Value): Value["node"][] {
  const found = new Set<Value["node"]>();
  const visit = (node: Value["node"]): void => {
    for (const operand of node.operands) if (operand !== undefined) visit(operand.node);
    found.add(node);
  };
  visit(value.node);
  return [...found];
}

it("gives ops whose own shape rules agree, for random nets", () => {
  let emitted = 0;
  for (const { code } of writeCases("emit", 400)) {
    const net = evaluate(code);
    if (!("node" in net)) continue;
    expect(emit(net).output.shape, code).toEqual([2, ...net.outputShape]);
    emitted++;
  }
  expect(emitted).toBeGreaterThan(100);
});

it("labels ops with the layer, and names State tensors by layer and parameter", () => {
  const net = sequential([8, 8, 1])
    .conv2d({ filters: 2, kernel: 3, name: "stem" })
    .relu()
    .flatten()
    .dense({ units: 3 });
  const nodes = nodesOf(emit(net).output);
  expect(nodes.filter(({ op }) => op === "state").map(({ name }) => name)).toEqual([
    ...["stem.weight", "stem.bias", "dense1.weight", "dense1.bias"],
  ]);
  expect(nodes.filter(({ op }) => op === "conv2d").map(({ label }) => label)).toEqual(["stem"]);
});

it("passes every option of a convolution on", () => {
  const net = sequential([9, 9, 4]).conv2d({
    ...{ filters: 6, kernel: [3, 2], stride: [2, 1], padding: "same", dilation: [1, 2], groups: 2 },
    ...{ useBias: false, algorithm: "im2col", precision: "exact" },
  } as const);
  const { node } = emit(net).output;
  expect(node.attributes).toMatchObject({
    ...{ strideH: 2, strideW: 1, padTop: 1, padBottom: 1, padLeft: 1, padRight: 1 },
    ...{ dilationH: 1, dilationW: 2, groups: 2, algorithm: 1, exact: 1 },
  });
  expect(node.operands[2]).toBeUndefined();
});

it("normalises by the batch and updates statistics while training only", () => {
  const net = sequential([4, 4, 2]).batchNorm({ name: "bn", momentum: 0.25, epsilon: 1e-3 });
  const still = emit(net);
  expect(still.output.node.op).toBe("batchNorm.inference");
  expect(still.updates).toEqual([]);
  const { output, updates } = emit(net, true);
  expect(output.node.op).toBe("batchNorm.train");
  expect(output.node.attributes).toMatchObject({ epsilon: 1e-3 });
  expect(updates.map(({ tensor }) => tensor)).toEqual(["bn.runningMean", "bn.runningVariance"]);
  expect(updates[0]?.value.node.attributes).toEqual({ momentum: 0.25, pixelsPerRow: 16 });
});

it("refuses a batch of another shape", () => {
  const net = sequential([4, 4, 2]).relu();
  expect(() => emitNet(net.node, input("x", [2, 4, 2, 4], { batched: true }), { training: false })).toThrow(
    "input: must have the shape [rows, 4, 4, 2], got [2, 4, 2, 4]",
  );
});

describe("numbers", () => {
  const backend = referenceBackend;
  const batch = <const S extends readonly number[]>(shape: S, data: readonly number[]): Tensor<S, Float32Array> => ({
    shape,
    data: Float32Array.from(data),
  });

  it("filter m of channel c is output c * depthMultiplier + m", () => {
    const model = sequential([1, 1, 2]).depthwiseConv2d({ kernel: 1, depthMultiplier: 3 }).model({ backend });
    model.setParameters(
      new Map<string, Tensor>([
        ["depthwiseConv2d1.weight", batch([1, 1, 1, 6], [1, 2, 3, 4, 5, 6])],
        ["depthwiseConv2d1.bias", batch([6], [0, 0, 0, 0, 0, 0.5])],
      ]),
    );
    const { data } = model.predictSync(batch([1, 1, 1, 2], [10, 100]));
    expect([...data]).toEqual([10, 20, 30, 400, 500, 600.5]);
  });

  it("branches are joined in the order in which they are written", () => {
    const x = sequential([1, 2, 2]);
    const joined = x.apply(concatBranches(globalMaxPool2d(), globalAvgPool2d(), globalMaxPool2d({ name: "again" })));
    const { data } = joined.model({ backend }).predictSync(batch([1, 1, 2, 2], [1, 2, 3, 6]));
    expect([...data]).toEqual([3, 6, 2, 4, 3, 6]);
  });

  it("a residual adds the input, a reshape keeps the order, rescale scales", () => {
    const net = sequential([2, 2, 1])
      .residual((x) => x.rescale({ scale: 10, offset: 1 }))
      .reshape({ shape: [1, 4, 1] })
      .leakyRelu()
      .flatten();
    const { data } = net.model({ backend }).predictSync(batch([1, 2, 2, 1], [1, 2, 3, -1]));
    expect([...data]).toEqual([12, 23, 34, Math.fround(-1)]);
  });

  it("padding counts in an average or does not", () => {
    const images = batch([1, 2, 2, 1], [4, 4, 4, 4]);
    const pool = { size: 2, padding: 1 } as const;
    const x = sequential([2, 2, 1]);
    expect([...x.avgPool2d(pool).model({ backend }).predictSync(images).data]).toEqual([1, 1, 1, 1]);
    const without = x.avgPool2d({ ...pool, countIncludePad: false }).model({ backend });
    expect([...without.predictSync(images).data]).toEqual([4, 4, 4, 4]);
  });

  it("a convolution correlates: the filter is not flipped", () => {
    const model = sequential([1, 3, 1])
      .apply(conv2d({ filters: 1, kernel: [1, 2], useBias: false }))
      .model({ backend });
    model.setParameters(new Map([["conv2d1.weight", batch([1, 2, 1, 1], [1, 10])]]));
    expect([...model.predictSync(batch([1, 1, 3, 1], [1, 2, 3])).data]).toEqual([21, 32]);
  });
});
