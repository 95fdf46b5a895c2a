/** The built-in kernels element by element, and what each family promises. */
import { describe, expect, it } from "vitest";
import { OptionError } from "../../lib/errors.js";
import { factorsOf } from "../../lib/filter/factor.js";
import { kernels } from "../../lib/filter/index.js";
import { weightsOf } from "../../lib/filter/weights.js";
import { Random } from "../support/random.js";

const sum = (kernel: readonly (readonly number[])[]): number => kernel.flat().reduce((a, b) => a + b, 0);
const scaledBy = (kernel: readonly (readonly number[])[], factor: number): number[][] =>
  kernel.map((row) => row.map((weight) => weight * factor));

describe("element by element", () => {
  it.each([
    [
      "edge",
      kernels.edge(),
      [
        [-1, -1, -1],
        [-1, 8, -1],
        [-1, -1, -1],
      ],
    ],
    [
      "edge of 4",
      kernels.edge({ neighbours: 4 }),
      [
        [0, -1, 0],
        [-1, 4, -1],
        [0, -1, 0],
      ],
    ],
    [
      "sharpen",
      kernels.sharpen(),
      [
        [0, -1, 0],
        [-1, 5, -1],
        [0, -1, 0],
      ],
    ],
    [
      "sharpen twice",
      kernels.sharpen({ amount: 2 }),
      [
        [0, -2, 0],
        [-2, 9, -2],
        [0, -2, 0],
      ],
    ],
    [
      "box",
      scaledBy(kernels.box(), 9),
      [
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
      ],
    ],
    ["box 1x4", kernels.box({ size: [1, 4] }), [[0.25, 0.25, 0.25, 0.25]]],
    [
      "gaussian 3",
      scaledBy(kernels.gaussian({ size: 3 }), 16),
      [
        [1, 2, 1],
        [2, 4, 2],
        [1, 2, 1],
      ],
    ],
    ["gaussian 1x5", scaledBy(kernels.gaussian({ size: [1, 5] }), 16), [[1, 4, 6, 4, 1]]],
    [
      "sobel",
      kernels.sobel(),
      [
        [-1, 0, 1],
        [-2, 0, 2],
        [-1, 0, 1],
      ],
    ],
    [
      "sobel down",
      kernels.sobel({ axis: "y" }),
      [
        [-1, -2, -1],
        [0, 0, 0],
        [1, 2, 1],
      ],
    ],
    [
      "prewitt",
      kernels.prewitt(),
      [
        [-1, 0, 1],
        [-1, 0, 1],
        [-1, 0, 1],
      ],
    ],
    [
      "scharr",
      kernels.scharr(),
      [
        [-3, 0, 3],
        [-10, 0, 10],
        [-3, 0, 3],
      ],
    ],
    [
      "emboss",
      kernels.emboss(),
      [
        [-2, -1, 0],
        [-1, 1, 1],
        [0, 1, 2],
      ],
    ],
    [
      "emboss from the right",
      kernels.emboss({ angle: 0 }),
      [
        [1, 0, -1],
        [2, 1, -2],
        [1, 0, -1],
      ],
    ],
    ["motion", scaledBy(kernels.motion({ length: 5 }), 5), [[1, 1, 1, 1, 1]]],
    ["motion upwards", scaledBy(kernels.motion({ length: 3, angle: 90 }), 3), [[1], [1], [1]]],
  ])("%s", (_, got, want) => {
    expect(got.length).toBe(want.length);
    want.forEach((row, y) => row.forEach((weight, x) => expect(got[y]![x]).toBeCloseTo(weight, 14)));
  });
});

describe("what a family promises", () => {
  it("averages sum to 1, differences to 0", () => {
    for (const kernel of [
      kernels.gaussian({ sigma: 1.7 }),
      kernels.gaussian({ size: 8 }),
      kernels.motion({ length: 7, angle: 30 }),
      kernels.unsharpMask({ sigma: 2, amount: 0.6 }),
      kernels.sharpen(),
    ]) {
      expect(sum(kernel)).toBeCloseTo(1, 12);
    }
    for (const kernel of [kernels.edge(), kernels.differenceOfGaussians(), kernels.sobel(), kernels.scharr()]) {
      expect(sum(kernel)).toBeCloseTo(0, 12);
    }
  });

  it("a sampled Gaussian has the variance asked for, a binomial one (size - 1) / 4", () => {
    const variance = (row: readonly number[]): number => {
      const middle = (row.length - 1) / 2;
      const total = row.reduce((a, b) => a + b, 0);
      return row.reduce((at, weight, x) => at + weight * (x - middle) ** 2, 0) / total;
    };
    // 3 sigma to either side leave out 0.3 % of the weight, and 3 % of the variance.
    expect(variance(kernels.gaussian({ sigma: 2 })[6]!)).toBeGreaterThan(4 * 0.95);
    expect(variance(kernels.gaussian({ sigma: 2 })[6]!)).toBeLessThan(4);
    expect(variance(kernels.gaussian({ size: 9 })[4]!)).toBeCloseTo(2, 12);
  });

  it("Gabor's is even at phase 0 and odd at 90, and turns with its angle", () => {
    const even = kernels.gabor({ wavelength: 6, angle: 30 }).flat();
    expect(even).toEqual([...even].reverse().map((weight) => expect.closeTo(weight, 12) as number));
    const odd = kernels.gabor({ wavelength: 6, angle: 30, phase: 90 }).flat();
    expect(odd).toEqual([...odd].reverse().map((weight) => expect.closeTo(-weight, 12) as number));
    const upright = kernels.gabor({ angle: 90 });
    kernels.gabor().forEach((row, y) => row.forEach((weight, x) => expect(upright[x]![y]).toBeCloseTo(weight, 12)));
  });
});

describe("factors", () => {
  const terms = (kernel: readonly (readonly number[])[]): number | undefined =>
    factorsOf(weightsOf("test", kernel))?.terms;

  it.each([
    ["a box", kernels.box({ size: 7 }), 1],
    ["a Gaussian", kernels.gaussian({ sigma: 3 }), 1],
    ["a Gaussian, wide and low", kernels.gaussian({ size: [5, 21] }), 1],
    ["a difference of Gaussians", kernels.differenceOfGaussians({ sigma: 3 }), 2],
    ["an unsharp mask", kernels.unsharpMask({ sigma: 3 }), 2],
    ["a round Gabor function", kernels.gabor({ aspect: 1, wavelength: 9, angle: 30 }), 2],
    ["3x3, where the whole costs less", kernels.gaussian(), undefined],
    ["a diagonal line", kernels.motion({ length: 15, angle: 45 }), undefined],
    ["one row", kernels.box({ size: [1, 31] }), undefined],
    [
      "nothing",
      [
        [0, 0],
        [0, 0],
      ],
      undefined,
    ],
  ])("of %s", (_, kernel, want) => expect(terms(kernel)).toBe(want));

  it("are found behind the rounding of float32, and multiply to the kernel", () => {
    const kernel = kernels.gaussian({ sigma: 2 }).map((row) => row.map(Math.fround));
    const factors = factorsOf(weightsOf("test", kernel))!;
    expect(factors.terms).toBe(1);
    kernel.forEach((row, y) =>
      row.forEach((weight, x) => expect(Math.abs(factors.left[y]! * factors.right[x]! - weight)).toBeLessThan(1e-7)),
    );
  });

  it("are not seen where there are none", () => {
    const random = new Random("no factors");
    const kernel = Array.from({ length: 15 }, () => Array.from({ length: 15 }, () => random.uniform(-1, 1)));
    expect(terms(kernel)).toBeUndefined();
  });
});

describe("options of kernels", () => {
  it.each([
    [
      () => kernels.box({ size: 0 }),
      "box: size must be a positive whole number, or [height, width], with up to 1048576 weights, got 0",
    ],
    [() => kernels.box({ size: [1e9, 1e9] }), "got [1000000000, 1000000000]"],
    [() => kernels.gaussian({ sigma: 0 }), "gaussian: sigma must be a number above 0, got 0"],
    [() => kernels.gaussian({ sigma: 1e6 }), "gaussian: size must be"],
    [() => kernels.gaussian({ sigma: NaN }), "gaussian: sigma must be a number above 0, got NaN"],
    [
      () => kernels.gaussian({ size: [1, 2 ** 20] }),
      "gaussian: size without sigma must be at most 4097, got 1048576; give sigma too",
    ],
    [() => kernels.edge({ neighbours: 6 as never }), "edge: neighbours must be 4 or 8, got 6"],
    [() => kernels.sobel({ axis: "z" as never }), "sobel: axis must be 'x' or 'y', got 'z'"],
    [() => kernels.emboss({ angle: 30 }), "emboss: angle must be 0 or 45 or 90"],
    [() => kernels.motion({ length: -1 }), "motion: length must be a number above 0, got -1"],
    [() => kernels.gabor({ wavelength: 0 }), "gabor: wavelength must be a number above 0, got 0"],
    [() => kernels.differenceOfGaussians({ ratio: 1 }), "differenceOfGaussians: ratio must be a number above 1, got 1"],
    [() => kernels.sharpen({ amount: Infinity }), "sharpen: amount must be a finite number, got Infinity"],
  ])("%#", (make, message) => {
    expect(make).toThrow(OptionError);
    expect(make).toThrow(message);
  });
});
