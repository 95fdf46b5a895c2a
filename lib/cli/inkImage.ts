/** Pictures from files made into what a net for digits was trained on: ink on nothing, as large as the image allows, in its middle. */
import type { Tensor } from "../data/tensor.js";
import { reasonOf, StriateError } from "../errors.js";

/** A grey picture: row by row, 0 black to 255 white. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint8Array;
}

/** Less ink than this is paper: noise of scanners and the blocks of JPEG. */
const threshold = 0.2;

/** Ink from 0 to 1. A picture whose border is bright is dark on light and is turned round. */
function inkOf(image: GreyImage): Float32Array {
  const { width, height, pixels } = image;
  let border = 0;
  let count = 0;
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      if (y > 0 && y < height - 1 && x > 0 && x < width - 1) continue;
      border += pixels[y * width + x]!;
      count += 1;
    }
  }
  const darkOnLight = border / count > 127.5;
  return Float32Array.from(pixels, (grey) => (darkOnLight ? 255 - grey : grey) / 255);
}

/** Where there is ink: the first row and column, and those behind the last. */
interface Box {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

function inkBox(ink: ArrayLike<number>, height: number, width: number): Box | undefined {
  let [top, bottom, left, right] = [height, 0, width, 0];
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      if (ink[y * width + x]! <= threshold) continue;
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
    }
  }
  return bottom === 0 ? undefined : { top, bottom, left, right };
}

/**
 * Cuts the paper off around the ink, scales what is left to fit into `height` x `width` with its proportions kept, and centres it. Each
 * pixel is the mean over the area it covers, as in the making of the UCI digits.
 *
 * @param share of height or width that the ink takes at most: 1 for the UCI digits, 20/28 for MNIST
 * @throws StriateError for a picture without ink
 */
export function fitInk(image: GreyImage, height: number, width: number, share = 1): Float32Array {
  const ink = inkOf(image);
  const box = inkBox(ink, image.height, image.width);
  if (box === undefined) throw new StriateError("ERR_STRIATE_DATA", "the picture is blank: no ink on it");
  const pixel = Math.max((box.bottom - box.top) / height, (box.right - box.left) / width) / share;
  const startY = (box.top + box.bottom - pixel * height) / 2;
  const startX = (box.left + box.right - pixel * width) / 2;
  const fitted = new Float32Array(height * width);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      fitted[y * width + x] = meanOver(ink, image, startY + y * pixel, startX + x * pixel, pixel);
    }
  }
  return fitted;
}

/**
 * How much of height or width the ink takes in a data set's images: the median over the first thousand. Pictures are then made alike.
 *
 * @param images [count, height, width, 1], 0 paper
 * @param full the value of full ink
 */
export function typicalInkShare(images: Tensor<readonly [number, number, number, number]>, full: number): number {
  const [count, height, width] = images.shape;
  const shares: number[] = [];
  for (let i = 0; i < Math.min(count, 1000); ++i) {
    const pixels = images.data.subarray(i * height * width, (i + 1) * height * width);
    const box = inkBox(
      Float32Array.from(pixels, (value) => value / full),
      height,
      width,
    );
    if (box !== undefined) shares.push(Math.max((box.bottom - box.top) / height, (box.right - box.left) / width));
  }
  return shares.sort((a, b) => a - b)[shares.length >> 1] ?? 1;
}

/** The mean over a square with its corner at (y, x), which may lie across pixels and reach outside; there is no ink there. */
function meanOver(ink: Float32Array, image: GreyImage, y: number, x: number, side: number): number {
  let sum = 0;
  for (let row = Math.max(0, Math.floor(y)); row < Math.min(image.height, Math.ceil(y + side)); ++row) {
    const rowShare = Math.min(row + 1, y + side) - Math.max(row, y);
    for (let column = Math.max(0, Math.floor(x)); column < Math.min(image.width, Math.ceil(x + side)); ++column) {
      const columnShare = Math.min(column + 1, x + side) - Math.max(column, x);
      sum += ink[row * image.width + column]! * rowShare * columnShare;
    }
  }
  return sum / (side * side);
}

/**
 * Decodes a file with sharp, which is an optional peer: striate has no decoders of its own yet.
 *
 * @param source a path, or the bytes of a file
 * @param name begins the sentence of an error
 */
export async function readGreyImage(source: string | Uint8Array, name = String(source)): Promise<GreyImage> {
  let sharp;
  try {
    ({ default: sharp } = await import("sharp"));
  } catch (cause) {
    const message = `${name}: reading image files needs the package sharp: run npm install sharp`;
    throw new StriateError("ERR_STRIATE_PEER", message, { cause });
  }
  try {
    const { data, info } = await sharp(source)
      .rotate()
      .flatten({ background: "white" })
      .resize({ width: 512, height: 512, fit: "inside", withoutEnlargement: true })
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: data };
  } catch (cause) {
    throw new StriateError("ERR_STRIATE_DATA", `${name}: cannot be read as an image: ${reasonOf(cause)}`, { cause });
  }
}
