import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { setThreads } from "../../lib/backend/select.js";
import type { Tensor } from "../../lib/data/tensor.js";
import { RandomStream } from "../../lib/random/philox.js";
import { loadModel, Model, sequential, sgd, type Examples, type FitOptions } from "../../lib/index.js";

type Image = [8, 6, 2];
const classes = 3;

/** Images whose class is where the bright patch is: learnable in a few steps. */
function examples(count: number, seed = 1): Examples<Image, [3]> & { labels: Int32Array } {
  const random = new RandomStream(seed, "examples");
  const data = new Float32Array(count * 96);
  const labels = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    const label = random.integer(classes);
    labels[row] = label;
    for (let i = 0; i < 96; i++) data[row * 96 + i] = 0.3 * random.normal() + (Math.floor(i / 32) === label ? 1 : 0);
  }
  return { images: { shape: [count, 8, 6, 2], data }, labels };
}

/** Every kind of layer that has parameters or state, a residual and a concat. */
const net = sequential([8, 6, 2])
  .conv2d({ filters: 8, kernel: 3, padding: "same", useBias: false })
  .batchNorm()
  .relu()
  .residual((x) => x.conv2d({ filters: 8, kernel: 3, padding: "same" }).batchNorm().leakyRelu())
  .maxPool2d({ size: 2 })
  .flatten()
  .dense({ units: classes })
  .softmax();

const options: FitOptions<Image, [3]> = {
  epochs: 2,
  batchSize: 16,
  optimizer: sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
  loss: "crossEntropy",
};
const fresh = (changes: Partial<FitOptions<Image, [3]>> = {}): FitOptions<Image, [3]> => ({
  ...options,
  optimizer: sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true, weightDecay: 1e-4 }),
  ...changes,
});

/** All parameters in one array, to compare bit by bit. */
function bits(model: Model<Image, [3]>): Uint32Array {
  const values = [...model.parameters().values()].flatMap(({ data }) => [...data]);
  return new Uint32Array(Float32Array.from(values).buffer);
}

const folders: string[] = [];
afterAll(async () => {
  await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
});

describe.each<[string, Backend]>([
  ["reference", referenceBackend],
  ["native", nativeBackend()],
])("%s", (name, backend) => {
  const build = (seed = 1): Model<Image, [3]> => new Model(net.node, { seed, backend });

  test("learns, and tells how", async () => {
    const data = examples(90);
    const model = build();
    const batches: number[] = [];
    const history = await model.fit(data, fresh({ epochs: 6, onBatch: ({ batch }) => batches.push(batch) }));
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(batches.slice(0, 6)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(history.epochs[5]!.loss).toBeLessThan(history.epochs[0]!.loss);
    const { accuracy, loss } = await model.evaluate(examples(60, 2));
    expect(accuracy).toBeGreaterThan(0.9);
    expect(loss).toBeLessThan(0.6);
  });

  test("the same seed gives the same bits, awaited or not; another seed gives others", async () => {
    const data = examples(50);
    const [awaited, sync, other] = [build(), build(), build(2)];
    await awaited.fit(data, fresh({ validation: 0.2 }));
    sync.fitSync(data, fresh({ validation: 0.2 }));
    other.fitSync(data, fresh({ validation: 0.2 }));
    expect(bits(sync)).toEqual(bits(awaited));
    expect(bits(other)).not.toEqual(bits(awaited));
  });

  test("evaluate is the mean over all rows, whatever the batches", () => {
    const data = examples(37);
    const model = build();
    const whole = model.evaluateSync(data, { batchSize: 37 });
    const parts = model.evaluateSync(data, { batchSize: 8 });
    const probabilities = model.predictSync(data.images).data;
    let loss = 0;
    data.labels.forEach((label, row) => (loss -= Math.log(probabilities[row * classes + label]!) / 37));
    // Both sum 37 float32 losses of about 1; the logarithm here is of a rounded probability.
    const tolerance = 64 * 2 ** -24 * Math.max(1, loss);
    expect(Math.abs(whole.loss - loss)).toBeLessThan(tolerance);
    expect(Math.abs(parts.loss - loss)).toBeLessThan(tolerance);
    expect(parts.accuracy).toBeCloseTo(whole.accuracy, 12);
  });

  test("predictions of a batch are those of its rows", async () => {
    const { images } = examples(21);
    const model = build();
    const whole = await model.predict(images, { batchSize: 8 });
    expect(whole.shape).toEqual([21, 3]);
    for (const row of [0, 7, 8, 20]) {
      const one = model.predictSync({ shape: [1, 8, 6, 2], data: images.data.slice(row * 96, row * 96 + 96) });
      for (let i = 0; i < 3; i++)
        expect(Math.abs(one.data[i]! - whole.data[row * 3 + i]!)).toBeLessThan(96 * 9 * 2 ** -24);
    }
  });

  test("predictions come in the caller's own array where there is one", async () => {
    const { images } = examples(21);
    const model = build();
    const expected = model.predictSync(images, { batchSize: 8 }).data;
    for (const batchSize of [8, 32]) {
      const into = new Float32Array(63);
      const options = { batchSize, into };
      expect(model.predictSync(images, options).data).toBe(into);
      expect(into).toEqual(expected);
      into.fill(NaN);
      expect((await model.predict(images, options)).data).toBe(into);
      expect(into).toEqual(expected);
    }
    const wrong = (into: unknown) => () => model.predictSync(images, { into: into as Float32Array });
    expect(wrong(new Float32Array(62))).toThrow("predict: into must be a Float32Array of 63 elements, got 62");
    expect(wrong(new Float64Array(63))).toThrow("elements, got Float64Array");
    expect(wrong(null)).toThrow("elements, got Null");
  });

  test("a net without flatten takes images of any size that its layers take", async () => {
    const pooled = sequential([8, 6, 2]).conv2d({ filters: 4, kernel: 3 }).maxPool2d({ size: 2 }).globalAvgPool2d();
    const model = new Model(pooled.dense({ units: 3 }).node, { seed: 1, backend });
    const { images } = examples(3);
    const own = model.predictSync(images);
    const wide: Tensor<[1, 8, 10, 2], Float32Array> = { shape: [1, 8, 10, 2], data: new Float32Array(160).fill(0.5) };
    const constant = model.predictSync({ shape: [1, 8, 6, 2], data: new Float32Array(96).fill(0.5) });
    const widened = await model.predict(wide);
    expect(widened.shape).toEqual([1, 3]);
    // A constant image has the same mean at any size.
    widened.data.forEach((value, i) => expect(Math.abs(value - constant.data[i]!)).toBeLessThan(64 * 2 ** -24));
    expect(model.predictSync(images).data).toEqual(own.data);
    expect(() => model.predictSync({ shape: [1, 8, 7, 2], data: new Float32Array(112) })).toThrow("maxPool2d");
  });

  test("bytes are read as the numbers 0 to 255", () => {
    const bytes = Uint8Array.from({ length: 2 * 96 }, (_, i) => (i * 37) % 256);
    const model = build();
    const asBytes = model.predictSync({ shape: [2, 8, 6, 2], data: bytes });
    const asFloats = model.predictSync({ shape: [2, 8, 6, 2], data: Float32Array.from(bytes) });
    expect(asBytes.data).toEqual(asFloats.data);
  });

  test("another optimizer object starts with empty slots, the same one goes on", () => {
    const data = examples(32);
    const two = build();
    const optimizer = fresh().optimizer;
    two.fitSync(data, fresh({ optimizer, epochs: 1 }));
    two.fitSync(data, fresh({ optimizer, epochs: 1 }));
    const one = build();
    one.fitSync(data, fresh({ epochs: 2 }));
    expect(bits(two)).toEqual(bits(one));
    const restarted = build();
    restarted.fitSync(data, fresh({ epochs: 1 }));
    restarted.fitSync(data, fresh({ epochs: 1 }));
    expect(bits(restarted)).not.toEqual(bits(one));
  });

  test("a learning rate can change from epoch to epoch, and onEpoch can end the fit", () => {
    const model = build();
    const rates: number[] = [];
    const history = model.fitSync(
      examples(20),
      fresh({
        epochs: 9,
        learningRate: (epoch) => 0.1 / epoch,
        onEpoch: ({ epoch, learningRate }) => {
          rates.push(learningRate);
          return epoch < 3;
        },
      }),
    );
    expect(rates).toEqual([0.1, 0.05, 0.1 / 3]);
    expect(history.epochs).toHaveLength(3);
  });

  test("aborting rejects with the signal's reason and leaves whole steps behind", async () => {
    const data = examples(64);
    const controller = new AbortController();
    const reason = new Error("enough");
    const seen: Uint32Array[] = [];
    const model = build();
    const onBatch = ({ batch }: { batch: number }): void => {
      seen.push(bits(model));
      if (batch === 2) controller.abort(reason);
    };
    await expect(model.fit(data, { ...fresh({ onBatch }), signal: controller.signal })).rejects.toBe(reason);
    expect(bits(model)).toEqual(seen.at(-1));
    await expect(model.fit(data, { ...fresh(), signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    await model.fit(data, fresh({ epochs: 1 }));
  });

  test("predicting goes on while fit does, on whole steps", async () => {
    const data = examples(64);
    const model = build();
    const fit = model.fit(data, fresh({ epochs: 3 }));
    const results = await Promise.all(Array.from({ length: 8 }, () => model.predict(data.images, { batchSize: 64 })));
    for (const { data: probabilities } of results) {
      for (let row = 0; row < 64; row++) {
        const sum = probabilities.subarray(3 * row, 3 * row + 3).reduce((a, b) => a + b, 0);
        expect(Math.abs(sum - 1)).toBeLessThan(8 * 2 ** -24);
      }
    }
    await fit;
  });

  test("only one fit at a time", async () => {
    const model = build();
    const first = model.fit(examples(32), fresh());
    await expect(model.fit(examples(32), fresh())).rejects.toThrow(
      "fit: this model is being trained already; await that first",
    );
    await first;
  });

  test("a loss that is no longer finite stops the fit and says where", async () => {
    const data = examples(40);
    data.images.data[35 * 96] = NaN;
    await expect(build().fit(data, fresh({ shuffle: false }))).rejects.toThrow(
      "fit: the loss is NaN in epoch 1, batch 3 of 3; a smaller learning rate than 0.05 may help",
    );
  });

  test.each<[string, () => unknown, string]>([
    [
      "labels out of range",
      () => build().fitSync({ ...examples(4), labels: Int32Array.of(0, 1, 2, 3) }, fresh()),
      "fit: labels must be from 0 to 2, got 3 at 3",
    ],
    [
      "too few labels",
      () => build().fitSync({ ...examples(4), labels: Int32Array.of(0) }, fresh()),
      "fit: labels must be 1 for each of the 4 images, got 1 in all",
    ],
    [
      "no labels",
      () => build().fitSync({ images: examples(4).images }, fresh()),
      "fit: the loss crossEntropy needs labels, got none",
    ],
    [
      "images of another size",
      () => build().predictSync({ shape: [1, 8, 6, 1], data: new Float32Array(48) } as never),
      "predict: images must be [batch, any, any, 2], got [1, 8, 6, 1]",
    ],
    [
      "images of a size that the dense layer cannot take",
      () => build().predictSync({ shape: [1, 8, 8, 2], data: new Float32Array(128) } as never),
      "predict: images of [8, 8, 2] would need dense1.weight to be [128, 3], it is [96, 3]; the net is made for [8, 6, 2]",
    ],
    [
      "an unknown loss",
      () => build().evaluateSync(examples(2), { loss: "mse" as never }),
      "loss: must be one of crossEntropy, meanSquaredError, got 'mse'",
    ],
    [
      "a share that is none",
      () => build().fitSync(examples(4), fresh({ validation: 1 })),
      "fit: validation must be a share between 0 and 1, or examples, got 1",
    ],
    [
      "no epochs",
      () => build().fitSync(examples(4), fresh({ epochs: 0 })),
      "fit: epochs must be a whole number of at least 1, got 0",
    ],
    [
      "an unknown parameter",
      () => build().setParameters(new Map([["w", { shape: [1], data: new Float32Array(1) }]])),
      "setParameters: the model has no parameter w",
    ],
    [
      "a parameter of another shape",
      () => build().setParameters(new Map([["dense1.bias", { shape: [4], data: new Float32Array(4) }]])),
      "setParameters: dense1.bias must have the shape [3], got [4]",
    ],
    [
      "a first value of another shape",
      () =>
        new Model(net.node, {
          backend,
          parameters: new Map([["dense1.bias", { shape: [4], data: new Float32Array(4) }]]),
        }),
      "model: dense1.bias must have the shape [3], got [4]",
    ],
  ])("refuses %s", (_, act, message) => {
    expect(act).toThrow(message);
  });

  test("a saved model predicts the same bits", async () => {
    const folder = await mkdtemp(join(tmpdir(), "striate-model-"));
    folders.push(folder);
    const { images, ...rest } = examples(24);
    const model = new Model<Image, [3]>(net.node, { seed: 3, backend, metadata: { classes: ["a", "b", "c"] } });
    model.fitSync({ images, ...rest }, fresh());
    await model.save(folder);
    const loaded = await loadModel(folder, { backend });
    expect(loaded.metadata).toEqual({ classes: ["a", "b", "c"] });
    expect(loaded.predictSync(images as Tensor<[24, 8, 6, 2], Float32Array>).data).toEqual(
      model.predictSync(images).data,
    );
  });

  test("parameters that are given are not drawn, the others are the seed's", () => {
    const bias = { shape: [3], data: Float32Array.of(1, 2, 3) };
    const given = new Model<Image, [3]>(net.node, { seed: 3, backend, parameters: new Map([["dense1.bias", bias]]) });
    const drawn = new Model<Image, [3]>(net.node, { seed: 3, backend }).parameters();
    expect(given.parameters()).toEqual(drawn.set("dense1.bias", bias));
  });

  test("explain tells steps, kernels and memory", () => {
    const text = build().explain();
    expect(text).toContain("conv2d + bias + relu");
    expect(text).toContain("batchNorm.fold");
    expect(text).toMatch(/arena .* before reuse/);
    expect(text).toContain(name === "native" ? "__" : "reference");
    expect(build().explain({ kind: "train", loss: "crossEntropy", optimizer: fresh().optimizer })).toContain(
      "conv2d.backwardFilter",
    );
  });

  test("profile tells what each step took", () => {
    const model = build();
    const { steps, milliseconds, rows, runs, ...profile } = model.profile(undefined, { batchSize: 4, runs: 2 });
    expect([rows, runs]).toEqual([4, 2]);
    expect(steps.length).toBeGreaterThan(3);
    for (const step of steps) expect(step.milliseconds).toBeGreaterThanOrEqual(0);
    expect(steps.reduce((sum, step) => sum + step.milliseconds, 0)).toBeLessThanOrEqual(milliseconds);
    expect(steps[0]).toMatchObject({ layer: "conv2d1", name: "conv2d1: conv2d + bias + relu", shape: [4, 8, 6, 8] });
    expect(profile.toString()).toMatch(/^step .*GFLOP\/s .*\n(.*\n)*4 rows, the least of 2 runs: .* ms a whole run$/);
    expect(() => model.profile(undefined, { runs: 0 })).toThrow(
      "profile: runs must be a whole number of at least 1, got 0",
    );
  });

  test("the profile of a training step leaves the model as it was, slots and statistics too", () => {
    const trained = (profiled: boolean): unknown => {
      const model = build();
      const options = fresh();
      model.fitSync(examples(24), options);
      const kind = { kind: "train", loss: "crossEntropy", optimizer: options.optimizer } as const;
      if (profiled) expect(model.profile(kind, { runs: 1 }).toString()).toContain("conv2d.backwardFilter");
      model.fitSync(examples(24), options);
      return model.parameters();
    };
    expect(trained(true)).toEqual(trained(false));
  });

  test("regression on targets", () => {
    const regression = sequential([8, 6, 2]).flatten().dense({ units: 2 });
    const { images } = examples(40);
    const targets = new Float32Array(80);
    for (let row = 0; row < 40; row++) {
      for (let i = 0; i < 96; i++) targets[2 * row + (i & 1)]! += images.data[row * 96 + i]! / 48;
    }
    const model = new Model<Image, [2]>(regression.node, { seed: 1, backend });
    const data = { images, targets: { shape: [40, 2] as const, data: targets } };
    const history = model.fitSync(data, {
      epochs: 60,
      batchSize: 10,
      optimizer: sgd({ learningRate: 0.02, momentum: 0.9 }),
      loss: "meanSquaredError",
    });
    expect(history.epochs.at(-1)!.loss).toBeLessThan(0.05 * history.epochs[0]!.loss);
    expect(history.epochs[0]!.accuracy).toBeNaN();
  });
});

test("native and reference agree after 20 training steps as well as rounding lets them", () => {
  const data = examples(80);
  const train = (backend: Backend, perturbation: number): Float32Array => {
    const model = new Model<Image, [3]>(net.node, { seed: 5, backend });
    const random = new RandomStream(9, "perturbation");
    const parameters = model.parameters();
    for (const { data: values } of parameters.values()) {
      for (let i = 0; i < values.length; i++) values[i]! *= 1 + perturbation * random.uniform(-1, 1);
    }
    model.setParameters(parameters);
    model.fitSync(data, fresh({ epochs: 4, batchSize: 16 }));
    return Float32Array.from([...model.parameters().values()].flatMap((tensor) => [...tensor.data]));
  };
  const reference = train(referenceBackend, 0);
  const native = train(nativeBackend(), 0);
  // The longest sum is 72 taps x channels forward, 16 * 48 pixels backward: a relative error of about sqrt(768) * 2^-24 a step, which
  // training then amplifies. By how much is measured: the same run from parameters that are off by as much as 20 steps of it.
  const perturbed = train(referenceBackend, 20 * Math.sqrt(768) * 2 ** -24);
  const distance = (a: Float32Array, b: Float32Array): number =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
  expect(distance(native, reference)).toBeLessThan(distance(perturbed, reference));
  expect(distance(native, reference)).toBeGreaterThan(0);
});

test("one thread and two give the same bits", () => {
  const data = examples(64);
  const runs = [1, 2].map((threads) => {
    setThreads(threads);
    const model = new Model<Image, [3]>(net.node, { seed: 5, backend: nativeBackend() });
    model.fitSync(data, fresh({ epochs: 1, batchSize: 64 }));
    return bits(model);
  });
  expect(runs[1]).toEqual(runs[0]);
});
