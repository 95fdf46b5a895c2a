/**
 * The least of TIFF: a header for bytes that follow as they are. sharp reads such a file strip by strip, where it would map one
 * of libvips's own into memory as a whole.
 */
import { OptionError } from "../errors.js";

/** Bytes of a strip, which is what is read at once. */
const stripBytes = 2 ** 20;
/** Offsets have 32 bits. */
const mostBytes = 2 ** 32;

const short = 3;
const long = 4;

/**
 * @param channels 1 to 4: grey, grey and alpha, RGB, RGBA
 * @returns what comes before the first row
 * @throws OptionError where an image is too large for the format, or of more channels
 */
export function tiffHeader(width: number, height: number, channels: number): Uint8Array {
  const rowBytes = width * channels;
  const rowsPerStrip = Math.max(1, Math.floor(stripBytes / rowBytes));
  const strips = Math.ceil(height / rowsPerStrip);
  const grey = channels < 3;
  const hasAlpha = channels === 2 || channels === 4;
  const entries = hasAlpha ? 11 : 10;
  const tables = 8 + 2 + 12 * entries + 4;
  const start = tables + 8 * strips + 2 * channels;
  if (channels > 4 || start + rowBytes * height > mostBytes) {
    throw new OptionError(
      "target",
      `filterFile: ${width}x${height} pixels of ${channels} channels fit no PNG, JPEG or WebP by way of TIFF (4 GB, 4 channels); write raw bytes`,
    );
  }
  const header = Buffer.alloc(start);
  header.write("II*\0", "latin1");
  header.writeUInt32LE(8, 4);
  header.writeUInt16LE(entries, 8);
  let at = 10;
  const entry = (tag: number, type: number, count: number, value: number): void => {
    header.writeUInt16LE(tag, at);
    header.writeUInt16LE(type, at + 2);
    header.writeUInt32LE(count, at + 4);
    header.writeUInt32LE(value, at + 8);
    at += 12;
  };
  const offsets = tables;
  const counts = offsets + 4 * strips;
  const bits = counts + 4 * strips;
  const [first, last] = [start, rowBytes * (height - (strips - 1) * rowsPerStrip)];
  entry(256, long, 1, width);
  entry(257, long, 1, height);
  // Values of up to 4 bytes stand in the entry itself.
  entry(258, short, channels, channels > 2 ? bits : channels === 2 ? 0x00080008 : 8);
  entry(259, short, 1, 1); // not compressed
  entry(262, short, 1, grey ? 1 : 2);
  entry(273, long, strips, strips === 1 ? first : offsets);
  entry(277, short, 1, channels);
  entry(278, long, 1, rowsPerStrip);
  entry(279, long, strips, strips === 1 ? last : counts);
  entry(284, short, 1, 1); // channels side by side
  if (hasAlpha) entry(338, short, 1, 2); // alpha that the colours are not multiplied by
  for (let strip = 0; strip < strips; strip++) {
    header.writeUInt32LE(start + strip * rowsPerStrip * rowBytes, offsets + 4 * strip);
    header.writeUInt32LE(strip === strips - 1 ? last : rowsPerStrip * rowBytes, counts + 4 * strip);
  }
  for (let channel = 0; channel < channels; channel++) header.writeUInt16LE(8, bits + 2 * channel);
  return header;
}
