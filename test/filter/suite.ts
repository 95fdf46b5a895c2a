/** All that `filter` and `filterAsync` must do, on the backend of this process. */
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../lib/data/tensor.js";
import { StriateError } from "../../lib/errors.js";
import { filter, filterAsync, kernels, type FilterOptions, type KernelInput } from "../../lib/filter/index.js";
import { difference } from "../support/compare.js";
import { Random } from "../support/random.js";
import { filterOracle } from "./oracle.js";

interface Case extends FilterOptions {
  readonly name: string;
  readonly image: readonly [number, number, number, number];
  readonly kernel: readonly (readonly number[])[];
  readonly bytes?: boolean;
}

const boundaries = ["valid", "zero", "constant", "reflect", "reflect101", "replicate", "circular"] as const;
const random = new Random("kernels of filter");
const anyKernel = (height: number, width: number): number[][] =>
  Array.from({ length: height }, () => Array.from({ length: width }, () => random.uniform(-1, 1)));
/** Weights that keep bytes near 0 to 255. */
const gentle = (height: number, width: number): number[][] =>
  Array.from({ length: height }, () => Array.from({ length: width }, () => random.uniform(-1, 2) / (height * width)));

const cases: readonly Case[] = [
  ...boundaries.flatMap((boundary): Case[] =>
    (["float", "u8"] as const).flatMap((depth) =>
      [false, true].map((bytes) => ({
        ...{ name: `${boundary}, ${bytes ? "u8" : "float"} to ${depth}`, image: [2, 7, 9, 3], depth, bytes, boundary },
        ...{ kernel: gentle(3, 4), constant: [7, 0, 250] },
      })),
    ),
  ),
  ...boundaries.map((boundary): Case => ({
    ...{ name: `${boundary}, split`, image: [1, 12, 11, 1], boundary, constant: 3 },
    kernel: kernels.gaussian({ size: 7 }),
  })),
  ...boundaries.slice(1).map((boundary): Case => ({
    ...{ name: `${boundary}, a kernel beyond the image's double`, image: [1, 2, 3, 2], boundary, constant: [1, 2] },
    kernel: anyKernel(9, 11),
  })),
  ...(
    [
      [1, 1],
      [1, 5],
      [5, 1],
      [2, 2],
      [4, 3],
      [1, 8],
      [6, 6],
    ] as const
  ).flatMap(([height, width]): Case[] => [
    { name: `${height}x${width}`, image: [1, 8, 9, 1], kernel: anyKernel(height, width) },
    {
      ...{ name: `${height}x${width}, convolve`, image: [1, 8, 9, 1], operation: "convolve" },
      kernel: anyKernel(height, width),
    },
  ]),
  ...[1, 2, 3, 4, 5].map((channels): Case => ({
    ...{ name: `${channels} channels`, image: [1, 6, 40, channels], bytes: true, depth: "u8" },
    kernel: kernels.box({ size: 3 }),
  })),
  ...(["sum", "abs"] as const).map((normalize): Case => ({
    name: `normalize by ${normalize}`,
    image: [1, 6, 7, 3],
    normalize,
    kernel: [
      [1, 2, 1],
      [-1, 4, 3],
    ],
  })),
  { name: "an offset", image: [1, 6, 7, 3], kernel: kernels.emboss(), offset: 128, depth: "u8", bytes: true },
  { name: "alpha kept", image: [1, 6, 7, 4], kernel: kernels.edge(), alpha: "keep" },
  { name: "alpha kept, valid", image: [2, 6, 7, 2], kernel: anyKernel(4, 3), alpha: "keep", boundary: "valid" },
  {
    ...{ name: "alpha kept as bytes", image: [1, 6, 7, 4], kernel: kernels.sharpen(), alpha: "keep", bytes: true },
    depth: "u8",
  },
  ...Object.entries(kernels).map(([name, make]): Case => ({
    ...{ name: `${name}, built in`, image: [1, 14, 15, 2], bytes: true },
    kernel: make(),
  })),
];

function draw({ name, image, bytes = false }: Case): Tensor {
  const values = new Random(`image of ${name}`);
  const size = image.reduce((product, n) => product * n, 1);
  const data = bytes
    ? Uint8Array.from({ length: size }, () => values.integer(256))
    : Float32Array.from({ length: size }, () => values.uniform(-100, 300));
  return { shape: image, data };
}

function wanted(c: Case, image: Tensor): ReturnType<typeof filterOracle> {
  const { constant = 0, boundary = "reflect101", alpha, depth, normalize, operation, offset, kernel } = c;
  return filterOracle({
    ...{ image: c.image, values: image.data, kernel, boundary },
    constant: typeof constant === "number" ? Array.from({ length: c.image[3] }, () => constant) : constant,
    ...(alpha && { alpha }),
    ...(depth && { depth }),
    ...(normalize && { normalize }),
    ...(operation && { operation }),
    ...(offset !== undefined && { offset }),
  });
}

const image8 = { shape: [2, 2], data: Uint8Array.of(1, 2, 3, 4) } as const;

const refusals: readonly (readonly [string, Tensor, KernelInput, FilterOptions, string])[] = [
  ["no rows", image8, [], {}, "filter: a kernel must have 1 to 16777216 weights, got 0 rows of 0"],
  ["no columns", image8, [[]], {}, "filter: a kernel must have 1 to 16777216 weights, got 1 rows of 0"],
  ["ragged", image8, [[1, 2], [3]], {}, "filter: rows of a kernel must be 2 numbers each, got [3] as row 1"],
  ["NaN", image8, [[1, NaN]], {}, "filter: weights must be finite, got NaN at [0, 1]"],
  [
    "no kernel",
    image8,
    "blur" as never,
    {},
    "filter: kernel must be one of edge, sharpen, box, gaussian, sobel, prewitt, scharr, emboss, motion, gabor, differenceOfGaussians, unsharpMask, got 'blur'",
  ],
  ["an inherited name", image8, "toString" as never, {}, "got 'toString'"],
  [
    "a filter of a layer",
    image8,
    { shape: [1, 1, 1, 1], data: Float32Array.of(1) } as never,
    {},
    "filter: kernel must be rows of numbers or a tensor [height, width], got a tensor [1, 1, 1, 1]",
  ],
  [
    "weights missing",
    image8,
    { shape: [2, 2], data: Float32Array.of(1) },
    {},
    "filter: a kernel 2x2 needs 4 weights, got 1",
  ],
  [
    "a hostile size",
    image8,
    { shape: [2 ** 26, 2 ** 26], data: Float32Array.of(1) },
    {},
    "filter: a kernel must have 1 to 16777216 weights, got 67108864 rows of 67108864",
  ],
  [
    "labels",
    { shape: [1, 1], data: Int32Array.of(1) },
    "edge",
    {},
    "filter: image must hold a Uint8Array or a Float32Array",
  ],
  [
    "a list",
    { shape: [4], data: Uint8Array.of(1, 2, 3, 4) },
    "edge",
    {},
    "filter: image must be [height, width], [height, width, channels] or [count, height, width, channels], all of them 1 or more, got [4]",
  ],
  [
    "nothing",
    { shape: [0, 4], data: new Uint8Array(0) },
    "edge",
    {},
    "filter: image must be [height, width], [height, width, channels] or [count, height, width, channels], all of them 1 or more, got [0, 4]",
  ],
  [
    "a wrong count of channels",
    { shape: [2, 2, 3], data: new Uint8Array(16) },
    "edge",
    {},
    "filter: an image [2, 2, 3] needs 12 elements, got 16",
  ],
  [
    "a kernel too large",
    image8,
    "edge",
    { boundary: "valid" },
    "filter: a kernel 3x3 does not fit into an image 2x2; another boundary than 'valid' lets it reach beyond",
  ],
  [
    "a boundary",
    image8,
    "edge",
    { boundary: "mirror" as never },
    "filter: boundary must be 'valid' or 'zero' or 'constant' or 'reflect' or 'reflect101' or 'replicate' or 'circular', got 'mirror'",
  ],
  [
    "a sum of 0",
    image8,
    "edge",
    { normalize: "sum" },
    "filter: a kernel that sums to 0 cannot be normalized by 'sum'; its weights cancel: normalize by 'abs'",
  ],
  [
    "weights of 0",
    image8,
    [[0]],
    { normalize: "abs" },
    "filter: a kernel that sums to 0 cannot be normalized by 'abs'; all of its weights are 0",
  ],
  ["alpha", image8, "edge", { alpha: "keep" }, "filter: alpha 'keep' needs an image of 2 or 4 channels, got 1"],
  [
    "a constant that is no byte",
    image8,
    "edge",
    { constant: 0.5, boundary: "constant" },
    "filter: constant must be whole numbers from 0 to 255, as the image holds, one or one for each of 1 channels, got 0.5",
  ],
  [
    "constants",
    image8,
    "edge",
    { constant: [1, 2], boundary: "constant" },
    "filter: constant must be whole numbers from 0 to 255, as the image holds, one or one for each of 1 channels, got [1, 2]",
  ],
  ["an offset", image8, "edge", { offset: Infinity }, "filter: offset must be a finite number, got Infinity"],
  ["depth", image8, "edge", { depth: "u16" as never }, "filter: depth must be 'float' or 'u8', got 'u16'"],
];

export function declareFilter(): void {
  describe("filter agrees with float64", () => {
    it.each(cases)("$name", async (c) => {
      const image = draw(c);
      const { name, image: shape, kernel, bytes, ...options } = c;
      const want = wanted(c, image);
      const got = filter(image, kernel, options);
      expect(got.shape).toEqual(want.shape);
      expect(got.data).toBeInstanceOf(c.depth === "u8" ? Uint8Array : Float32Array);
      expect(difference(name, got.data, want) ?? "").toBe("");
      const later = await filterAsync(image, kernel, options);
      expect(later.data, `${shape.join("x")} ${String(bytes)}`).toEqual(got.data);
    });
  });

  describe("the lecture", () => {
    it("sharpens", () => {
      const image = {
        shape: [5, 5],
        data: Float32Array.of(-5, 3, 2, -5, 3, 4, 3, 2, 1, -3, 1, 0, 3, 3, 5, -2, 0, 1, 4, 4, 5, 6, 7, 9, -1),
      };
      const got = filter(image, "sharpen", { boundary: "valid" });
      expect(got.shape).toEqual([3, 3]);
      expect([...got.data]).toEqual([6, 1, 8, -7, 9, 2, -5, -9, 3]);
    });
  });

  describe("bytes", () => {
    it("round ties to even, saturate, and take NaN for 0", () => {
      const image = { shape: [1, 8], data: Float32Array.of(0.5, 1.5, 2.5, -3, 300, NaN, Infinity, 254.5) };
      expect([...filter(image, [[1]], { depth: "u8" }).data]).toEqual([0, 2, 2, 0, 255, 0, 255, 254]);
    });
  });

  describe("NaN", () => {
    it("reaches what it is under, but not through a weight of 0", () => {
      const image = { shape: [3, 3], data: Float32Array.of(1, 1, 1, 1, NaN, 1, 1, 1, 1) };
      const got = filter(
        image,
        [
          [0, -1, 0],
          [-1, 5, -1],
          [0, -1, 0],
        ],
        { boundary: "replicate" },
      );
      expect([...got.data].map(Number.isNaN)).toEqual([false, true, false, true, true, true, false, true, false]);
    });
  });

  describe("bands", () => {
    const shape = [420, 1700, 3];
    const data = Uint8Array.from({ length: 420 * 1700 * 3 }, (_, i) => (i * 2654435761) >>> 24);

    it("of a large image have the bits of its tiles", () => {
      const whole = filter({ shape, data }, kernels.gabor(), { boundary: "valid" });
      const tile = { shape: [60, 1700, 3], data: data.subarray(200 * 5100, 260 * 5100) };
      const part = filter(tile, kernels.gabor(), { boundary: "valid" });
      const rowSize = whole.shape[1]! * 3;
      expect(part.data).toEqual(whole.data.subarray(200 * rowSize, 200 * rowSize + part.data.length));
    });

    it("report progress and can be stopped", async () => {
      const seen: number[] = [];
      await filterAsync({ shape, data }, "edge", { depth: "u8", onProgress: (rows, total) => seen.push(rows / total) });
      expect(seen.length).toBeGreaterThan(1);
      expect(seen.at(-1)).toBe(1);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
      const stop = new AbortController();
      const stopped = filterAsync({ shape, data }, "edge", {
        signal: stop.signal,
        onProgress: () => stop.abort(new Error("enough")),
      });
      await expect(stopped).rejects.toThrow("enough");
    });

    it("fill memory that is given", () => {
      const into = new Float32Array(16);
      const image = { shape: [4, 4], data: Float32Array.from({ length: 16 }, (_, i) => i) };
      expect(filter(image, [[2]], { into }).data).toBe(into);
      expect([...into.subarray(0, 4)]).toEqual([0, 2, 4, 6]);
      expect(() => filter(image, [[2]], { into: new Float32Array(15) })).toThrow(
        "filter: into must be a Float32Array of 16 elements, got Float32Array of 15",
      );
    });
  });

  describe("refusals say what is wrong", () => {
    it.each(refusals)("%s", async (_, image, kernel, options, message) => {
      expect(() => filter(image, kernel, options)).toThrow(StriateError);
      expect(() => filter(image, kernel, options)).toThrow(message);
      await expect(filterAsync(image, kernel, options)).rejects.toThrow(message);
    });
  });
}
