/** Small pictures of pixels, as PNG. */
import { encode } from "fast-png";
import { elementCount, type Tensor } from "../data/tensor.js";
import { OptionError, ShapeError } from "../errors.js";
import { extentOf, toByte, type ColorScale } from "./color.js";
import type { Images } from "./model.js";

/** Pixels row by row, 3 bytes each, or 4 with alpha. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly channels: 3 | 4;
  readonly data: Uint8Array;
}

/** The bytes of a PNG file. */
export function encodePng(raster: Raster): Uint8Array {
  return encode({ ...raster, depth: 8 });
}

/** A PNG file inside of a page or an SVG. */
export function pngUri(raster: Raster): string {
  return `data:image/png;base64,${Buffer.from(encodePng(raster)).toString("base64")}`;
}

/**
 * Values as colours.
 * @param values height x width of them, row by row
 * @example
 * ```ts
 * colored([-1, 0, 1, -2, 0, 2, -1, 0, 1], 3, 3, divergingScale(2)); // Sobel's filter from blue to red
 * ```
 */
export function colored(values: ArrayLike<number>, height: number, width: number, scale: ColorScale): Raster {
  const data = new Uint8Array(3 * height * width);
  for (let i = 0; i < height * width; i++) data.set(scale.color(values[i]!), 3 * i);
  return { width, height, channels: 3, data };
}

/** Between pictures of a montage: a grey that no scale of colours has. */
const seam: readonly number[] = [140, 149, 159];

/**
 * Pictures of one size side by side, `columns` in a row, with a grey pixel between them. Places left over are transparent.
 * @param patches at least one
 */
export function montage(patches: readonly Raster[], columns: number): Raster {
  const { width, height } = patches[0]!;
  const across = Math.min(columns, patches.length);
  const down = Math.ceil(patches.length / columns);
  const total = { width: across * (width + 1) - 1, height: down * (height + 1) - 1 };
  const data = new Uint8Array(4 * total.width * total.height);
  const fill = (left: number, top: number, width: number, height: number): void => {
    for (let y = top; y < Math.min(total.height, top + height); y++) {
      for (let x = left; x < Math.min(total.width, left + width); x++)
        data.set([...seam, 255], 4 * (y * total.width + x));
    }
  };
  patches.forEach((patch, i) => {
    const left = (i % columns) * (width + 1);
    const top = Math.floor(i / columns) * (height + 1);
    fill(left, top, width + 1, height + 1);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = patch.channels * (y * width + x);
        const to = 4 * ((top + y) * total.width + left + x);
        data.set(patch.data.subarray(from, from + 3), to);
        data[to + 3] = patch.channels === 4 ? patch.data[from + 3]! : 255;
      }
    }
  });
  return { ...total, channels: 4, data };
}

/** Checks that images are [n, height, width, channels] and holds them whole. */
export function checkImageBatch(images: Images, owner: string): readonly [number, number, number, number] {
  const { shape, data } = images;
  if (shape.length !== 4 || shape.some((size) => !Number.isSafeInteger(size) || size < 1)) {
    throw new ShapeError("images", `${owner}: images must be [n, height, width, channels], got [${shape.join(", ")}]`);
  }
  if (elementCount(shape) !== data.length) {
    const need = `[${shape.join(", ")}] needs ${elementCount(shape)} elements`;
    throw new ShapeError("images", `${owner}: images of shape ${need}, got ${data.length}`);
  }
  return shape as readonly [number, number, number, number];
}

/** What is black and what is white in images: bytes 0 and 255, floats in 0..1 these, others their least and greatest value. */
export function pixelRange({ data }: Images): readonly [number, number] {
  if (data instanceof Uint8Array) return [0, 255];
  const [low, high] = extentOf(data);
  return low >= 0 && high <= 1 ? [0, 1] : [low, high];
}

/**
 * One image of a batch as pixels: one channel is grey, three are red, green and blue, of others the mean is shown.
 * @param range values of black and white; default `pixelRange` of all images
 * @throws OptionError where there is no such image
 */
export function imageRaster(images: Images, index: number, range = pixelRange(images)): Raster {
  const [count, height, width, channels] = checkImageBatch(images, "imageRaster");
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new OptionError("index", `imageRaster: index must be from 0 to ${count - 1}, got ${index}`);
  }
  const data = new Uint8Array(3 * height * width);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const from = (index * height * width + pixel) * channels;
    if (channels === 3) {
      for (let c = 0; c < 3; c++) data[3 * pixel + c] = toByte(images.data[from + c]!, ...range);
    } else {
      let sum = 0;
      for (let c = 0; c < channels; c++) sum += images.data[from + c]!;
      data.fill(toByte(sum / channels, ...range), 3 * pixel, 3 * pixel + 3);
    }
  }
  return { width, height, channels: 3, data };
}

/** One image of a batch, as a batch of its own. */
export function oneImage({ shape: [, ...shape], data }: Images, index: number): Images {
  const size = elementCount(shape);
  return { shape: [1, ...shape], data: data.subarray(index * size, (index + 1) * size) };
}

/** Some images of a batch, copied, in the order of `indices`. */
export function someImages({ shape: [, ...shape], data }: Images, indices: readonly number[]): Images {
  const size = elementCount(shape);
  const picked = new (data.constructor as new (length: number) => Images["data"])(indices.length * size);
  indices.forEach((index, i) => picked.set(data.subarray(index * size, (index + 1) * size), i * size));
  return { shape: [indices.length, ...shape], data: picked };
}

/** A map brought to another size, linearly between the centres of its pixels. */
export function resample(map: Tensor, height: number, width: number): Float32Array {
  const [fromHeight, fromWidth] = map.shape as readonly [number, number];
  const result = new Float32Array(height * width);
  const locate = (position: number, size: number, from: number): [number, number, number] => {
    const place = Math.min(from - 1, Math.max(0, ((position + 0.5) * from) / size - 0.5));
    const first = Math.floor(place);
    return [first, Math.min(from - 1, first + 1), place - first];
  };
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = locate(y, height, fromHeight);
    for (let x = 0; x < width; x++) {
      const [left, right, along] = locate(x, width, fromWidth);
      const value = (row: number, column: number): number => map.data[row * fromWidth + column]!;
      const upper = value(top, left) * (1 - along) + value(top, right) * along;
      const lower = value(bottom, left) * (1 - along) + value(bottom, right) * along;
      result[y * width + x] = upper * (1 - down) + lower * down;
    }
  }
  return result;
}
