import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { digits } from "../../lib/data/digits.js";

const countsOf = (labels: Int32Array) => {
  const counts = Array<number>(10).fill(0);
  for (const label of labels) counts[label]! += 1;
  return counts;
};

describe("digits", () => {
  test("the file holds the values of scikit-learn's digits.csv.gz", () => {
    const bytes = gunzipSync(readFileSync(new URL("../../data/digits.bin.gz", import.meta.url)));
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "e1d88a0854e29e01d16358d2cd026aa8fc20dfc4cdb3fce004300857ea82aa70",
    );
  });

  test("1797 images of 8 x 8 with ink from 0 to 1, in known numbers per class", async () => {
    const { all } = await digits();
    expect(all.images.shape).toEqual([1797, 8, 8, 1]);
    expect(all.images.data).toHaveLength(1797 * 64);
    expect(all.images.data.every((ink) => ink >= 0 && ink <= 1 && Number.isInteger(ink * 16))).toBe(true);
    // The class frequencies of the UCI documentation's test set.
    expect(countsOf(all.labels)).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    expect(all.classes).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    expect([...all.images.data.subarray(0, 16)].map((ink) => ink * 16)).toEqual([
      0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0,
    ]);
  });

  test("the parts are disjoint, together everything, and stratified", async () => {
    const { train, validation, test, indices, all } = await digits();
    const rows = [...indices.train, ...indices.validation, ...indices.test];
    expect(new Set(rows).size).toBe(1797);
    expect(rows).toHaveLength(1797);
    expect([train, validation, test].map((part) => part.labels.length)).toEqual([1078, 360, 359]);
    const total = countsOf(all.labels);
    for (const [part, share] of [
      [train, 0.6],
      [validation, 0.2],
      [test, 0.2],
    ] as const) {
      countsOf(part.labels).forEach((count, label) => {
        expect(Math.abs(count - share * total[label]!)).toBeLessThanOrEqual(1);
      });
    }
  });

  test("a part holds the images of its indices", async () => {
    const { test: part, indices, all } = await digits();
    indices.test.forEach((index, row) => {
      expect(part.labels[row]).toBe(all.labels[index]);
      expect(part.images.data.subarray(row * 64, row * 64 + 64)).toEqual(
        all.images.data.subarray(index * 64, index * 64 + 64),
      );
    });
  });

  test("the split never changes", async () => {
    const { indices } = await digits();
    const hash = createHash("sha256").update(indices.test.join()).digest("hex");
    expect(hash).toBe("d5552a7b27284771f11f0f1cf55592deef5b3c7647be04ed71f8856b26238dbf");
  });
});
