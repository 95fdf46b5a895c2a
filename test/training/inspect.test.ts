/** What the layers of a model give, and gradients between them, against the float64 oracle. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, type Tensor } from "../../lib/index.js";
import { difference } from "../support/compare.js";
import { oracleOf } from "../support/modelOracle.js";
import { Random } from "../support/random.js";

const rows = 5;

/** Layers in every kind of place: fused, read twice, a part of a concat, a view, the last one. */
const start = sequential([6, 4, 2]);
const trunk = start
  .conv2d({ filters: 3, kernel: 3, padding: "same", useBias: false })
  .batchNorm()
  .relu()
  .residual((x) => x.conv2d({ filters: 3, kernel: 3, padding: "same" }).leakyRelu());
const net = trunk
  .concat(start.conv2d({ filters: 2, kernel: 1, name: "side" }))
  .maxPool2d({ size: 2 })
  .flatten()
  .dense({ units: 3, name: "scores" })
  .softmax();

function drawn<const S extends readonly number[]>(name: string, shape: S): Tensor<S, Float32Array> {
  const random = new Random(name);
  const size = shape.reduce((product, each) => product * each, 1);
  return { shape, data: Float32Array.from({ length: size }, () => random.normal()) };
}

const images = drawn("images", [rows, 6, 4, 2]);

describe.each<[string, Backend]>([
  ["reference", referenceBackend],
  ["native", nativeBackend()],
])("%s", (_, backend) => {
  const build = (): Model<[6, 4, 2], [3]> => {
    const model = new Model<[6, 4, 2], [3]>(net.node, { seed: 3, backend });
    // Statistics and shifts that are not those of the start.
    const random = new Random("statistics");
    const changed = [...model.parameters()].filter(([name]) => name.startsWith("batchNorm1") || name.endsWith("bias"));
    for (const [, { data }] of changed) data.forEach((_, i) => (data[i] = random.uniform(0.5, 1.5)));
    model.setParameters(new Map(changed));
    return model;
  };

  test.each([2, 32])("activations of all layers, %i images a run", async (batchSize) => {
    const model = build();
    const found = await model.activations(images, { batchSize });
    const names = [...found.keys()];
    expect(names).toEqual([
      ...["conv2d1", "batchNorm1", "relu1", "conv2d2", "leakyRelu1", "add1", "side", "concat1", "maxPool2d1"],
      ...["flatten1", "scores", "softmax1"],
    ]);
    const wants = oracleOf({ model, backend, images: images.data, rows, layers: names });
    wants.forEach((want, i) => {
      const { shape, data } = found.get(names[i]!)!;
      expect(shape).toEqual(want.shape);
      expect(difference(names[i]!, data, want)).toBeUndefined();
    });
    expect(model.activationsSync(images, { batchSize })).toEqual(found);
  });

  test("activations of some layers, the images among them", () => {
    const model = build();
    const found = model.activationsSync(images, { layers: ["relu1", "input"] });
    expect([...found.keys()]).toEqual(["relu1", "input"]);
    expect(found.get("input")!.data).toEqual(images.data);
    const [want] = oracleOf({ model, backend, images: images.data, rows, layers: ["relu1"] });
    expect(difference("relu1", found.get("relu1")!.data, want!)).toBeUndefined();
  });

  test("bytes are read as predict reads them", () => {
    const model = build();
    const bytes = { shape: images.shape, data: Uint8Array.from(images.data, (_, i) => i % 256) };
    const { data } = model.predictSync(bytes);
    const found = model.activationsSync(bytes, { layers: ["softmax1"] }).get("softmax1")!;
    expect(found.data).toEqual(data);
  });

  test("images of another size, where the layers take them", async () => {
    const pooled = start.conv2d({ filters: 3, kernel: 3 }).relu().globalAvgPool2d().dense({ units: 2 });
    const model = pooled.model({ seed: 1, backend });
    const wide: Tensor<[1, 6, 4, 2], Float32Array> = drawn("wide", [1, 6, 9, 2]) as never;
    const found = await model.activations(wide, { layers: ["relu1"] });
    expect(found.get("relu1")!.shape).toEqual([1, 4, 7, 3]);
  });

  test.each([2, 32])("gradients of scores by inner layers and by the images, %i images a run", async (batchSize) => {
    const model = build();
    const seed = drawn("seed", [rows, 3]);
    const wrt = ["input", "conv2d1", "relu1", "add1", "side", "flatten1", "scores"];
    const options = { of: "scores", seed, wrt, batchSize };
    const found = await model.gradients(images, options);
    const gradient = { of: "scores", seed: seed.data, wrt };
    const wants = oracleOf({ model, backend, images: images.data, rows, layers: ["scores", ...wrt], gradient });
    expect(difference("scores", found.output.data, wants[0]!)).toBeUndefined();
    wrt.forEach((name, i) => {
      const { activation, gradient } = found.layers.get(name)!;
      expect(difference(name, activation.data, wants[1 + i]!)).toBeUndefined();
      expect(gradient.shape).toEqual(activation.shape);
      expect(difference(`d ${name}`, gradient.data, wants[1 + wrt.length + i]!)).toBeUndefined();
    });
    expect(model.gradientsSync(images, options)).toEqual(found);
  });

  test("gradients of an inner layer by the images; nothing flows to what it does not depend on", () => {
    const model = build();
    const seed = drawn("inner seed", [rows, 6, 4, 3]);
    const found = model.gradientsSync(images, { of: "relu1", seed, wrt: ["input", "side"] });
    const gradient = { of: "relu1", seed: seed.data, wrt: ["input"] };
    const [want] = oracleOf({ model, backend, images: images.data, rows, layers: [], gradient });
    expect(difference("d input", found.layers.get("input")!.gradient.data, want!)).toBeUndefined();
    expect(found.layers.get("side")!.gradient.data.every((value) => value === 0)).toBe(true);
    expect([...model.gradientsSync(images, { of: "relu1", seed }).layers.keys()]).toEqual(["input"]);
  });

  test("says what is wrong", async () => {
    const model = build();
    const seed = drawn("seed", [rows, 3]);
    const bytes = { shape: images.shape, data: new Uint8Array(images.data.length) };
    const has = "input, conv2d1, batchNorm1, relu1, conv2d2, leakyRelu1, add1, side, concat1, maxPool2d1, flatten1";
    const cases: [() => unknown, string][] = [
      [
        () => model.activationsSync(images, { layers: ["relu9"] }),
        `activations: the net has no layer relu9; it has ${has}, scores, softmax1`,
      ],
      [
        () => model.activationsSync(images, { layers: [] }),
        "activations: layers must name at least one layer, got none",
      ],
      [() => model.activationsSync(images, { layers: ["relu1", "relu1"] }), "activations: layers names relu1 twice"],
      [
        () => model.activationsSync(drawn("x", [1, 4, 6, 3]) as never),
        "activations: images must be [batch, any, any, 2]",
      ],
      [() => model.gradientsSync(images, { of: "dense1", seed }), "gradients: the net has no layer dense1"],
      [() => model.gradientsSync(images, { of: "scores", seed, wrt: ["x"] }), "gradients: the net has no layer x"],
      [
        () => model.gradientsSync(images, { of: "scores", seed: drawn("seed", [1, 3]) }),
        "gradients: seed must be [5, 3] as scores is, got [1, 3] with 3 elements",
      ],
      [
        () => model.gradientsSync(bytes, { of: "scores", seed }),
        "gradients: images of bytes have no gradient; give the images as a Float32Array of the same numbers",
      ],
    ];
    for (const [call, message] of cases) expect(call).toThrow(message);
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(model.activations(images, { signal })).rejects.toThrow("enough");
    await expect(model.gradients(images, { of: "scores", seed, signal })).rejects.toThrow("enough");
  });
});
