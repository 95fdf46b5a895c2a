/** First derivatives: a difference along one axis, smoothed along the other. */
import { choiceOption } from "./grid.js";

export interface DerivativeOptions {
  /** "x": positive where it gets brighter to the right; "y": downwards. Default "x". */
  readonly axis?: "x" | "y" | undefined;
}

/** Differences across, `smoothing` down; or the transpose. */
function derivative(owner: string, smoothing: readonly number[], { axis = "x" }: DerivativeOptions): number[][] {
  choiceOption(owner, "axis", axis, ["x", "y"]);
  if (axis === "x") return smoothing.map((weight) => [-weight, 0, weight]);
  return [smoothing.map((weight) => -weight), smoothing.map(() => 0), [...smoothing]];
}

/**
 * @example
 * ```ts
 * sobel(); // [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
 * ```
 */
export function sobel(options: DerivativeOptions = {}): number[][] {
  return derivative("sobel", [1, 2, 1], options);
}

/**
 * @example
 * ```ts
 * prewitt({ axis: "y" }); // [[-1, -1, -1], [0, 0, 0], [1, 1, 1]]
 * ```
 */
export function prewitt(options: DerivativeOptions = {}): number[][] {
  return derivative("prewitt", [1, 1, 1], options);
}

/**
 * Closer to the same length in every direction than Sobel's.
 * @example
 * ```ts
 * scharr(); // [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]
 * ```
 */
export function scharr(options: DerivativeOptions = {}): number[][] {
  return derivative("scharr", [3, 10, 3], options);
}
