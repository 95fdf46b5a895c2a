// What lies beyond the ends of a signal, a row or a column: the index arithmetic of borders, for every room that
// extends something.
import { OptionError } from "../errors.js";
import { isNatural, isPositive, showValue } from "./values.js";

/**
 * How an axis `abcd` goes on beyond its ends.
 *
 * | mode         | before \| axis \| after | known as                                      |
 * | ------------ | ----------------------- | --------------------------------------------- |
 * | `zero`       | `0000\|abcd\|0000`      | zero padding                                  |
 * | `constant`   | `vvvv\|abcd\|vvvv`      | the same with a value of your own             |
 * | `reflect`    | `dcba\|abcd\|dcba`      | NumPy's "symmetric", OpenCV's BORDER_REFLECT  |
 * | `reflect101` | `.dcb\|abcd\|cba.`      | NumPy's and PyTorch's "reflect"               |
 * | `replicate`  | `aaaa\|abcd\|dddd`      | NumPy's "edge"                                |
 * | `circular`   | `abcd\|abcd\|abcd`      | NumPy's "wrap"                                |
 */
export type BoundaryMode = "zero" | "constant" | "reflect" | "reflect101" | "replicate" | "circular";

/** Every {@link BoundaryMode}. */
export const boundaryModes: readonly BoundaryMode[] = [
  "zero",
  "constant",
  "reflect",
  "reflect101",
  "replicate",
  "circular",
];

/** The index of a position that is no element of the axis: under "zero" and "constant". */
export const outside = -1;

/** i mod period, from 0 on whatever the sign of i. */
const wrap = (index: number, period: number): number => ((index % period) + period) % period;

/**
 * The element that stands at a position of the extended axis.
 *
 * Any distance is legal: reflections go back and forth, with a period of 2 * size (reflect) or 2 * size - 2
 * (reflect101; an axis of one element repeats it).
 *
 * @param index from -infinity to infinity; 0 is the first element
 * @param size elements of the axis, 1 or more
 * @returns 0 to size - 1, or {@link outside}
 * @example
 * ```ts
 * boundaryIndex("reflect101", -2, 5); // 2
 * boundaryIndex("zero", -2, 5); // -1
 * ```
 */
export function boundaryIndex(mode: BoundaryMode, index: number, size: number): number {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case "zero":
    case "constant":
      return outside;
    case "replicate":
      return index < 0 ? 0 : size - 1;
    case "circular":
      return wrap(index, size);
    case "reflect": {
      const folded = wrap(index, 2 * size);
      return folded < size ? folded : 2 * size - 1 - folded;
    }
    case "reflect101": {
      if (size === 1) return 0;
      const folded = wrap(index, 2 * size - 2);
      return folded < size ? folded : 2 * size - 2 - folded;
    }
  }
}

/**
 * The elements at the positions -before to size + after - 1.
 *
 * @returns before + size + after indices, each as {@link boundaryIndex} gives it
 * @throws OptionError for a mode that there is not, or numbers that count nothing
 * @example
 * ```ts
 * boundaryIndices("reflect", 3, 2, 2); // [1, 0, 0, 1, 2, 2, 1]
 * ```
 */
export function boundaryIndices(mode: BoundaryMode, size: number, before: number, after: number): Int32Array {
  checkBoundaryMode(mode, "boundaryIndices");
  if (!isPositive(size) || !isNatural(before) || !isNatural(after) || before + size + after > 2 ** 31 - 1) {
    const got = `${showValue(before)}, ${showValue(size)} and ${showValue(after)}`;
    throw new OptionError(
      "size",
      `boundaryIndices: before, size and after must be whole numbers, size 1 or more, up to 2^31 - 1 together, got ${got}`,
    );
  }
  return Int32Array.from({ length: before + size + after }, (_, i) => boundaryIndex(mode, i - before, size));
}

/**
 * Refuses a mode that there is not.
 *
 * @param owner begins the sentence: "convolve"
 * @throws OptionError
 */
export function checkBoundaryMode(mode: unknown, owner: string): BoundaryMode {
  if (boundaryModes.includes(mode as BoundaryMode)) return mode as BoundaryMode;
  const words = boundaryModes.map((word) => `'${word}'`).join(", ");
  throw new OptionError("mode", `${owner}: mode must be one of ${words}, got ${showValue(mode)}`);
}
