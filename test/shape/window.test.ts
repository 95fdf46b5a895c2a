// Output sizes against counting windows one by one, which needs no formula.
import { describe, expect, it } from "vitest";
import { ShapeError } from "../../lib/errors.js";
import type { Padding, Pair, Rounding } from "../../lib/shape/types.js";
import { windowOutput } from "../../lib/shape/axis.js";
import type { AxisOptions } from "../../lib/shape/axis.js";
import { resolveWindow } from "../../lib/shape/window.js";

/** Starts of the windows along one axis, the first at -padBefore. */
function starts(axis: AxisOptions): number[] {
  const { size, kernel, stride, dilation, padBefore, padAfter, rounding } = axis;
  const extent = dilation * (kernel - 1) + 1;
  const found: number[] = [];
  for (let start = -padBefore; start < size + padAfter; start += stride) {
    const inside = start + extent <= size + padAfter;
    // "ceil" takes a window that overhangs, unless it has nothing but trailing padding under it.
    const overhangs = rounding === "ceil" && start < size && found.at(-1) !== undefined;
    const previousReached = (found.at(-1) ?? 0) + extent >= size + padAfter;
    if (rounding === "ceil" && start >= size) break;
    if (inside || (overhangs && !previousReached)) found.push(start);
  }
  return found;
}

const axes: AxisOptions[] = [];
for (const size of [1, 2, 5, 8, 13]) {
  for (const kernel of [1, 2, 3, 5]) {
    for (const stride of [1, 2, 3, 4]) {
      for (const dilation of [1, 2]) {
        for (const [padBefore, padAfter] of [
          [0, 0],
          [1, 1],
          [0, 1],
          [2, 1],
        ] as const) {
          for (const rounding of ["floor", "ceil", "exact"] as const) {
            // PyTorch asks for padding below half of the window; beyond, even its own rule leaves windows in the
            // padding.
            if (Math.max(padBefore, padAfter) * 2 > kernel) continue;
            axes.push({ size, kernel, stride, dilation, padBefore, padAfter, rounding });
          }
        }
      }
    }
  }
}

describe("windowOutput", () => {
  it("counts the windows that fit", () => {
    let counted = 0;
    for (const axis of axes) {
      const { size, kernel, stride, dilation, padBefore, padAfter, rounding } = axis;
      const span = size + padBefore + padAfter - (dilation * (kernel - 1) + 1);
      if (span < 0 || (rounding === "exact" && span % stride !== 0)) {
        expect(() => windowOutput(axis), JSON.stringify(axis)).toThrow(ShapeError);
      } else {
        expect(windowOutput(axis), JSON.stringify(axis)).toBe(starts(axis).length);
        counted++;
      }
    }
    expect(counted).toBeGreaterThan(300);
  });

  it("names the layer and the axis that it is given", () => {
    const axis: AxisOptions = {
      ...{ size: 7, kernel: 3, stride: 3, dilation: 1 },
      ...{ padBefore: 0, padAfter: 0, rounding: "exact" },
    };
    expect(() => windowOutput(axis, "width", "myLayer")).toThrow(
      "myLayer: stride 3 does not fit the width: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. " +
        "Use stride 2, pad 2 more columns, or set rounding: 'floor'",
    );
  });

  it("recommends what fits", () => {
    const axis: AxisOptions = {
      ...{ size: 11, kernel: 4, stride: 5, dilation: 1 },
      ...{ padBefore: 0, padAfter: 0, rounding: "exact" },
    };
    expect(() => windowOutput(axis)).toThrow("Use stride 1, pad 3 more rows");
    expect(windowOutput({ ...axis, stride: 1 })).toBe(8);
    expect(windowOutput({ ...axis, padAfter: 3 })).toBe(3);
    expect(windowOutput({ ...axis, rounding: "floor" })).toBe(2);
  });
});

describe("resolveWindow", () => {
  it("fills in the defaults", () => {
    expect(resolveWindow("conv2d", [9, 7], { kernel: [3, 2] })).toEqual({
      ...{ kernelH: 3, kernelW: 2, strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 },
      ...{ padTop: 0, padBottom: 0, padLeft: 0, padRight: 0, outH: 7, outW: 6 },
      declared: { top: 0, bottom: 0, left: 0, right: 0 },
    });
  });

  it.each<[Padding, readonly [number, number, number, number]]>([
    [2, [2, 2, 2, 2]],
    [
      [1, 2],
      [1, 1, 2, 2],
    ],
    [[[1, 2], [3, 4]], [1, 2, 3, 4]], // prettier-ignore
    ["valid", [0, 0, 0, 0]],
    // An even filter: the odd zero goes to the end, as in Keras.
    ["same", [1, 2, 1, 1]],
  ])("reads padding %j", (padding, [top, bottom, left, right]) => {
    const window = resolveWindow("conv2d", [9, 9], { kernel: [4, 3], padding });
    expect(window).toMatchObject({ padTop: top, padBottom: bottom, padLeft: left, padRight: right });
    expect(window.declared).toEqual({ top, bottom, left, right });
  });

  it("gives ceil(size / stride) outputs for same, whatever the rest", () => {
    for (const size of [1, 4, 7, 10]) {
      for (const stride of [1, 2, 3, 5]) {
        for (const kernel of [1, 2, 3, 6]) {
          const { outH, padTop, padBottom } = resolveWindow("x", [size, size], { kernel, stride, padding: "same" });
          expect(outH).toBe(Math.ceil(size / stride));
          expect(padBottom - padTop === 0 || padBottom - padTop === 1).toBe(true);
        }
      }
    }
  });

  it("reports numbers of which the floor formula is true, and what was declared", () => {
    for (const { size, kernel, stride, dilation, padBefore, padAfter, rounding } of axes) {
      if (rounding === "exact") continue;
      const extent = dilation * (kernel - 1) + 1;
      if (size + padBefore + padAfter < extent) continue;
      const sides: Padding = [
        [padBefore, padAfter],
        [padBefore, padAfter],
      ];
      const options: { kernel: Pair; rounding: Rounding } = { kernel, rounding };
      const window = resolveWindow("x", [size, size], { ...options, stride, dilation, padding: sides });
      const { outH, padTop, padBottom, declared } = window;
      expect(Math.floor((size + padTop + padBottom - extent) / stride) + 1).toBe(outH);
      expect(declared).toMatchObject({ top: padBefore, bottom: padAfter });
    }
  });

  it("reaches beyond the declared padding under ceil", () => {
    const window = resolveWindow("x", [6, 6], { kernel: 3, stride: 2, padding: 0, rounding: "ceil" });
    expect(window).toMatchObject({ outH: 3, padBottom: 1, declared: { bottom: 0 } });
  });

  it.each<[object, string, string]>([
    [{ kernel: "3" }, "kernel", "kernel must be a positive whole number, got '3'"],
    [{}, "kernel", "kernel must be a positive whole number, got undefined"],
    [{ kernel: [1, 2, 3] }, "kernel", "kernel must be a positive whole number, got [1, 2, 3]"],
    [{ kernel: 3, stride: null }, "stride", "stride must be a positive whole number, got null"],
    [{ kernel: 3, dilation: NaN }, "dilation", "dilation must be a positive whole number, got NaN"],
    [{ kernel: 3, padding: "full" }, "padding", "padding must be a number, pairs, 'same' or 'valid', got 'full'"],
    [{ kernel: 3, padding: [1, [1, 1]] }, "padding", "padding must be whole numbers from 0, got [1, [1, 1]]"],
    [{ kernel: 3, rounding: "up" }, "rounding", "rounding must be 'exact', 'floor' or 'ceil', got 'up'"],
  ])("refuses %j from JavaScript", (options, option, sentence) => {
    const resolve = () => resolveWindow("x", [9, 9], options as { kernel: number });
    expect(resolve).toThrow(new ShapeError(option, `x: ${sentence}`));
  });
});
