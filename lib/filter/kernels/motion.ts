import { normalized, numberOption, oddSize, sampled, sizeOption } from "./grid.js";

export interface MotionOptions {
  /** Of the way that the camera went, in pixels. Default 9. */
  readonly length?: number | undefined;
  /** In degrees, counted from the right and counter-clockwise. Default 0. */
  readonly angle?: number | undefined;
}

/**
 * The mean along a line, as if the camera had moved: pixels count by how near their middle is to the line.
 * @example
 * ```ts
 * motion({ length: 5 }); // [[1/5, 1/5, 1/5, 1/5, 1/5]]
 * ```
 */
export function motion({ length = 9, angle = 0 }: MotionOptions = {}): number[][] {
  const half = (numberOption("motion", "length", length, 0) - 1) / 2;
  const radians = (numberOption("motion", "angle", angle) * Math.PI) / 180;
  // Rounded: the sine of half a circle is not quite 0, and would add two rows of nothing.
  const [across, down] = [Math.cos(radians), -Math.sin(radians)].map((part) => Math.round(part * 1e12) / 1e12);
  const reach = Math.max(half, 0);
  const side = (part: number): number => oddSize(Math.abs(part) * reach);
  const size = sizeOption("motion", [side(down!), side(across!)]);
  return normalized(
    sampled(size, (y, x) => {
      const along = Math.min(reach, Math.max(-reach, x * across! + y * down!));
      return Math.max(0, 1 - Math.hypot(x - along * across!, y - along * down!));
    }),
  );
}
