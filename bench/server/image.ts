/** Image files from strangers: refused by their first bytes and header, before anything of their size is allocated. */
import sharp from "sharp";

export interface ImageLimits {
  /** Of the file. */
  readonly bytes: number;
  /** Width times height, as the header tells. */
  readonly pixels: number;
}

export const defaultLimits: ImageLimits = { bytes: 4 * 2 ** 20, pixels: 16e6 };

/** An image that is not accepted; `statusCode` is the answer's. */
export class ImageError extends Error {
  constructor(
    readonly statusCode: 400 | 413 | 415,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

// One thread for each image: a server decodes several side by side. libvips's cache of operations has nothing to find.
sharp.concurrency(1);
sharp.cache(false);

const signatures = {
  jpeg: Buffer.from([0xff, 0xd8, 0xff]),
  png: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
};

/**
 * @param shape [height, width, channels] of the result; one channel is grey, three are red, green, blue
 * @returns bytes, upright, stretched to the shape, on white where the image is transparent
 * @throws ImageError for what is no JPEG or PNG, has more pixels than `limits` allows, or is damaged
 */
export async function decodeImage(file: Buffer, shape: readonly number[], limits: ImageLimits): Promise<Uint8Array> {
  const [height, width, channels] = shape as readonly [number, number, number];
  // Before libvips looks at it: it would also try SVG, PDF, TIFF and a dozen more.
  const known = Object.values(signatures).some((signature) => file.subarray(0, signature.length).equals(signature));
  if (!known) throw new ImageError(415, "image: must be a JPEG or PNG file, its first bytes are of neither");
  try {
    // The limit is checked against the header, before any pixel is decoded.
    return await sharp(file, { limitInputPixels: limits.pixels, failOn: "error" })
      .timeout({ seconds: 5 })
      .autoOrient()
      .resize(width, height, { fit: "fill" })
      .flatten({ background: "white" })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw()
      .toBuffer();
  } catch (cause) {
    const reason = firstLine(cause);
    if (reason === "Input image exceeds pixel limit") {
      throw new ImageError(413, `image: must have at most ${limits.pixels} pixels`, { cause });
    }
    throw new ImageError(400, `image: cannot be decoded: ${reason}`, { cause });
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]!;
}
