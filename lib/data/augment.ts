/** More images from the ones there are. Everything draws from a {@link RandomStream}, so a seed repeats a run. */
import { OptionError } from "../errors.js";
import type { RandomStream } from "../random/philox.js";
import { requireOptions, showValue } from "../shape/values.js";
import type { Batch, ImageArray } from "./dataset.js";

/** Changes a batch of images [batch, height, width, channels]; for fit's option `augment`. */
export type ImageChange = <Shape extends readonly [number, number, number], Data extends ImageArray>(
  batch: Batch<Shape, Data>,
  random: RandomStream,
) => Batch<Shape, Data>;

/**
 * Moves each image by a whole number of pixels, every move of up to `distance` in both axes equally likely; what comes in from outside is
 * 0. A digit that was moved is the same digit: a net that saw them moved learns strokes instead of places.
 *
 * @example
 * ```ts
 * await model.fit(train, { ...options, augment: randomShift({ distance: 1 }) });
 * ```
 */
export function randomShift(options: { readonly distance: number }): ImageChange {
  requireOptions("randomShift", options);
  const { distance } = options;
  if (!Number.isSafeInteger(distance) || distance < 0) {
    throw new OptionError(
      "distance",
      `randomShift: distance must be an integer of at least 0, got ${showValue(distance)}`,
    );
  }
  return (batch, random) => {
    const { shape, data } = batch.images;
    const [rows, height, width, channels] = shape as readonly [number, number, number, number];
    const moved = data.slice().fill(0) as typeof data;
    for (let row = 0; row < rows; ++row) {
      const down = random.integer(2 * distance + 1) - distance;
      const right = random.integer(2 * distance + 1) - distance;
      const columns = width - Math.abs(right);
      if (columns <= 0) continue;
      for (let y = Math.max(0, down); y < Math.min(height, height + down); ++y) {
        const from = ((row * height + y - down) * width + Math.max(0, -right)) * channels;
        const to = ((row * height + y) * width + Math.max(0, right)) * channels;
        moved.set(data.subarray(from, from + columns * channels), to);
      }
    }
    return { images: { shape, data: moved }, labels: batch.labels };
  };
}
