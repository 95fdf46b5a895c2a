/** Images through a kernel. */
import type { OutputArray } from "../backend/backend.js";
import type { Tensor } from "../data/tensor.js";
import { OptionError } from "../errors.js";
import { allocated, newFloats } from "../memory.js";
import { BandFilter, bandsOf, type Band } from "./bands.js";
import {
  imagesOf,
  planFilter,
  type Depth,
  type DepthArray,
  type FilterOptions,
  type FilterPlan,
  type Images,
} from "./options.js";
import type { KernelInput } from "./weights.js";

export interface FilterCallOptions<D extends Depth = Depth> extends FilterOptions<D> {
  /** Memory for the results instead of new one; it must not overlap the image. */
  readonly into?: DepthArray<D> | undefined;
}

export interface FilterAsyncOptions<D extends Depth = Depth> extends FilterCallOptions<D> {
  /** Stops between bands of rows; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each band with the rows that are done, and all there are. */
  readonly onProgress?: ((rows: number, total: number) => void) | undefined;
}

/**
 * Filters every channel of an image with a kernel, on the calling thread and the pool: exact, signed, in float.
 *
 * The kernel is laid on the image as it is written (correlation) unless `operation` is "convolve". A weight of 0 reads
 * nothing: a NaN under it does not reach the result. Kernels that are products of a column and a row, or sums of a few such
 * products, are split; float32 rounding is all that tells. Tiles of an image have the bits of the whole.
 *
 * @param image [height, width], [height, width, channels] or [count, height, width, channels], bytes or floats
 * @param kernel rows of weights of any size, a tensor [height, width], or the name of a built-in kernel
 * @returns a tensor of the image's rank; of its size, unless the boundary is "valid"
 * @throws OptionError, ShapeError where image, kernel and options do not fit
 * @example
 * ```ts
 * const edges = filter(photo, "edge"); // signed floats
 * const soft = filter(photo, kernels.gaussian({ sigma: 2 }), { depth: "u8", alpha: "keep" });
 * ```
 */
export function filter<D extends Depth = "float">(
  image: Tensor,
  kernel: KernelInput,
  options: FilterCallOptions<D> = {},
): Tensor<readonly number[], DepthArray<D>> {
  const { images, plan, bands, shape, data } = prepare(image, kernel, options);
  const filterBand = new BandFilter(plan, bands[0]!.rows);
  for (let i = 0; i < images.count; i++) {
    const source = pixelsOf(images, i);
    const target = resultsOf(plan, data, i);
    for (const band of bands) filterBand.run(band.first, source.lineOf, rowsOf(plan, target, band), source.pixels);
  }
  return { shape, data: data as DepthArray<D> };
}

/** Bands on their way at once: one is laid out while another runs. */
const underWay = 2;

/**
 * As {@link filter}, off the calling thread. The image must not change meanwhile.
 *
 * @example
 * ```ts
 * const edges = await filterAsync(photo, "edge", { signal: AbortSignal.timeout(1000) });
 * ```
 */
export async function filterAsync<D extends Depth = "float">(
  image: Tensor,
  kernel: KernelInput,
  options: FilterAsyncOptions<D> = {},
): Promise<Tensor<readonly number[], DepthArray<D>>> {
  const { signal, onProgress } = options;
  signal?.throwIfAborted();
  const { images, plan, bands, shape, data } = prepare(image, kernel, options);
  const filterBand = new BandFilter(plan, bands[0]!.rows);
  const total = images.count * plan.outHeight;
  const running: Promise<void>[] = [];
  let done = 0;
  try {
    for (let i = 0; i < images.count; i++) {
      const source = pixelsOf(images, i);
      const target = resultsOf(plan, data, i);
      for (const band of bands) {
        if (running.length === underWay) await running.shift();
        const rows = i * plan.outHeight + band.first + band.rows;
        const into = rowsOf(plan, target, band);
        const run = filterBand.runAsync(band.first, source.lineOf, into, source.pixels, signal).then(() => {
          done = Math.max(done, rows);
          onProgress?.(done, total);
        });
        running.push(run);
      }
    }
    await Promise.all(running);
    signal?.throwIfAborted();
  } catch (error) {
    // Whoever is still running must not reject unheard.
    await Promise.allSettled(running);
    throw error;
  }
  return { shape, data: data as DepthArray<D> };
}

interface Prepared {
  readonly images: Images;
  readonly plan: FilterPlan;
  readonly bands: readonly Band[];
  readonly shape: readonly number[];
  readonly data: OutputArray;
}

function prepare(image: Tensor, kernel: KernelInput, options: FilterCallOptions): Prepared {
  const images = imagesOf("filter", image);
  const plan = planFilter("filter", images, kernel, options);
  const { outHeight, outWidth, channels, depth } = plan;
  const sizes = [images.count, outHeight, outWidth, channels];
  const shape = image.shape.length === 4 ? sizes : sizes.slice(1, 1 + image.shape.length);
  const size = images.count * outHeight * outWidth * channels;
  const data =
    options.into ??
    (depth === "u8" ? allocated("filter", size, () => new Uint8Array(size)) : newFloats("filter", size));
  const name = depth === "u8" ? "Uint8Array" : "Float32Array";
  if (data[Symbol.toStringTag] !== name || data.length !== size) {
    throw new OptionError(
      "into",
      `filter: into must be a ${name} of ${size} elements, got ${data[Symbol.toStringTag]} of ${data.length}`,
    );
  }
  return { images, plan, bands: bandsOf(plan), shape, data };
}

function pixelsOf(images: Images, i: number): { pixels: Images["data"]; lineOf: (row: number) => Images["data"] } {
  const length = images.width * images.channels;
  const pixels = images.data.subarray(i * images.height * length, (i + 1) * images.height * length);
  return { pixels, lineOf: (row) => pixels.subarray(row * length, (row + 1) * length) };
}

function resultsOf({ outHeight, outWidth, channels }: FilterPlan, data: OutputArray, i: number): OutputArray {
  const size = outHeight * outWidth * channels;
  return data.subarray(i * size, (i + 1) * size);
}

function rowsOf({ outWidth, channels }: FilterPlan, data: OutputArray, { first, rows }: Band): OutputArray {
  return data.subarray(first * outWidth * channels, (first + rows) * outWidth * channels);
}
