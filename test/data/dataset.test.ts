import { describe, expect, test } from "vitest";
import { randomShift } from "../../lib/data/augment.js";
import {
  batches,
  checkDataset,
  gather,
  shuffled,
  stratifiedSplit,
  subset,
  type Dataset,
} from "../../lib/data/dataset.js";
import { assertShape, tensor, type Tensor } from "../../lib/data/tensor.js";
import { RandomStream } from "../../lib/random/philox.js";

/** Seven images of 1 x 2 pixels that tell their row. */
const seven: Dataset<readonly [1, 2, 1], Uint8Array> = {
  images: { shape: [7, 1, 2, 1], data: Uint8Array.from({ length: 14 }, (_, index) => index) },
  labels: Int32Array.from([0, 1, 0, 1, 0, 1, 0]),
  classes: ["even", "odd"],
};

describe("tensor", () => {
  test("gives data a shape and refuses one that does not fit", () => {
    expect(tensor([2, 3], new Float32Array(6)).shape).toEqual([2, 3]);
    expect(tensor([], new Int32Array(1)).data).toHaveLength(1);
    expect(() => tensor([2, 3], new Float32Array(5))).toThrow("tensor: shape [2, 3] needs 6 elements, got 5");
    expect(() => tensor([2, -3], new Float32Array(6))).toThrow(
      "tensor: sizes must be integers of at least 0, got [2, -3]",
    );
  });

  test("assertShape narrows, or names both shapes", () => {
    const images: Tensor = tensor([4, 8, 8, 1] as readonly number[], new Float32Array(256));
    assertShape(images, ["batch", 8, 8, 1]);
    const narrowed: readonly [number, 8, 8, 1] = images.shape;
    expect(narrowed).toEqual([4, 8, 8, 1]);
    expect(() => assertShape(images, ["batch", 8, 1], "predict")).toThrow(
      "predict: expects shape [batch, 8, 1], got [4, 8, 8, 1]",
    );
    const torn: Tensor = { shape: [2, 2], data: new Float32Array(3) };
    expect(() => assertShape(torn, [2, 2])).toThrow("tensor: shape [2, 2] needs 4 elements, got 3");
  });
});

describe("dataset", () => {
  test("gather copies rows in the order wanted and keeps the dtype", () => {
    const { images, labels } = gather(seven, [6, 1]);
    expect(images).toEqual({ shape: [2, 1, 2, 1], data: Uint8Array.from([12, 13, 2, 3]) });
    expect([...labels]).toEqual([0, 1]);
    images.data[0] = 99;
    expect(seven.images.data[12]).toBe(12);
    expect(() => gather(seven, [0, 7])).toThrow("gather: indices must be integers from 0 to 6, got 7 at 1");
  });

  test("batches cover every row once, the last one partly filled", () => {
    const rows = [...batches(seven, { batchSize: 3 })];
    expect(rows.map((batch) => batch.images.shape[0])).toEqual([3, 3, 1]);
    expect(rows.flatMap((batch) => [...batch.images.data])).toEqual([...seven.images.data]);
    const backwards = [...batches(seven, { batchSize: 4, order: Int32Array.from([6, 5, 4, 3, 2, 1, 0]) })];
    expect(backwards.flatMap((batch) => [...batch.labels])).toEqual([0, 1, 0, 1, 0, 1, 0]);
    expect(() => [...batches(seven, { batchSize: 0 })]).toThrow("batchSize must be an integer of at least 1, got 0");
  });

  test("shuffled keeps image and label together", () => {
    const mixed = shuffled(seven, new RandomStream(1, "mix"));
    expect([...mixed.images.data].sort((a, b) => a - b)).toEqual([...seven.images.data]);
    expect([...mixed.images.data]).not.toEqual([...seven.images.data]);
    mixed.labels.forEach((label, row) => expect(label).toBe((mixed.images.data[row * 2]! / 2) % 2));
    expect(subset(seven, [1]).classes).toEqual(["even", "odd"]);
  });

  test("checkDataset finds labels that are missing or no class", () => {
    expect(() => checkDataset(seven)).not.toThrow();
    expect(() => checkDataset({ ...seven, labels: new Int32Array(6) }, "fit")).toThrow(
      "fit: needs one label per image, got 6 for 7 images",
    );
    expect(() => checkDataset({ ...seven, labels: Int32Array.from([0, 1, 2, 0, 0, 0, 0]) })).toThrow(
      "dataset: labels must be from 0 to 1, got 2 at 2",
    );
    expect(() => checkDataset({ ...seven, images: { shape: [7, 1, 3, 1], data: seven.images.data } })).toThrow(
      "dataset: images of shape [7, 1, 3, 1] need 21 elements, got 14",
    );
  });

  test("stratifiedSplit deals each class out by the shares", () => {
    const labels = Int32Array.from({ length: 100 }, (_, row) => (row < 20 ? 5 : 2));
    const parts = stratifiedSplit(labels, [0.5, 0.25, 0.25], new RandomStream(1, "split"));
    expect(parts.map((part) => part.length)).toEqual([50, 25, 25]);
    expect(parts.map((part) => part.filter((row) => row < 20).length)).toEqual([10, 5, 5]);
    expect(new Set(parts.flatMap((part) => [...part])).size).toBe(100);
    expect(() => stratifiedSplit(labels, [0.5, 0.4], new RandomStream(1, "split"))).toThrow(
      "stratifiedSplit: shares must be positive and sum to 1, got [0.5, 0.4]",
    );
  });
});

describe("randomShift", () => {
  const size = { height: 4, width: 5, channels: 2 };
  const image = Float32Array.from({ length: 40 }, (_, index) => index + 1);
  const rows = 200;
  const batch = {
    images: {
      shape: [rows, size.height, size.width, size.channels] as const,
      data: Float32Array.from({ length: rows * 40 }, (_, index) => image[index % 40]!),
    },
    labels: new Int32Array(rows),
  };

  test("every image is the original moved by some distance, and every move occurs", () => {
    const moved = randomShift({ distance: 1 })(batch, new RandomStream(1, "shift"));
    const seen = new Set<string>();
    for (let row = 0; row < rows; ++row) {
      const found = [-1, 0, 1]
        .flatMap((down) => [-1, 0, 1].map((right) => [down, right] as const))
        .filter(([down, right]) =>
          image.every((_, index) => {
            const channel = index % 2;
            const x = Math.floor(index / 2) % 5;
            const y = Math.floor(index / 10);
            const inside = y - down >= 0 && y - down < 4 && x - right >= 0 && x - right < 5;
            const wanted = inside ? image[((y - down) * 5 + x - right) * 2 + channel]! : 0;
            return moved.images.data[row * 40 + index] === wanted;
          }),
        );
      expect(found).toHaveLength(1);
      seen.add(found[0]!.join());
    }
    expect(seen.size).toBe(9);
  });

  test("leaves its argument alone; distance 0 copies; far moves leave nothing", () => {
    const before = batch.images.data.slice();
    expect(randomShift({ distance: 0 })(batch, new RandomStream(1, "s")).images.data).toEqual(before);
    const far = randomShift({ distance: 50 })(batch, new RandomStream(1, "s"));
    expect(far.images.data.some((value) => value === 0)).toBe(true);
    expect(batch.images.data).toEqual(before);
    expect(() => randomShift({ distance: -1 })).toThrow(
      "randomShift: distance must be an integer of at least 0, got -1",
    );
  });
});
