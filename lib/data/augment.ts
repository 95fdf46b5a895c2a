/** More images from the ones there are. Everything draws from a {@link RandomStream}, so a seed repeats a run. */
import { OptionError } from "../errors.js";
import type { RandomStream } from "../random/philox.js";
import type { Batch, ImageArray } from "./dataset.js";

/**
 * Moves each image by a whole number of pixels, each way and each distance up to `distance` equally likely, in both axes; what comes in
 * from outside is 0. Digits stay digits when moved; a net that saw them moved learns strokes instead of places.
 *
 * @param batch not changed
 * @returns a batch of the same shape with the same labels
 */
export function shiftImages<Data extends ImageArray>(
  batch: Batch<readonly [number, number, number], Data>,
  options: { readonly distance: number; readonly random: RandomStream },
): Batch<readonly [number, number, number], Data> {
  const { distance, random } = options;
  if (!Number.isSafeInteger(distance) || distance < 0) {
    throw new OptionError(
      "distance",
      `shiftImages: distance must be an integer of at least 0, got ${distance}`,
    );
  }
  const { shape, data } = batch.images;
  const [rows, height, width, channels] = shape;
  const moved = data.slice().fill(0) as Data;
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
}
