/** Where in an image a class's score comes from: by covering parts of it, and by gradients (Grad-CAM). */
import { elementCount, type Tensor } from "../data/tensor.js";
import { OptionError, ShapeError } from "../errors.js";
import type { Shape } from "../shape/types.js";
import type { AnyModel, Images } from "./model.js";
import { checkImageBatch, oneImage } from "./raster.js";
import { lastMapLayer, scoreLayer } from "./scores.js";

export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** A map [height, width] of one image. */
export type AttributionMap = Tensor<readonly [number, number], Float32Array>;

export interface GradCamOptions {
  /** A layer with maps. Default: the last convolution with what follows at its size. */
  readonly layer?: string;
  /** The class to explain, one for each image. Default: the model's answers. */
  readonly labels?: ArrayLike<number>;
  /** Default 32. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal;
}

export interface GradCam {
  readonly layer: string;
  /** The classes explained. */
  readonly labels: Int32Array;
  /** One for each image, of the layer's height and width; 0 where nothing speaks for the class. */
  readonly maps: readonly AttributionMap[];
}

/** Throws unless a class is one. */
function checkLabel(label: number, classes: number, owner: string): void {
  if (Number.isInteger(label) && label >= 0 && label < classes) return;
  throw new OptionError("label", `${owner}: a class must be from 0 to ${classes - 1}, got ${label}`);
}

function classCount(model: AnyModel, owner: string): number {
  const [classes, ...more] = model.outputShape;
  if (more.length > 0) {
    const shape = `[${model.outputShape.join(", ")}]`;
    throw new ShapeError("model", `${owner}: the model must end in [classes], got ${shape}`);
  }
  return classes!;
}

/** The position of the largest of some values, the first of equals. */
function largest(values: Float32Array): number {
  return values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
}

/**
 * Grad-CAM (Selvaraju et al., ICCV 2017): each map of a layer is weighted by the mean over its pixels of the gradient of the
 * class's score, and what is positive of the sum is kept. The score is what a softmax at the end reads.
 * @param images [n, height, width, channels]
 * @throws OptionError for an unknown layer or class, ShapeError for a layer without height and width
 * @example
 * ```ts
 * const { maps } = await gradCam(model, images);
 * ```
 */
export async function gradCam(model: AnyModel, images: Images, options: GradCamOptions = {}): Promise<GradCam> {
  const [count] = checkImageBatch(images, "gradCam");
  const classes = classCount(model, "gradCam");
  const layer = options.layer ?? lastMapLayer(model, "gradCam");
  const { batchSize = 32, signal } = options;
  const call = { batchSize, ...(signal === undefined ? {} : { signal }) };
  const of = scoreLayer(model);
  const labels = await labelsOf();
  const seed = new Float32Array(count * classes);
  labels.forEach((label, row) => (seed[row * classes + label] = 1));
  const request = { of, seed: { shape: [count, classes], data: seed }, wrt: [layer], ...call };
  const { activation, gradient } = (await model.gradients(images, request)).layers.get(layer)!;
  if (activation.shape.length !== 4) {
    const shape = activation.shape.slice(1).join(", ");
    throw new ShapeError("layer", `gradCam: the layer must give [height, width, channels], ${layer} gives [${shape}]`);
  }
  return { layer, labels, maps: Array.from({ length: count }, (_, row) => camOf(activation, gradient, row)) };

  async function labelsOf(): Promise<Int32Array> {
    if (options.labels === undefined) {
      const scores = (await model.activations(images, { layers: [of], ...call })).get(of)!.data;
      return Int32Array.from({ length: count }, (_, row) =>
        largest(scores.subarray(row * classes, (row + 1) * classes)),
      );
    }
    if (options.labels.length !== count) {
      throw new OptionError("labels", `gradCam: needs one class per image, got ${options.labels.length} for ${count}`);
    }
    const given = Array.from(options.labels);
    for (const label of given) checkLabel(label, classes, "gradCam");
    return Int32Array.from(given);
  }
}

/** relu(sum over channels of mean(gradient) * activation), summed in float64. */
function camOf(
  activation: Tensor<Shape, Float32Array>,
  gradient: Tensor<Shape, Float32Array>,
  row: number,
): AttributionMap {
  const [, height, width, channels] = activation.shape as readonly [number, number, number, number];
  const pixels = height * width;
  const first = row * pixels * channels;
  const weights = new Float64Array(channels);
  for (let i = 0; i < pixels * channels; i++) weights[i % channels]! += gradient.data[first + i]! / pixels;
  const data = Float32Array.from({ length: pixels }, (_, pixel) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[c]! * activation.data[first + pixel * channels + c]!;
    return Math.max(0, sum);
  });
  return { shape: [height, width], data };
}

export interface OcclusionOptions {
  /** Which of the images. Default 0. */
  readonly index?: number;
  /** The class whose output is watched. Default: the model's answer. */
  readonly label?: number;
  /** The side of the square that covers. Default: a quarter of the image's shorter side. */
  readonly size?: number;
  /** How far it moves. Default: half its side. */
  readonly stride?: number;
  /** What it covers with. Default: the image's mean, channel by channel. */
  readonly fill?: number;
  /** Covered images in one run. Default 32. */
  readonly batchSize?: number;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface Occlusion {
  readonly label: number;
  /** The model's output for the class with nothing covered. */
  readonly score: number;
  /** [height, width] of the image: by how much the output falls where this pixel is covered, the mean over all squares on it. */
  readonly map: AttributionMap;
}

/** Where the squares begin along an axis: every `stride`, and once flush with the end. */
function startsAlong(length: number, size: number, stride: number): number[] {
  const starts: number[] = [];
  for (let start = 0; start + size < length; start += stride) starts.push(start);
  return [...starts, length - size];
}

/**
 * Covers one part of an image after the other and watches the class's output (Zeiler and Fergus, ECCV 2014).
 * @param images [n, height, width, channels], of which one is looked at
 * @throws OptionError for a size, stride, index or class that the image or the model does not have
 * @example
 * ```ts
 * const { map } = await occlusion(model, images, { index: 3, size: 2, stride: 1 });
 * ```
 */
export async function occlusion(model: AnyModel, images: Images, options: OcclusionOptions = {}): Promise<Occlusion> {
  const [count, height, width, channels] = checkImageBatch(images, "occlusion");
  const { index = 0, batchSize = 32, signal, onProgress } = options;
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new OptionError("index", `occlusion: index must be from 0 to ${count - 1}, got ${index}`);
  }
  const shorter = Math.min(height, width);
  const size = options.size ?? Math.max(1, Math.round(shorter / 4));
  const stride = options.stride ?? Math.max(1, Math.floor(size / 2));
  checkWhole("size", size, shorter);
  checkWhole("stride", stride, size);
  checkWhole("batchSize", batchSize, Number.MAX_SAFE_INTEGER);
  const classes = classCount(model, "occlusion");
  const call = { batchSize, ...(signal === undefined ? {} : { signal }) };

  const image = oneImage(images, index);
  const plain = (await model.predict(image, call)).data;
  const label = options.label ?? largest(plain);
  checkLabel(label, classes, "occlusion");
  const score = plain[label]!;

  const covers = fillOf(image, options.fill);
  const squares = startsAlong(height, size, stride).flatMap((top) =>
    startsAlong(width, size, stride).map((left) => ({ top, left })),
  );
  const falls = new Float64Array(height * width);
  const times = new Uint32Array(height * width);
  const each = elementCount([height, width, channels]);
  for (let start = 0; start < squares.length; start += batchSize) {
    const part = squares.slice(start, start + batchSize);
    const data = new (image.data.constructor as new (length: number) => Images["data"])(part.length * each);
    part.forEach(({ top, left }, row) => {
      data.set(image.data, row * each);
      for (let y = top; y < top + size; y++) data.set(covers, row * each + (y * width + left) * channels);
    });
    const { data: outputs } = await model.predict({ shape: [part.length, height, width, channels], data }, call);
    part.forEach(({ top, left }, row) => {
      const fall = score - outputs[row * classes + label]!;
      for (let y = top; y < top + size; y++) {
        for (let x = left; x < left + size; x++) {
          falls[y * width + x]! += fall;
          times[y * width + x]!++;
        }
      }
    });
    onProgress?.({ done: start + part.length, total: squares.length });
  }
  const data = Float32Array.from(falls, (fall, i) => fall / times[i]!);
  return { label, score, map: { shape: [height, width], data } };

  /** One row of the square. */
  function fillOf(source: Images, fill: number | undefined): number[] {
    const means = new Array<number>(channels).fill(fill ?? 0);
    if (fill === undefined) {
      source.data.forEach((value, i) => (means[i % channels]! += value / (height * width)));
    }
    return Array.from({ length: size * channels }, (_, i) => means[i % channels]!);
  }
}

function checkWhole(option: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  const range = most === Number.MAX_SAFE_INTEGER ? "a whole number of at least 1" : `a whole number from 1 to ${most}`;
  throw new OptionError(option, `occlusion: ${option} must be ${range}, got ${value}`);
}
