/**
 * Image files as bytes on the disk, rows one after the other: what bands are read from and written to without ever holding the
 * image. PNG, JPEG and WebP go through sharp, an optional peer, by way of temporary files: it streams where files are on both
 * sides, and nowhere else. Decoded bytes come in libvips's own format and go to the encoder in TIFF, a header and the bytes.
 */
import { randomBytes } from "node:crypto";
import { open, readFile, rm, stat, type FileHandle } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import type sharpModule from "sharp";
import { OptionError, reasonOf, StriateError } from "../errors.js";
import { FormatError } from "../io/errors.js";
import { isPositive, showValue } from "../shape/values.js";
import type { ImageSize } from "./options.js";

/** Sizes of a file without a header: bytes, channels side by side, rows from the top. */
export interface RawSize {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

const rawExtensions = [".raw", ".rgb", ".rgba", ".gray", ".bin"];
const encodedExtensions = [".png", ".jpg", ".jpeg", ".webp"];

/** Whether a path names raw bytes, or a format that sharp reads and writes. */
export function isRaw(path: string): boolean {
  const extension = extname(path).toLowerCase();
  if (rawExtensions.includes(extension)) return true;
  if (encodedExtensions.includes(extension)) return false;
  const known = [...encodedExtensions, ...rawExtensions].join(", ");
  throw new OptionError("path", `${path}: the name must end in one of ${known}, got ${showValue(extension)}`);
}

/** A file beside `path` that does not exist yet. */
export function temporaryBeside(path: string, extension = "tmp"): string {
  return join(dirname(path), `.${basename(path)}.${process.pid}.${randomBytes(6).toString("hex")}.${extension}`);
}

/** @throws StriateError ERR_STRIATE_PEER where sharp is not installed */
export async function loadSharp(path: string): Promise<typeof sharpModule> {
  try {
    const { default: sharp } = await import("sharp");
    return sharp;
  } catch (cause) {
    const message = `${path}: PNG, JPEG and WebP need the package sharp: run npm install sharp`;
    throw new StriateError("ERR_STRIATE_PEER", message, { cause });
  }
}

/** An open file of raw rows. */
export class RowFile {
  private constructor(
    private readonly handle: FileHandle,
    private readonly start: number,
    readonly size: ImageSize,
  ) {}

  /** @throws FormatError where the file is not as long as the sizes say */
  static async openRaw(path: string, raw: RawSize | undefined): Promise<RowFile> {
    const { width, height, channels } = raw ?? ({} as Partial<RawSize>);
    if (!isPositive(width) || !isPositive(height) || !isPositive(channels)) {
      throw new OptionError(
        "raw",
        `${path}: a file of raw bytes needs raw: { width, height, channels }, got ${showValue(width)}, ${showValue(height)} and ${showValue(channels)}`,
      );
    }
    const { size } = await stat(path);
    if (size !== width * height * channels) {
      throw new FormatError(
        `${path}: ${width}x${height} pixels of ${channels} channels are ${width * height * channels} bytes, the file has ${size}`,
      );
    }
    return new RowFile(await open(path, "r"), 0, { width, height, channels, bytes: true });
  }

  /** A file of libvips: 64 bytes of header, then the rows. */
  static async openVips(path: string): Promise<RowFile> {
    const handle = await open(path, "r");
    const header = Buffer.alloc(vipsHeaderBytes);
    await handle.read(header, 0, vipsHeaderBytes, 0);
    const [width, height, channels] = [4, 8, 12].map((at) => header.readInt32LE(at)) as [number, number, number];
    // The format of its bands: unsigned bytes.
    if (header.readUInt32BE(0) !== vipsMagic || header.readInt32LE(20) !== 0) {
      await handle.close();
      throw new FormatError(`${path}: sharp did not decode to bytes on this machine`);
    }
    return new RowFile(handle, vipsHeaderBytes, { width, height, channels, bytes: true });
  }

  /** Rows [first, first + rows) into the beginning of `into`. */
  async read(first: number, rows: number, into: Uint8Array): Promise<void> {
    const length = this.size.width * this.size.channels;
    await readFully(this.handle, into.subarray(0, rows * length), this.start + first * length);
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}

const mostBytesAtOnce = 2 ** 30;

async function readFully(handle: FileHandle, into: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < into.length;) {
    const { bytesRead } = await handle.read(into, done, Math.min(mostBytesAtOnce, into.length - done), position + done);
    if (bytesRead === 0) throw new FormatError(`the file ended ${into.length - done} bytes early`);
    done += bytesRead;
  }
}

const vipsHeaderBytes = 64;
const vipsMagic = 0xb6a6f208;
/** Decodes into a temporary file: upright, 8 bits, sRGB or grey. */
export async function decodeToVips(path: string, target: string): Promise<void> {
  const sharp = await loadSharp(path);
  try {
    // By its name libvips would know a WebP file again, and give the picture that was in it before.
    const source = extname(path).toLowerCase() === ".webp" ? await readFile(path) : path;
    const image = sharp(source, { limitInputPixels: false, sequentialRead: true });
    const { space, orientation, hasAlpha } = await image.metadata();
    const grey = !hasAlpha && (space === "b-w" || space === "grey16");
    // Turning takes the whole image: only where the camera was held that way.
    const upright = (orientation ?? 1) === 1 ? image : image.autoOrient();
    await upright.toColourspace(grey ? "b-w" : "srgb").toFile(target);
  } catch (cause) {
    throw new StriateError("ERR_STRIATE_DATA", `${path}: cannot be read as an image: ${reasonOf(cause)}`, { cause });
  }
}

/** Encodes a TIFF file by the extension of `path`, into `target`. */
export async function encodeTiff(source: string, target: string, path: string, channels: number): Promise<void> {
  const sharp = await loadSharp(path);
  const image = sharp(source, { limitInputPixels: false, sequentialRead: true });
  // Grey with alpha is written as colours with alpha: sharp would drop it.
  if (channels === 1) image.toColourspace("b-w");
  const extension = extname(path).toLowerCase();
  const encoded =
    extension === ".png"
      ? image.png()
      : extension === ".webp"
        ? image.webp({ quality: 95 })
        : // Optimal codes would take all coefficients in memory at once.
          image.jpeg({ quality: 95, optimiseCoding: false });
  await encoded.toFile(target);
}

/** Removes what a run may have left. */
export async function removeFiles(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map((path) => rm(path, { force: true })));
}
