// No window of a pooling lies in the padding as a whole: counted pixel by pixel, for it has no maximum and no mean.
import { describe, expect, it } from "vitest";
import { ShapeError, StriateError } from "../../lib/errors.js";
import { resolvePoolWindow } from "../../lib/shape/pool2d.js";
import type { Padding, Rounding } from "../../lib/shape/types.js";
import type { Window } from "../../lib/shape/window.js";

/** Pixels of the image under each window along the height. */
function pixelsUnder(window: Window, size: number): number[] {
  return Array.from({ length: window.outH }, (_, out) => {
    const start = out * window.strideH - window.padTop;
    return Array.from({ length: window.kernelH }, (_, tap) => start + tap).filter((at) => at >= 0 && at < size).length;
  });
}

/** The window, or undefined where the options are refused for anything but the padding. */
function resolve(size: number, kernel: number, stride: number, padding: Padding, rounding: Rounding) {
  try {
    return resolvePoolWindow("x", [size, size, 1], { size: kernel, stride, padding, rounding });
  } catch (error) {
    if (!(error instanceof StriateError) || error.message.includes("padding must")) throw error;
    return undefined;
  }
}

const roundings = ["exact", "floor", "ceil"] as const;

describe("the windows of a pooling", () => {
  it("each hold a pixel, whatever the padding below their size", () => {
    let counted = 0;
    for (let size = 1; size <= 9; size++) {
      for (let kernel = 1; kernel <= 4; kernel++) {
        for (let stride = 1; stride <= 6; stride++) {
          const paddings: Padding[] = ["same", "valid"];
          for (let before = 0; before < kernel; before++) {
            for (let after = 0; after < kernel; after++) {
              paddings.push([
                [before, after],
                [0, 0],
              ]);
            }
          }
          for (const padding of paddings) {
            for (const rounding of roundings) {
              const window = resolve(size, kernel, stride, padding, rounding);
              if (window === undefined) continue;
              const least = Math.min(...pixelsUnder(window, size));
              expect(least, JSON.stringify({ size, kernel, stride, padding, rounding })).toBeGreaterThan(0);
              counted++;
            }
          }
        }
      }
    }
    expect(counted).toBeGreaterThan(2000);
  });

  it.each<[Padding, number | readonly [number, number], string]>([
    [3, 2, "3 on the top for a window of 2"],
    [2, 2, "2 on the top for a window of 2"],
    [[1, 2], 2, "2 on the left for a window of 2"],
    [2, [3, 1], "2 on the left for a window of 1"],
    [[[1, 2], [0, 0]], 2, "2 on the bottom for a window of 2"], // prettier-ignore
    [[[1, 1], [0, 5]], [2, 4], "5 on the right for a window of 4"], // prettier-ignore
  ])("refuse padding %j for size %j, whatever the stride and rounding", (padding, size, got) => {
    for (const rounding of roundings) {
      for (const stride of [undefined, 1, 3]) {
        expect(() => resolvePoolWindow("x", [7, 7, 1], { size, stride, padding, rounding })).toThrow(
          new ShapeError("padding", `x: padding must be smaller than the window, got ${got}`),
        );
      }
    }
  });

  it("are judged after their own options: a size that is none is said first", () => {
    const options = { size: 0, padding: 3 };
    expect(() => resolvePoolWindow("x", [7, 7, 1], options)).toThrow("x: size must be a positive whole number, got 0");
  });
});
