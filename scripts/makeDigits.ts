/**
 * Makes data/digits.bin.gz from scikit-learn's digits.csv.gz:
 *
 *     apt-get download python3-sklearn && dpkg-deb -x python3-sklearn_*.deb sklearn
 *     npx tsx scripts/makeDigits.ts sklearn/usr/lib/python3/dist-packages/sklearn/datasets/data/digits.csv.gz
 *
 * Format: gzip of 1797 labels (one byte each, 0 to 9), then 1797 images of 8 x 8 bytes (0 to 16), row by row.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";

const [source] = process.argv.slice(2);
if (source === undefined) throw new Error("makeDigits: expects the path of digits.csv.gz");

const rows = gunzipSync(readFileSync(source))
  .toString("ascii")
  .trim()
  .split("\n")
  .map((line) => line.split(",").map(Number));
if (rows.length !== 1797) throw new Error(`makeDigits: expects 1797 lines, got ${rows.length}`);

const bytes = new Uint8Array(rows.length * 65);
rows.forEach((row, index) => {
  const pixels = row.slice(0, 64);
  const label = row[64];
  const legal = (value: number, most: number) => Number.isInteger(value) && value >= 0 && value <= most;
  if (row.length !== 65 || label === undefined || !legal(label, 9) || !pixels.every((pixel) => legal(pixel, 16))) {
    throw new Error(`makeDigits: line ${index + 1} is not 64 pixels from 0 to 16 and a label`);
  }
  bytes[index] = label;
  bytes.set(pixels, rows.length + index * 64);
});

const target = new URL("../data/digits.bin.gz", import.meta.url);
const packed = gzipSync(bytes, { level: 9 });
// The operating system's number in the header: 255 is "unknown", so that every machine makes the same file.
packed[9] = 255;
writeFileSync(target, packed);
console.log(`${target.pathname}: ${packed.length} bytes`);
