import type { Pair } from "../../shape/types.js";
import { sampled, sizeOption } from "./grid.js";

export interface BoxOptions {
  /** A number, or [height, width]. Default 3. */
  readonly size?: Pair | undefined;
}

/**
 * The mean of a rectangle.
 * @example
 * ```ts
 * box({ size: 3 }); // nine times 1/9
 * ```
 */
export function box({ size = 3 }: BoxOptions = {}): number[][] {
  const [height, width] = sizeOption("box", size);
  return sampled([height, width], () => 1 / (height * width));
}
