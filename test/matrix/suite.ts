// C and its transpose against the kernels that never build it, on one backend. All numbers are small and whole, so that
// every sum is exact and results must be equal.
import { describe, expect, it } from "vitest";
import type { BackendName } from "../../lib/backend/backend.js";
import { run, tensor, type Tensor } from "../../lib/index.js";
import { convolutionMatrix, type ConvolutionMatrixOptions } from "../../lib/matrix/index.js";
import { col2im, conv2d, gradients, im2col, input, matmul, reshape } from "../../lib/ops/index.js";
import { coverage } from "../../lib/formulas/index.js";
import { useBackend } from "../support/backendOf.js";
import { Random, wholeNumbers } from "../support/random.js";

type Numbers = Tensor<readonly number[], Float32Array>;

function draw(name: string, shape: readonly number[]): Numbers {
  const random = new Random(name);
  const size = shape.reduce((product, each) => product * each, 1);
  return tensor(
    shape,
    Float32Array.from({ length: size }, (_, i) => wholeNumbers(random, i, size)),
  );
}

interface Case extends ConvolutionMatrixOptions {
  readonly image: readonly [number, number, number];
  readonly kernel: readonly [number, number, number, number];
}

const cases: readonly (readonly [string, Case])[] = [
  ["3x3 on 4x4", { image: [4, 4, 1], kernel: [3, 3, 1, 1] }],
  ["a single pixel", { image: [1, 1, 1], kernel: [1, 1, 1, 1] }],
  ["not square", { image: [4, 7, 1], kernel: [2, 3, 1, 1] }],
  ["padding", { image: [4, 5, 1], kernel: [3, 3, 1, 1], padding: 1 }],
  ["padding on one side", { image: [5, 4, 1], kernel: [2, 3, 1, 1], padding: [[1, 0], [0, 2]] }],
  ["padding wider than the kernel", { image: [2, 2, 1], kernel: [2, 2, 1, 1], padding: 3 }],
  ["stride", { image: [7, 5, 1], kernel: [3, 3, 1, 1], stride: 2 }],
  ["strides that differ, same", { image: [7, 8, 1], kernel: [3, 2, 1, 1], stride: [3, 2], padding: "same" }],
  ["dilation", { image: [7, 9, 1], kernel: [3, 2, 1, 1], dilation: [2, 3] }],
  ["rows left over", { image: [8, 6, 1], kernel: [3, 3, 1, 1], stride: 2, rounding: "floor" }],
  ["a window that overhangs", { image: [8, 6, 1], kernel: [3, 3, 1, 1], stride: 2, rounding: "ceil" }],
  ["channels and filters", { image: [5, 4, 3], kernel: [3, 2, 3, 4], padding: 1 }],
  ["groups", { image: [4, 4, 6], kernel: [3, 3, 2, 9], groups: 3, padding: 1, dilation: 2, rounding: "floor" }],
  ["depthwise", { image: [5, 5, 4], kernel: [3, 3, 1, 8], groups: 4, stride: 2 }],
]; // prettier-ignore

export function declareMatrix(name: BackendName): void {
  useBackend(name);

  describe.each(cases)("%s", (title, { image, kernel: kernelShape, ...options }) => {
    const kernel = draw(`${title} kernel`, kernelShape);
    const x = draw(`${title} x`, [1, ...image]);
    const C = convolutionMatrix(kernel, image, options);
    const exact = { ...options, precision: "exact" } as const;

    it("y = C x", () => {
      const y = run((value, filter) => conv2d(value, filter, exact), x, kernel);
      expect([...C.multiply(x.data)]).toEqual([...y.data]);
      expect([C.rows, C.columns]).toEqual([y.data.length, x.data.length]);
    });

    it("dx = C^T dy", () => {
      const dy = draw(`${title} dy`, [1, C.rows]);
      const dx = run(
        (filter, seed) => {
          const value = input("x", x.shape);
          const y = conv2d(value, filter, exact);
          return gradients(y, [value], reshape(seed, y.shape))[0]!;
        },
        kernel,
        dy,
      );
      expect([...C.transpose().multiply(dy.data)]).toEqual([...dx.data]);
    });

    it("im2col and one product give the same y, col2im sends it back as often as pixels are used", () => {
      const [height, width] = image;
      const { groups = 1, ...window } = { ...options, kernel: [kernelShape[0], kernelShape[1]] as const };
      const counts = coverage([height, width], window);
      const back = run((value) => col2im(im2col(value, window), [height, width], window), x);
      const channels = image[2];
      expect([...back.data]).toEqual([...x.data].map((value, i) => value * counts.data[Math.floor(i / channels)]! + 0));
      if (groups > 1) return;
      const product = run(
        (value, filter) => {
          const columns = im2col(value, window);
          const [, outH, outW, depth] = columns.shape as [number, number, number, number];
          return matmul(reshape(columns, [outH * outW, depth]), reshape(filter, [depth, kernelShape[3]]));
        },
        x,
        kernel,
      );
      expect([...product.data]).toEqual([...C.multiply(x.data)]);
    });
  });

  describe("the gradients of a convolution are convolutions", () => {
    const x = draw("lecture x", [1, 6, 5, 1]);
    const kernel = draw("lecture kernel", [3, 2, 1, 1]);
    const dy = draw("lecture dy", [1, 4, 4, 1]);

    it("dW is the valid correlation of the input with the deltas", () => {
      const dW = run(
        (value, seed) => {
          const filter = input("filter", kernel.shape);
          return gradients(conv2d(value, filter), [filter], seed)[0]!;
        },
        x,
        dy,
      );
      const correlation = run((value, deltas) => conv2d(value, deltas), x, tensor([4, 4, 1, 1], dy.data));
      expect([...dW.data]).toEqual([...correlation.data]);
      expect(correlation.shape).toEqual([1, 3, 2, 1]);
    });

    it("dx is the full convolution of the deltas with the flipped filter", () => {
      const dx = convolutionMatrix(kernel, [6, 5]).transpose().multiply(dy.data);
      const flipped = tensor(kernel.shape, kernel.data.toReversed());
      const full = run((deltas, filter) => conv2d(deltas, filter, { padding: [2, 1] }), dy, flipped);
      expect([...dx]).toEqual([...full.data]);
      expect(full.shape).toEqual([1, 6, 5, 1]);
    });
  });
}
