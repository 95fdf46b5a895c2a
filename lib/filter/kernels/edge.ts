import { choiceOption } from "./grid.js";

export interface EdgeOptions {
  /** Which neighbours are taken from the middle: those beside it and above it (4), or the corners too (8). Default 8. */
  readonly neighbours?: 4 | 8 | undefined;
}

/**
 * The Laplacian with the middle positive: 0 on even ground, large where a pixel differs from its neighbours.
 * @example
 * ```ts
 * edge(); // [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]
 * edge({ neighbours: 4 }); // [[0, -1, 0], [-1, 4, -1], [0, -1, 0]]
 * ```
 */
export function edge({ neighbours = 8 }: EdgeOptions = {}): number[][] {
  const corner = choiceOption("edge", "neighbours", neighbours, [4, 8]) === 8 ? -1 : 0;
  return [
    [corner, -1, corner],
    [-1, neighbours, -1],
    [corner, -1, corner],
  ];
}
