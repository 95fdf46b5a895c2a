/** Pictures from files made into what a net for digits was trained on: ink on nothing, as large as the image allows, in its middle. */
import { StriateError } from "../errors.js";

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

/**
 * Cuts the paper off around the ink, scales what is left to fit into `height` x `width` with its proportions kept, and centres it. Each
 * pixel is the mean over the area it covers, as in the making of the UCI digits.
 *
 * @throws StriateError for a picture without ink
 */
export function fitInk(image: GreyImage, height: number, width: number): Float32Array {
  const ink = inkOf(image);
  let [top, bottom, left, right] = [image.height, -1, image.width, -1];
  for (let y = 0; y < image.height; ++y) {
    for (let x = 0; x < image.width; ++x) {
      if (ink[y * image.width + x]! <= threshold) continue;
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
      left = Math.min(left, x);
      right = Math.max(right, x);
    }
  }
  if (bottom < 0) throw new StriateError("ERR_STRIATE_DATA", "the picture is blank: no ink on it");
  const pixel = Math.max((bottom + 1 - top) / height, (right + 1 - left) / width);
  const startY = (top + bottom + 1 - pixel * height) / 2;
  const startX = (left + right + 1 - pixel * width) / 2;
  const fitted = new Float32Array(height * width);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      fitted[y * width + x] = meanOver(ink, image, startY + y * pixel, startX + x * pixel, pixel);
    }
  }
  return fitted;
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

/** Decodes a file with sharp, which is an optional peer: striate has no decoders of its own yet. */
export async function readGreyImage(path: string): Promise<GreyImage> {
  let sharp;
  try {
    ({ default: sharp } = await import("sharp"));
  } catch (cause) {
    const message = `${path}: reading image files needs the package sharp: run npm install sharp`;
    throw new StriateError("ERR_STRIATE_PEER", message, { cause });
  }
  try {
    const { data, info } = await sharp(path)
      .rotate()
      .flatten({ background: "white" })
      .resize({ width: 512, height: 512, fit: "inside", withoutEnlargement: true })
      .greyscale()
      .raw()
      .toBuffer({ resolveWithObject: true });
    return { width: info.width, height: info.height, pixels: data };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StriateError("ERR_STRIATE_DATA", `${path}: cannot be read as an image: ${reason}`, { cause });
  }
}
