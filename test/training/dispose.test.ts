/** A model that was disposed: every call says so, with a code. */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, sgd } from "../../lib/index.js";

const net = sequential([6, 6, 1]).conv2d({ filters: 4, kernel: 3 }).relu().flatten().dense({ units: 3 }).softmax();
type Net = Model<[6, 6, 1], [3]>;

const rows = 4;
const images = {
  shape: [rows, 6, 6, 1] as const,
  data: Float32Array.from({ length: rows * 36 }, (_, i) => Math.sin(i)),
};
const examples = { images, labels: Int32Array.of(0, 1, 2, 0) };
const optimizer = sgd({ learningRate: 0.1 });
const training = { optimizer, loss: "crossEntropy", epochs: 1 } as const;
const disposed = {
  name: "StriateError",
  code: "ERR_STRIATE_DISPOSED",
  message: "model: it was disposed and cannot be used any more",
};
const folder = join(tmpdir(), `striate-disposed-${process.pid}`);

/** Every method that needs the parameters. */
const uses: [string, (model: Net) => unknown][] = [
  ["predictSync", (model) => model.predictSync(images)],
  ["predict", (model) => model.predict(images)],
  ["fitSync", (model) => model.fitSync(examples, training)],
  ["fit", (model) => model.fit(examples, training)],
  ["evaluateSync", (model) => model.evaluateSync(examples)],
  ["evaluate", (model) => model.evaluate(examples)],
  ["activationsSync", (model) => model.activationsSync(images)],
  ["activations", (model) => model.activations(images)],
  ["gradientsSync", (model) => model.gradientsSync(images, seeded)],
  ["gradients", (model) => model.gradients(images, seeded)],
  ["parameters", (model) => model.parameters()],
  ["setParameters", (model) => model.setParameters(new Map())],
  ["save", (model) => model.save(folder)],
  ["explain", (model) => model.explain()],
  ["plan", (model) => model.plan()],
  ["profile", (model) => model.profile()],
  ["dispose", (model) => model.dispose()],
];
/** A call that throws is one that rejects. */
const attempt = (use: (model: Net) => unknown, model: Net): Promise<unknown> =>
  Promise.resolve().then(() => use(model));

const seeded = { of: "dense1", seed: { shape: [rows, 3] as const, data: new Float32Array(rows * 3) } };

describe.each<[string, () => Backend]>([
  ["native", () => nativeBackend()],
  ["reference", () => referenceBackend],
])("a disposed model of the %s backend", (_, backend) => {
  const make = (): Net => new Model<[6, 6, 1], [3]>(net.node, { backend: backend() });

  test.each(uses)("%s is an error with a code, again and again", async (_, use) => {
    const model = make();
    // What works before is what fails afterwards.
    if (use !== uses.at(-1)![1]) await use(model);
    rmSync(folder, { recursive: true, force: true });
    model.dispose();
    for (let i = 0; i < 2; i++) await expect(attempt(use, model)).rejects.toMatchObject(disposed);
  });

  test("still tells its shapes and layers", () => {
    const model = make();
    const before = model.summary();
    model.dispose();
    expect(model.summary()).toBe(before);
    expect(model.outputShape).toEqual([3]);
  });

  test("a `using` block may end it early", () => {
    let ended: Net;
    {
      using model = make();
      model.dispose();
      ended = model;
    }
    expect(() => ended.dispose()).toThrow(expect.objectContaining(disposed));
  });

  test("calls under way end: with their result, or with the code", async () => {
    const model = make();
    const expected = model.predictSync(images).data;
    const pending = [
      ...Array.from({ length: 50 }, () => model.predict(images)),
      ...Array.from({ length: 10 }, () => model.predict(images, { batchSize: 1 })),
    ];
    const fitting = model.fit(examples, { ...training, epochs: 1000, batchSize: 1 });
    await pending[0];
    model.dispose();
    await expect(fitting).rejects.toMatchObject({ code: "ERR_STRIATE_DISPOSED" });
    for (const result of await Promise.allSettled(pending)) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "ERR_STRIATE_DISPOSED" });
      else expect(result.value.data).toHaveLength(expected.length);
    }
  });
});
