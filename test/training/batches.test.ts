/** How fit and evaluate cut examples into batches, whose arrays later batches write to again. */
import { expect, test } from "vitest";
import { Model, sequential, sgd, type FitOptions } from "../../lib/index.js";

const net = sequential([2, 2, 1]).flatten().dense({ units: 3 }).softmax();
const rows = 7;
const examples = {
  images: { shape: [rows, 2, 2, 1] as const, data: Float32Array.from({ length: 4 * rows }, (_, i) => i / 10) },
  labels: Int32Array.from({ length: rows }, (_, i) => i % 3),
};
const options = { epochs: 3, batchSize: 3, optimizer: sgd({ learningRate: 0.1 }), loss: "crossEntropy" } as const;

function trained(more: Partial<FitOptions<[2, 2, 1], [3]>>) {
  const model = new Model<[2, 2, 1], [3]>(net.node, { seed: 1 });
  model.fitSync(examples, { ...options, ...more });
  return { parameters: model.parameters(), evaluation: model.evaluateSync(examples, { ...options }) };
}

test.each([1, 2, 3, 4, 7, 100])(
  "batches of %i, the last one shorter, train as batches in new arrays do",
  (batchSize) => {
    expect(trained({ batchSize })).toEqual(trained({ batchSize, augment: (batch) => batch }));
  },
);

test("augment is given every row once, in arrays that stay as they are", () => {
  const given: Float32Array[] = [];
  trained({
    epochs: 1,
    shuffle: false,
    augment: (batch) => {
      given.push(batch.images.data as Float32Array);
      return batch;
    },
  });
  expect(given.map(({ length }) => length / 4)).toEqual([3, 3, 1]);
  expect(given.flatMap((data) => [...data])).toEqual([...examples.images.data]);
});
