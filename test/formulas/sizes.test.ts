// Legal strides and paddings against asking the size rule itself, one by one; coverage against walking every window.
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../lib/errors.js";
import { coverage, legalPaddings, legalStrides, outputSize, samePadding } from "../../lib/formulas/index.js";

const fits = (act: () => unknown): boolean => {
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    return false;
  }
};

describe("legalStrides", () => {
  it("lists exactly the strides that leave two windows or more", () => {
    for (let size = 1; size <= 30; size++) {
      for (let kernel = 1; kernel <= Math.min(size, 9); kernel++) {
        for (const padding of [0, 1, [0, 1], [2, 1]] as const) {
          const legal = Array.from({ length: 40 }, (_, i) => i + 1).filter((stride) => {
            const options = { kernel, stride, padding };
            return fits(() => outputSize(size, options)) && outputSize(size, options) > 1;
          });
          const found = legalStrides(size, { kernel, padding });
          expect(found, JSON.stringify({ size, kernel, padding })).toEqual(legal.length === 0 ? [1] : legal);
        }
      }
    }
  });

  it.each<[() => unknown, string, string]>([
    [
      () => legalStrides(2, { kernel: 3 }),
      "kernel",
      "legalStrides: the window covers 3 but the padded length is only 2 (2 + 0)",
    ],
    [() => legalStrides(0, { kernel: 3 }), "size", "legalStrides: size must be a positive whole number, got 0"],
    [
      () => legalStrides(7, { kernel: 3, padding: "same" as "valid" }),
      "padding",
      "legalStrides: with padding 'same' every stride is legal",
    ],
  ])("refuses what no stride could make legal (%#)", (act, option, sentence) => {
    expect(act).toThrow(new ShapeError(option, sentence));
  });
});

describe("legalPaddings", () => {
  it("lists exactly the even and the nearly even paddings that fit", () => {
    for (let size = 1; size <= 12; size++) {
      for (let kernel = 1; kernel <= 6; kernel++) {
        for (let stride = 1; stride <= 5; stride++) {
          for (const dilation of [1, 2]) {
            const extent = dilation * (kernel - 1) + 1;
            const legal: [number, number][] = [];
            for (let before = 0; before < extent; before++) {
              for (const after of [before, before + 1]) {
                const options = { kernel, stride, dilation, padding: [before, after] as const };
                if (after < extent && fits(() => outputSize(size, options))) legal.push([before, after]);
              }
            }
            const found = legalPaddings(size, { kernel, stride, dilation });
            expect(found, JSON.stringify({ size, kernel, stride, dilation })).toEqual(legal);
          }
        }
      }
    }
  });

  it("says where no even padding fits", () => {
    const found = legalPaddings(32, { kernel: 5, stride: 2 });
    expect(found).toEqual([[0, 1], [1, 2], [2, 3], [3, 4]]); // prettier-ignore
    expect(found.map((padding) => outputSize(32, { kernel: 5, stride: 2, padding }))).toEqual([15, 16, 17, 18]);
  });

  it.each<[() => unknown, string]>([
    [() => legalPaddings(7, { kernel: 1.5 }), "legalPaddings: kernel must be a positive whole number, got 1.5"],
    [() => legalPaddings(7, { kernel: 3, stride: 0 }), "legalPaddings: stride must be a positive whole number, got 0"],
    [
      () => legalPaddings(7, { kernel: 2 ** 40 }),
      "legalPaddings: the window must cover 4096 elements at most, got 1099511627776",
    ],
  ])("refuses what is no window (%#)", (act, sentence) => {
    expect(act).toThrow(sentence);
  });
});

describe("samePadding", () => {
  it("keeps the size, and the one below or above does not", () => {
    for (const kernel of [1, 3, 5, 7, 11] as const) {
      for (const dilation of [1, 2, 3] as const) {
        const padding: number = samePadding(kernel, { dilation });
        for (const size of [1, 8, 33]) expect(outputSize(size, { kernel, dilation, padding })).toBe(size);
        expect(outputSize(99, { kernel, dilation, padding: padding + 1 })).toBe(101);
      }
    }
  });
});

describe("coverage", () => {
  it("counts every window that has a tap on the pixel", () => {
    let pixels = 0;
    for (const [height, width] of [
      [7, 7],
      [5, 8],
      [1, 4],
      [9, 6],
    ] as const) {
      // prettier-ignore
      for (const kernel of [1, 3, [1, 2], [3, 4]] as const) {
        for (const stride of [1, 2, [1, 3]] as const) {
          for (const padding of [0, 1, [[0, 2], [1, 0]], "same"] as const) { // prettier-ignore
            for (const dilation of [1, 2]) {
              const options = { kernel, stride, padding, dilation, rounding: "floor" } as const;
              if (!fits(() => coverage([height, width], options))) continue;
              const found = coverage([height, width], options);
              expect([...found.data], JSON.stringify({ height, width, ...options })).toEqual(
                walkWindows(height, width, options),
              );
              pixels += found.data.length;
            }
          }
        }
      }
    }
    expect(pixels).toBeGreaterThan(5000);
  });

  it.each<[readonly unknown[]]>([[[7]], [[7, 0]], [[7, 7, 3]], [[2 ** 20, 2 ** 20]]])("refuses the size %j", (size) => {
    expect(() => coverage(size as unknown as readonly [number, number], { kernel: 3 })).toThrow(
      /^coverage: size must be two positive whole numbers of 268435456 pixels at most, got \[/,
    );
  });
});

/** Adds 1 to every pixel under every tap of every window, as one would with a pencil. */
function walkWindows(
  height: number,
  width: number,
  options: {
    readonly kernel: number | readonly [number, number];
    readonly stride: number | readonly [number, number];
    readonly padding: number | readonly [readonly [number, number], readonly [number, number]] | "same";
    readonly dilation: number;
  },
): number[] {
  const { kernel, stride, padding, dilation } = options;
  const axis = (size: number, index: 0 | 1): number[][] => {
    const taps = typeof kernel === "number" ? kernel : kernel[index];
    const step = typeof stride === "number" ? stride : stride[index];
    const extent = dilation * (taps - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / step) - 1) * step + extent - size);
    const same = [Math.floor(total / 2), Math.ceil(total / 2)] as const;
    const given = typeof padding === "number" ? ([padding, padding] as const) : padding[index];
    const [before, after] = padding === "same" ? same : (given as readonly [number, number]);
    const windows: number[][] = [];
    for (let start = -before; start + extent <= size + after; start += step) {
      windows.push(Array.from({ length: taps }, (_, tap) => start + tap * dilation));
    }
    return windows;
  };
  const counts = new Array<number>(height * width).fill(0);
  for (const rows of axis(height, 0)) {
    for (const columns of axis(width, 1)) {
      for (const y of rows) {
        for (const x of columns) if (y >= 0 && y < height && x >= 0 && x < width) counts[y * width + x]!++;
      }
    }
  }
  return counts;
}
