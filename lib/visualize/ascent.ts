/** What a filter looks for: an image made to excite it, by gradient ascent from noise. */
import { elementCount, type Tensor } from "../data/tensor.js";
import { OptionError } from "../errors.js";
import { RandomStream } from "../random/philox.js";
import { layerShapes } from "../training/inspect.js";
import type { Progress } from "./attribution.js";
import { imageGrid, type Tile } from "./imageGrid.js";
import type { AnyModel } from "./model.js";
import type { Picture } from "./picture.js";
import { imageRaster } from "./raster.js";

export interface MaximizeOptions {
  /** Channels of the layer, or units of a vector. Default: the first 16. */
  readonly channels?: readonly number[];
  /** Default 64. */
  readonly steps?: number;
  /** How far a step goes, as a share of the range: the root mean square over the image. Default 0.05. */
  readonly stepSize?: number;
  /** What pixels may be. Default [0, 1]. */
  readonly range?: readonly [number, number];
  /** How much of each pixel is its neighbours' mean after a step: keeps the image from becoming noise. Default 0.1. */
  readonly blur?: number;
  /** The most pixels by which the image is shifted before a step, at random. Default: a sixteenth of its shorter side. */
  readonly jitter?: number;
  /** Of the noise at the start and the shifts. Default 0. A channel's image does not depend on the others. */
  readonly seed?: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface MaximizedActivation {
  readonly layer: string;
  readonly channels: readonly number[];
  /** One for each channel: [channels, height, width, image channels]. */
  readonly images: Tensor<readonly [number, number, number, number], Float32Array>;
  /** The mean of the channel's map for the noise at the start, and for the image at the end. */
  readonly before: Float64Array;
  readonly after: Float64Array;
  readonly range: readonly [number, number];
}

/** Options with their defaults, checked against the model. */
function readOptions(model: AnyModel, layer: string, options: MaximizeOptions) {
  const shape = layerShapes(model.node).get(layer);
  if (shape === undefined) {
    const known = [...layerShapes(model.node).keys()].join(", ");
    throw new OptionError("layer", `maximizeActivation: the net has no layer ${layer}; it has ${known}`);
  }
  const [height = 0, width = 0, depth] = model.inputShape;
  if (depth === undefined) {
    const got = `[${model.inputShape.join(", ")}]`;
    throw new OptionError(
      "model",
      `maximizeActivation: the model must take images [height, width, channels], got ${got}`,
    );
  }
  const count = shape.at(-1)!;
  const {
    channels = Array.from({ length: Math.min(count, 16) }, (_, i) => i),
    steps = 64,
    stepSize = 0.05,
    range = [0, 1],
    blur = 0.1,
    jitter = Math.floor(Math.min(height, width) / 16),
    seed = 0,
  } = options;
  const rules: [string, boolean, string, unknown][] = [
    ["channels", channels.length > 0, "one or more", "none"],
    ["steps", Number.isInteger(steps) && steps >= 1, "a whole number of at least 1", steps],
    ["stepSize", stepSize > 0 && stepSize <= 1, "above 0 and at most 1", stepSize],
    ["range", range[0] < range[1], "[low, high] with low < high", `[${range.join(", ")}]`],
    ["blur", blur >= 0 && blur <= 1, "from 0 to 1", blur],
    [
      "jitter",
      Number.isInteger(jitter) && jitter >= 0 && jitter < Math.min(height, width),
      "a whole number from 0, below the image's sides",
      jitter,
    ],
  ];
  const broken = rules.find(([, fits]) => !fits);
  if (broken !== undefined) {
    throw new OptionError(broken[0], `maximizeActivation: ${broken[0]} must be ${broken[2]}, got ${String(broken[3])}`);
  }
  const wrong = channels.find((channel) => !Number.isInteger(channel) || channel < 0 || channel >= count);
  if (wrong !== undefined) {
    throw new OptionError("channels", `maximizeActivation: ${layer} has channels 0 to ${count - 1}, got ${wrong}`);
  }
  return { shape, imageShape: [height, width, depth] as const, channels, steps, stepSize, range, blur, jitter, seed };
}

/**
 * Makes, for each channel of a layer, an image that excites it: noise, changed step by step along the gradient of the mean
 * of the channel's map, a little blurred and shifted so that it stays an image (Erhan et al., 2009; Yosinski et al., 2015).
 * A layer behind a ReLU has no gradient where all is 0: take the layer before it if an image stays noise.
 * @param layer by its name in `summary()`
 * @throws OptionError for a layer or channel that the net does not have, or an option out of its range; the signal's reason
 * @example
 * ```ts
 * const found = await maximizeActivation(model, "conv2d2", { channels: [0, 1, 2, 3] });
 * await maximizedImages(found).save("wanted.svg");
 * ```
 */
export async function maximizeActivation(
  model: AnyModel,
  layer: string,
  options: MaximizeOptions = {},
): Promise<MaximizedActivation> {
  const { shape, imageShape, channels, steps, stepSize, range, blur, jitter, seed } = readOptions(
    model,
    layer,
    options,
  );
  const { onProgress, signal } = options;
  const [height, width, depth] = imageShape;
  const [low, high] = range;
  const size = height * width * depth;
  const call = { batchSize: channels.length, ...(signal === undefined ? {} : { signal }) };
  const streams = channels.map((channel) => new RandomStream(seed, `maximizeActivation/${layer}/${channel}`));
  let images = new Float32Array(channels.length * size);
  streams.forEach((stream, row) => {
    const middle = (low + high) / 2;
    for (let i = 0; i < size; i++) images[row * size + i] = middle + 0.1 * (high - low) * stream.normal();
  });

  const outputs = shape.at(-1)!;
  const perImage = elementCount(shape);
  const positions = perImage / outputs;
  const start = new Float32Array(channels.length * perImage);
  channels.forEach((channel, row) => {
    for (let p = 0; p < positions; p++) start[row * perImage + p * outputs + channel] = 1 / positions;
  });
  const batch = (data: Float32Array) => ({ shape: [channels.length, height, width, depth] as const, data });
  const meansOf = (data: Float32Array): Float64Array =>
    Float64Array.from(channels, (channel, row) => {
      let sum = 0;
      for (let p = 0; p < positions; p++) sum += data[row * perImage + p * outputs + channel]!;
      return sum / positions;
    });

  const request = { of: layer, seed: { shape: [channels.length, ...shape], data: start }, ...call };
  let before: Float64Array | undefined;
  for (let step = 0; step < steps; step++) {
    const shifts = streams.map((stream): readonly [number, number] =>
      jitter === 0 ? [0, 0] : [stream.integer(2 * jitter + 1) - jitter, stream.integer(2 * jitter + 1) - jitter],
    );
    // The first step is made on the noise as it is: its output is what the end is compared with.
    const moved = before === undefined ? images : shifted(images, imageShape, shifts, 1);
    const { output, layers } = await model.gradients(batch(moved), request);
    before ??= meansOf(output.data);
    const [{ gradient }] = layers.values() as unknown as [{ gradient: Tensor<readonly number[], Float32Array> }];
    const next = moved.slice();
    channels.forEach((_, row) => {
      const slope = gradient.data.subarray(row * size, (row + 1) * size);
      const scale = Math.sqrt(slope.reduce((sum, value) => sum + value * value, 0) / size);
      if (scale === 0) return;
      const rate = (stepSize * (high - low)) / scale;
      for (let i = 0; i < size; i++) next[row * size + i]! += rate * slope[i]!;
    });
    const back = moved === images ? next : shifted(next, imageShape, shifts, -1);
    images = blurred(back, imageShape, blur).map((value) => Math.min(high, Math.max(low, value)));
    onProgress?.({ done: step + 1, total: steps });
  }
  const final = (await model.activations(batch(images), { layers: [layer], ...call })).get(layer)!;
  return { layer, channels, images: batch(images), before: before!, after: meansOf(final.data), range };
}

type ImageShape = readonly [height: number, width: number, channels: number];

/** Each image moved by its shift times `sign`; what leaves at one side comes in at the other. */
function shifted(
  images: Float32Array,
  [height, width, depth]: ImageShape,
  shifts: readonly (readonly [number, number])[],
  sign: 1 | -1,
): Float32Array<ArrayBuffer> {
  const result = new Float32Array(images.length);
  const wrap = (position: number, size: number): number => (position + size) % size;
  shifts.forEach(([down, right], row) => {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const target = wrap(y + sign * down, height) * width + wrap(x + sign * right, width);
        const from = (row * height * width + y * width + x) * depth;
        result.set(images.subarray(from, from + depth), (row * height * width + target) * depth);
      }
    }
  });
  return result;
}

/** Every pixel becomes (1 - share) of itself and `share` of the mean of its neighbours above, below, left and right. */
function blurred(images: Float32Array, [height, width, depth]: ImageShape, share: number): Float32Array<ArrayBuffer> {
  const rows = images.length / (height * width * depth);
  const at = (row: number, y: number, x: number, c: number): number => {
    const [inY, inX] = [Math.min(height - 1, Math.max(0, y)), Math.min(width - 1, Math.max(0, x))];
    return images[((row * height + inY) * width + inX) * depth + c]!;
  };
  const result = new Float32Array(images.length);
  let i = 0;
  for (let row = 0; row < rows; row++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        for (let c = 0; c < depth; c++, i++) {
          const around = at(row, y - 1, x, c) + at(row, y + 1, x, c) + at(row, y, x - 1, c) + at(row, y, x + 1, c);
          result[i] = (1 - share) * images[i]! + (share * around) / 4;
        }
      }
    }
  }
  return result;
}

/** The images of {@link maximizeActivation} on one sheet. */
export function maximizedImages(found: MaximizedActivation, options: { readonly width?: number } = {}): Picture {
  const { layer, channels, images, before, after, range } = found;
  const tiles = channels.map((channel, row): Tile => {
    const rise = `${before[row]!.toPrecision(3)} for noise, ${after[row]!.toPrecision(3)} for this image`;
    const title = `channel ${channel}: ${rise}`;
    return { image: imageRaster(images, row, range), caption: String(channel), title };
  });
  return imageGrid(tiles, {
    title: `What ${layer} looks for`,
    description: `${channels.length} images, each made by gradient ascent to excite one channel of ${layer}.`,
    notes: ["Images made from noise by gradient ascent on the mean of one channel's map; its number is below."],
    ...options,
  });
}
