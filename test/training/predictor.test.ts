/** Predictors: what a model predicts, from weights that are kept packed only. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, sgd } from "../../lib/index.js";
import { predictionPlan } from "../../lib/training/predictionPlan.js";

const size = 12;
/** Convolutions that are packed, transformed and read in place; folded batch norms; a dense layer. */
const net = sequential([size, size, 3])
  .conv2d({ filters: 16, kernel: 3, padding: "same" })
  .batchNorm()
  .relu()
  .conv2d({ filters: 32, kernel: 3, padding: "same" })
  .batchNorm()
  .relu()
  .conv2d({ filters: 32, kernel: 1 })
  .conv2d({ filters: 32, kernel: 3, groups: 32 })
  .relu()
  .flatten()
  .dense({ units: 40 })
  .relu()
  .dense({ units: 5 })
  .softmax();
type Net = Model<[12, 12, 3], [5]>;

const rows = 7;
const pixels = (count: number) => Float32Array.from({ length: count * size * size * 3 }, (_, i) => Math.sin(i));
const images = { shape: [rows, size, size, 3] as const, data: pixels(rows) };
const one = { shape: [1, size, size, 3] as const, data: images.data.subarray(0, size * size * 3) };
const bytes = { shape: images.shape, data: Uint8Array.from(images.data, (value) => 127 * value + 128) };

/** Of a model whose running statistics are others than what they begin with. */
let parameters: ReturnType<Net["parameters"]> | undefined;
function trained(): ReturnType<Net["parameters"]> {
  if (parameters === undefined) {
    using model: Net = new Model(net.node, { seed: 3 });
    const labels = Int32Array.from({ length: rows }, (_, i) => i % 5);
    const optimizer = sgd({ learningRate: 0.05 });
    model.fitSync({ images, labels }, { optimizer, loss: "crossEntropy", batchSize: rows, epochs: 2 });
    parameters = model.parameters();
  }
  return parameters;
}

describe.each<[string, () => Backend]>([
  ["native", () => nativeBackend()],
  ["reference", () => referenceBackend],
])("a predictor of the %s backend", (name, backend) => {
  const make = (): Net => new Model<[12, 12, 3], [5]>(net.node, { backend: backend(), parameters: trained() });

  test.each([1, 2, 4, 8])("gives what the model gives, in runs of %i images", async (batchSize) => {
    using model = make();
    const want = model.predictSync(images, { batchSize });
    using predictor = model.predictor({ batchSize });
    const got = predictor.predictSync(images);
    expect(got.shape).toEqual([rows, 5]);
    expect(got.data).toEqual(want.data);
    expect((await predictor.predict(images)).data).toEqual(got.data);
    const into = new Float32Array(rows * 5);
    expect(predictor.predictSync(images, { into }).data).toBe(into);
    expect(into).toEqual(got.data);
  });

  test("keeps the parameters that it was made with", () => {
    const model = make();
    using predictor = model.predictor();
    const before = predictor.predictSync(images).data;
    const parameters = model.parameters();
    model.setParameters(
      new Map([...parameters].map(([key, { shape, data }]) => [key, { shape, data: data.map((x) => 2 * x) }])),
    );
    expect(model.predictSync(images).data).not.toEqual(before);
    model.dispose();
    expect(predictor.predictSync(images).data).toEqual(before);
  });

  test("takes bytes where it is made for them", () => {
    using model = make();
    using predictor = model.predictor({ inputDtype: "u8", batchSize: 4 });
    expect(predictor.predictSync(bytes).data).toEqual(model.predictSync(bytes, { batchSize: 4 }).data);
    expect(() => predictor.predictSync(images)).toThrow(
      "predict: this predictor takes a Uint8Array of images; inputDtype of model.predictor() tells which",
    );
    using floats = model.predictor();
    expect(() => floats.predictSync(bytes)).toThrow("this predictor takes a Float32Array of images");
  });

  test("runs side by side, and stops", async () => {
    using model = make();
    using predictor = model.predictor();
    const want = predictor.predictSync(images).data;
    const many = await Promise.all(Array.from({ length: 8 }, () => predictor.predict(images)));
    for (const { data } of many) expect(data).toEqual(want);
    await expect(predictor.predict(images, { signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: "AbortError",
    });
  });

  test("tells how it runs and how long that takes", () => {
    using model = make();
    using predictor = model.predictor({ batchSize: 2 });
    expect(predictor).toMatchObject({ inputShape: [12, 12, 3], outputShape: [5], batchSize: 2, inputDtype: "f32" });
    expect(predictor.explain()).toBe(model.explain({ kind: "predict" }, { batchSize: 2 }));
    expect(predictor.plan().rows).toBe(2);
    const { steps, runs } = predictor.profile({ runs: 1 });
    expect(steps.map(({ layer }) => layer)).toEqual(
      model.profile(undefined, { batchSize: 2, runs: 1 }).steps.map(({ layer }) => layer),
    );
    expect(runs).toBe(1);
  });

  test.each<[string, (model: Net) => unknown, string]>([
    [
      "no images",
      (model) => model.predictor({ batchSize: 0 }),
      "predictor: batchSize must be a whole number of at least 1, got 0",
    ],
    [
      "images of half floats",
      (model) => model.predictor({ inputDtype: "f16" as "f32" }),
      `predictor: inputDtype must be "f32" or "u8", got 'f16'`,
    ],
    [
      "another size",
      (model) =>
        model.predictor().predictSync({ shape: [1, 6, 24, 3] as unknown as readonly [1, 12, 12, 3], data: one.data }),
      "predict: images must be [batch, 12, 12, 3], got [1, 6, 24, 3]",
    ],
    [
      "a result of another size",
      (model) => model.predictor().predictSync(one, { into: new Float32Array(4) }),
      "predict: into must be a Float32Array of 5 elements, got 4",
    ],
  ])("refuses %s", (_, use, message) => {
    using model = make();
    expect(() => use(model)).toThrow(message);
  });

  test("once disposed of, says so", async () => {
    using model = make();
    const predictor = model.predictor();
    predictor.dispose();
    predictor[Symbol.dispose]();
    const disposed = {
      code: "ERR_STRIATE_DISPOSED",
      message: "predictor: it was disposed and cannot be used any more",
    };
    expect(() => predictor.predictSync(one)).toThrow(expect.objectContaining(disposed));
    await expect(predictor.predict(one)).rejects.toMatchObject(disposed);
    for (const use of [() => predictor.plan(), () => predictor.profile(), () => predictor.dispose()]) {
      expect(use).toThrow(expect.objectContaining(disposed));
    }
    const gone = make();
    gone.dispose();
    expect(() => gone.predictor()).toThrow("model: it was disposed");
  });

  if (name === "native") {
    test("holds weights once, where a model holds them twice", () => {
      const held = () => nativeBackend().info().nativeBytes;
      const start = held();
      const model: Model<[14, 14, 128], [14, 14, 256]> = new Model(
        sequential([14, 14, 128]).conv2d({ filters: 256, kernel: 1 }).relu().node,
        { backend: backend() },
      );
      const weights = 4 * 128 * 256;
      const data = new Float32Array(14 * 14 * 128).fill(0.5);
      model.predictSync({ shape: [1, 14, 14, 128], data });
      const both = held() - start;
      const predictor = model.predictor();
      model.dispose();
      predictor.predictSync({ shape: [1, 14, 14, 128], data });
      expect(predictor.plan().memory.packedWeights).toBe(weights);
      // The bias stays, 1 KiB.
      expect(both - (held() - start)).toBe(weights);
      predictor.dispose();
      expect(held()).toBe(start);
    });
  }
});

describe("images at once", () => {
  // Results of 48 x 64 pixels and 1000 channels are 11.7 MiB.
  const wide = sequential([48, 64, 2]).conv2d({ filters: 1000, kernel: 1 }).relu().conv2d({ filters: 2, kernel: 1 });
  const narrow = sequential([4, 64, 2]).conv2d({ filters: 1000, kernel: 1 }).relu().conv2d({ filters: 2, kernel: 1 });
  const heavy = wide.conv2d({ filters: 1200, kernel: 1 }).globalAvgPool2d().dense({ units: 3600 });
  test.each([
    ["results beyond the caches, one by one", wide.node, 8, 1],
    ["results that fit twelve times, in even shares", narrow.node, 32, 11],
    ["as many as fit", narrow.node, 12, 12],
    ["no more than asked for", narrow.node, 5, 5],
    ["parameters beyond the caches, all", heavy.node, 8, 8],
    ["no results between steps", sequential([64]).dense({ units: 8 }).node, 7, 7],
  ])("%s", (_, node, batchSize, rows) => {
    expect(predictionPlan(node, batchSize, "f32").rows).toBe(rows);
  });

  test("are the images that were asked for", () => {
    using model = wide.model({ seed: 1 });
    using predictor = model.predictor({ batchSize: 3 });
    expect([predictor.batchSize, predictor.plan().rows]).toEqual([3, 1]);
    const data = Float32Array.from({ length: 3 * 48 * 64 * 2 }, (_, i) => Math.sin(i));
    const images = { shape: [3, 48, 64, 2] as const, data };
    expect(predictor.predictSync(images)).toEqual(model.predictSync(images, { batchSize: 1 }));
  });
});
