import { performance } from "node:perf_hooks";
import { expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, sgd, type Examples } from "../../lib/index.js";

const net = sequential([28, 28, 8])
  .conv2d({ filters: 32, kernel: 3, padding: "same" })
  .relu()
  .conv2d({ filters: 32, kernel: 3, padding: "same" })
  .relu()
  .globalAvgPool2d()
  .dense({ units: 4 })
  .softmax();
type Image = [28, 28, 8];

const options = { optimizer: sgd({ learningRate: 0.01 }), loss: "crossEntropy" } as const;

function examples(rows: number): Examples<Image, [4]> {
  const data = Float32Array.from({ length: rows * 28 * 28 * 8 }, (_, i) => (i % 101) / 50 - 1);
  return { images: { shape: [rows, 28, 28, 8], data }, labels: Int32Array.from({ length: rows }, (_, i) => i % 4) };
}

/** Rows whose training step takes at least 200 ms on this machine: doubled until it does. */
function heavyRows(model: Model<Image, [4]>): number {
  for (let rows = 4; ; rows *= 2) {
    const data = examples(rows);
    model.fitSync(data, { ...options, epochs: 1, batchSize: rows });
    const before = performance.now();
    model.fitSync(data, { ...options, epochs: 1, batchSize: rows });
    if (performance.now() - before >= 250) return rows;
  }
}

test.each<[string, () => Backend]>([
  ["native", () => nativeBackend()],
  ["reference", () => referenceBackend],
])("the event loop is free while %s trains with steps of 200 ms", async (_, backend) => {
  const model = new Model<Image, [4]>(net.node, { seed: 1, backend: backend() });
  const rows = heavyRows(model);
  const data = examples(4 * rows);
  // Turns of the loop in each step, of about 40 that a timer of 5 ms could have. Not its utilization: gathering the first
  // batches is the loop's own work, and where a system is slow to give new memory it takes half as long as a step.
  const turns: number[] = [];
  let inStep = 0;
  const timer = setInterval(() => inStep++, 5);
  const onBatch = (): void => {
    turns.push(inStep);
    inStep = 0;
  };
  await model.fit(data, { ...options, epochs: 1, batchSize: rows, shuffle: false, onBatch });
  clearInterval(timer);
  expect(turns).toHaveLength(4);
  expect(Math.min(...turns)).toBeGreaterThan(4);
});
