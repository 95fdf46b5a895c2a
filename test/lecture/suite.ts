// The numbers of the lecture, each as it stands on its slide, on one backend. What a backend may be off is derived where
// a number is not exact in float32: 1/3 is not, nor are sums of three of it.
import { describe, expect, it } from "vitest";
import type { BackendName } from "../../lib/backend/backend.js";
import * as striate from "../../lib/index.js";
import { run, sequential, tensor, type BoundaryMode } from "../../lib/index.js";
import * as striateOps from "../../lib/ops/index.js";
import { avgPool2d, conv2d, maxPool2d, type Value } from "../../lib/ops/index.js";
import { useBackend } from "../support/backendOf.js";
import { Random } from "../support/random.js";

type Rows = readonly (readonly number[])[];

/** [1, height, width, 1] of rows of pixels. */
function imageOf(rows: Rows) {
  return tensor([1, rows.length, rows[0]!.length, 1], Float32Array.from(rows.flat()));
}
/** [height, width, 1, 1] of rows of weights. */
function filterOf(rows: Rows) {
  return tensor([rows.length, rows[0]!.length, 1, 1], Float32Array.from(rows.flat()));
}
/** The first channel of the first image. */
function rowsOf({ shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array }): number[][] {
  const [, height, width, channels] = shape as [number, number, number, number];
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => data[(y * width + x) * channels]!),
  );
}

const sharpen: Rows = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]; // prettier-ignore
const third = 1 / 3;

export function declareLecture(name: BackendName): void {
  useBackend(name);

  describe("a box filter over the signal 4 3 2 -5 3 5 2 5 5 6", () => {
    const signal = [4, 3, 2, -5, 3, 5, 2, 5, 5, 6];
    const box = [third, third, third];
    // Three taps, each off by half a unit in the last place (2^-24 of it), on samples of 6 at most, and three additions:
    // 3 * 6 / 3 * (1 + 3) * 2^-24.
    const tolerance = 24 * 2 ** -24;

    it.each<[string, "valid" | "same", BoundaryMode, readonly number[]]>([
      ["shrinks", "valid", "zero", [3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3]],
      ["padded with zeros", "same", "zero", [7 / 3, 3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3, 11 / 3]],
      ["repeated at its ends", "same", "replicate", [11 / 3, 3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3, 17 / 3]],
      ["reflected", "same", "reflect101", [10 / 3, 3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3, 16 / 3]],
      ["going round", "same", "circular", [13 / 3, 3, 0, 0, 1, 10 / 3, 4, 4, 16 / 3, 5]],
    ])("%s", (_, boundary, mode, expected) => {
      // The box is symmetric, so flipped or not is all one.
      for (const filter of [striate.convolve, striate.correlate]) {
        const found = filter(signal, box, { boundary, mode });
        expect(found.length).toBe(expected.length);
        found.forEach((value, i) => expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(tolerance));
      }
    });
  });

  it("the 5x5 image, sharpened", () => {
    const image: Rows = [[-5, 3, 2, -5, 3], [4, 3, 2, 1, -3], [1, 0, 3, 3, 5], [-2, 0, 1, 4, 4], [5, 6, 7, 9, -1]]; // prettier-ignore
    const found = run((x, filter) => conv2d(x, filter), imageOf(image), filterOf(sharpen));
    expect(rowsOf(found)).toEqual([[6, 1, 8], [-7, 9, 2], [-5, -9, 3]]); // prettier-ignore
  });

  it("pooling by 2x2 at stride 2", () => {
    const image = imageOf([[3, 1, 3, 5], [6, 0, 7, 9], [3, 2, 1, 4], [0, 2, 4, 3]]); // prettier-ignore
    expect(rowsOf(run((x) => maxPool2d(x, { size: 2 }), image))).toEqual([[6, 9], [3, 4]]); // prettier-ignore
    expect(rowsOf(run((x) => avgPool2d(x, { size: 2 }), image))).toEqual([[2.5, 6], [1.75, 3]]); // prettier-ignore
  });

  describe("sizes", () => {
    /** What the kernel really gives on an image of this size. */
    const side = (size: number, kernel: number, stride: number, padding: number): number => {
      const image = tensor([1, size, size, 1], new Float32Array(size * size).fill(1));
      const filter = tensor([kernel, kernel, 1, 1], new Float32Array(kernel * kernel).fill(1));
      const { shape } = run((x, weights) => conv2d(x, weights, { stride, padding }), image, filter);
      expect(shape[1]).toBe(shape[2]);
      return shape[1]!;
    };

    it.each([
      [7, 3, 1, 0, 5],
      [7, 3, 2, 0, 3],
      [7, 3, 1, 1, 7],
      [32, 5, 1, 0, 28],
      [32, 5, 1, 2, 32],
      // the common settings keep the size
      [32, 3, 1, 1, 32],
      [32, 1, 1, 0, 32],
    ])("%i under %i, stride %i, padding %i: %i", (size, kernel, stride, padding, expected) => {
      expect(side(size, kernel, stride, padding)).toBe(expected);
      expect(striate.outputSize(size, { kernel, stride, padding })).toBe(expected);
    });

    it("7 under 3 at stride 3 is 2.33: illegal, and the sentence says what is legal", () => {
      const stride: number = 3;
      const sentence =
        "(7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. Use stride 2, pad 2 more rows, or set rounding: 'floor'";
      expect(() => side(7, 3, 3, 0)).toThrow(`conv2d: stride 3 does not fit the height: ${sentence}`);
      expect(() => sequential([7, 7, 1]).conv2d({ filters: 1, kernel: 3, stride })).toThrow(sentence);
      expect(striate.legalStrides(7, { kernel: 3 })).toEqual([1, 2, 4]);
      expect(side(7, 3, 2, 0)).toBe(3);
      expect(side(7, 3, 3, 1)).toBe(3); // two more rows
    });

    it("samePadding(F) is (F - 1) / 2 for odd F", () => {
      for (const kernel of [1, 3, 5, 7, 9]) expect(striate.samePadding(kernel)).toBe((kernel - 1) / 2);
      const even: number = 4;
      expect(() => striate.samePadding(even)).toThrow("samePadding: a window of 4 has no equal padding");
    });

    it("the common settings of pooling: 2 at stride 2, 3 at stride 2", () => {
      const image = tensor([1, 32, 32, 1], new Float32Array(32 * 32));
      expect(run((x) => maxPool2d(x, { size: 2, stride: 2 }), image).shape).toEqual([1, 16, 16, 1]);
      const odd = tensor([1, 33, 33, 1], new Float32Array(33 * 33));
      expect(run((x) => maxPool2d(x, { size: 3, stride: 2 }), odd).shape).toEqual([1, 16, 16, 1]);
    });

    it("F5 S2, whatever fits: on 32x32 no even padding does", () => {
      const paddings = striate.legalPaddings(32, { kernel: 5, stride: 2 });
      expect(paddings).toEqual([[0, 1], [1, 2], [2, 3], [3, 4]]); // prettier-ignore
      for (const padding of [0, 1, 2, 3, 4]) expect(() => side(32, 5, 2, padding)).toThrow("not a whole number");
      const image = tensor([1, 32, 32, 1], new Float32Array(32 * 32));
      const filter = tensor([5, 5, 1, 1], new Float32Array(25));
      const sides = paddings.map((padding) => {
        const { shape } = run(
          (x, weights) => conv2d(x, weights, { stride: 2, padding: [padding, padding] }),
          image,
          filter,
        );
        return shape[1];
      });
      expect(sides).toEqual([15, 16, 17, 18]);
    });
  });

  describe("32x32x3 under filters of 5x5", () => {
    const random = new Random("lecture");
    const image = tensor(
      [1, 32, 32, 3],
      Float32Array.from({ length: 32 * 32 * 3 }, () => random.integer(7) - 3),
    );

    it("one number of the map is a dot product of 75 and a bias", () => {
      const weights = Float32Array.from({ length: 75 }, () => random.integer(7) - 3);
      const filter = tensor([5, 5, 3, 1], weights);
      const bias = tensor([1], Float32Array.of(2));
      const { shape, data } = run((x, w, b) => conv2d(x, w, { bias: b }), image, filter, bias);
      expect(shape).toEqual([1, 28, 28, 1]);
      let sum = 2;
      let terms = 0;
      for (let kh = 0; kh < 5; kh++) {
        for (let kw = 0; kw < 5; kw++) {
          for (let c = 0; c < 3; c++) {
            sum += image.data[((11 + kh) * 32 + 20 + kw) * 3 + c]! * weights[(kh * 5 + kw) * 3 + c]!;
            terms++;
          }
        }
      }
      expect(terms).toBe(75);
      expect(data[11 * 28 + 20]).toBe(sum);
    });

    it.each([
      [1, 0, [28, 28, 1], 76],
      [5, 0, [28, 28, 5], 380],
      [10, 2, [32, 32, 10], 760],
    ])("%i filters with padding %i: %j and %i parameters", (filters, padding, expected, parameters) => {
      const net = sequential([32, 32, 3]).conv2d({ filters, kernel: 5, padding });
      expect(net.outputShape).toEqual(expected);
      expect(net.model().predictSync(image).shape).toEqual([1, ...expected]);
      const counts = striate.conv2dParameters([32, 32, 3], { filters, kernel: 5, padding });
      expect(counts).toEqual({ weights: 75 * filters, biases: filters, total: parameters });
      const learned = [...net.model().parameters().values()].reduce((sum, { data }) => sum + data.length, 0);
      expect(learned).toBe(parameters);
    });

    it("against a dense layer: 750 weights do for 31,457,280", () => {
      const { convolution, dense } = striate.compareDense([32, 32, 3], { filters: 10, kernel: 5, padding: 2 });
      expect([convolution.weights, dense.weights]).toEqual([750, 31_457_280]);
      expect(striate.denseParameters([1000, 1000, 3], 1000)).toMatchObject({ weights: 3_000_000_000, biases: 1000 });
    });
  });

  describe("strides and shifts", () => {
    const random = new Random("equivariance");
    const pixels: Rows = Array.from({ length: 13 }, () => Array.from({ length: 13 }, () => random.integer(7) - 3));
    const weights: Rows = Array.from({ length: 3 }, () => Array.from({ length: 3 }, () => random.integer(7) - 3));
    const convolve = (rows: Rows, stride: number): number[][] =>
      rowsOf(
        run((x: Value, w: Value) => conv2d(x, w, { stride, rounding: "floor" }), imageOf(rows), filterOf(weights)),
      );

    it("stride n gives every n-th number of stride 1", () => {
      const all = convolve(pixels, 1);
      for (const stride of [2, 3, 5]) {
        const some = all.filter((_, y) => y % stride === 0).map((row) => row.filter((_, x) => x % stride === 0));
        expect(convolve(pixels, stride)).toEqual(some);
      }
    });

    it("an image shifted by two rows and three columns has the same map, shifted", () => {
      const shifted = pixels.map((row, y) => row.map((_, x) => pixels[y - 2]?.[x - 3] ?? 0));
      const map = convolve(pixels, 1);
      const moved = convolve(shifted, 1);
      const inside = (rows: Rows, top: number, left: number) =>
        Array.from({ length: 9 }, (_, y) => Array.from({ length: 8 }, (_, x) => rows[top + y]![left + x]!));
      expect(inside(moved, 2, 3)).toEqual(inside(map, 0, 0));
      expect(inside(moved, 0, 0)).not.toEqual(inside(map, 0, 0));
    });
  });

  it("a corner of 7x7 is used once, with padding four times; the middle nine times", () => {
    const corner = (padding: number) => striate.coverage([7, 7], { kernel: 3, padding }).data[0];
    expect([corner(0), corner(1)]).toEqual([1, 4]);
    // The same by the gradient: what each pixel adds to the sum of the map, under a filter of ones.
    const ones = tensor([1, 7, 7, 1], new Float32Array(49).fill(1));
    const filter = tensor([3, 3, 1, 1], new Float32Array(9).fill(1));
    for (const padding of [0, 1]) {
      const used = run(
        (w, seed) => {
          const x = striateOps.input("x", [1, 7, 7, 1]);
          const y = conv2d(x, w, { padding });
          return striateOps.gradients(y, [x], striateOps.reshape(seed, y.shape))[0]!;
        },
        filter,
        padding === 1 ? ones : tensor([1, 25], new Float32Array(25).fill(1)),
      );
      expect([...used.data]).toEqual([...striate.coverage([7, 7], { kernel: 3, padding }).data]);
      expect(used.data[24]).toBe(9);
    }
  });
}
