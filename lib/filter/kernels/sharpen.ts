import { numberOption } from "./grid.js";

export interface SharpenOptions {
  /** How often the Laplacian of four neighbours is added. Default 1. */
  readonly amount?: number | undefined;
}

/**
 * The image and its edges: weights that sum to 1.
 * @example
 * ```ts
 * sharpen(); // [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
 * ```
 */
export function sharpen({ amount = 1 }: SharpenOptions = {}): number[][] {
  const beside = 0 - numberOption("sharpen", "amount", amount);
  return [
    [0, beside, 0],
    [beside, 1 + 4 * amount, beside],
    [0, beside, 0],
  ];
}
