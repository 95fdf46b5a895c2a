import { choiceOption, numberOption } from "./grid.js";

export interface EmbossOptions {
  /** Where the light comes from, in degrees, counted from the right and counter-clockwise; a multiple of 45. Default 135. */
  readonly angle?: number | undefined;
  /** Default 1. */
  readonly strength?: number | undefined;
}

/** The eight places around the middle, [row, column], from the right on counter-clockwise. */
const around = [
  [1, 2],
  [0, 2],
  [0, 1],
  [0, 0],
  [1, 0],
  [2, 0],
  [2, 1],
  [2, 2],
] as const;

/** Weights around the middle from the light's side on: dark towards it, bright away from it. */
const ring = [-2, -1, 0, 1, 2, 1, 0, -1];

/**
 * A relief: the image lit from one side.
 * @example
 * ```ts
 * emboss(); // [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]
 * ```
 */
export function emboss({ angle = 135, strength = 1 }: EmbossOptions = {}): number[][] {
  const eighths = choiceOption("emboss", "angle", angle, [0, 45, 90, 135, 180, 225, 270, 315]) / 45;
  numberOption("emboss", "strength", strength, 0);
  const kernel = [
    [0, 0, 0],
    [0, 1, 0],
    [0, 0, 0],
  ];
  ring.forEach((weight, i) => {
    const [row, column] = around[(eighths + i) % 8]!;
    kernel[row]![column] = weight * strength;
  });
  return kernel;
}
