/** Images from file to file, in bands: memory does not grow with the image. */
import { open, rename, type FileHandle } from "node:fs/promises";
import { OptionError } from "../errors.js";
import { BandFilter, bandsOf } from "./bands.js";
import { decodeToVips, encodeTiff, isRaw, removeFiles, RowFile, temporaryBeside, type RawSize } from "./imageFile.js";
import { tiffHeader } from "./tiffHeader.js";
import { planFilter, type FilterOptions, type FilterPlan } from "./options.js";
import type { KernelInput } from "./weights.js";

export interface FilterFileOptions extends FilterOptions {
  /** Sizes of the source where it is raw bytes (.raw, .rgb, .rgba, .gray, .bin). */
  readonly raw?: RawSize | undefined;
  /** Stops between bands, leaving nothing behind; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each band with the rows that are done, and all there are. */
  readonly onProgress?: ((rows: number, total: number) => void) | undefined;
}

/** What was written. */
export interface FilteredFile {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
}

/** Bytes of a band, the rows that neighbours share aside. */
const bandElements = 2 ** 23;

/**
 * Filters a file into another; the source may be the target. Formats go by the names: .png, .jpg, .jpeg and .webp need the
 * package sharp, raw bytes nothing. The target appears when it is whole.
 *
 * Bands of rows go through memory, a few tens of MB however large the image is; photographs are decoded to a temporary file
 * beside the target and encoded from one, of 1 byte a channel and pixel. WebP's encoder alone holds its image as a whole.
 *
 * @param options depth is "u8" by default; "float" (little-endian float32) is for raw targets
 * @throws OptionError, ShapeError where kernel and options do not fit the image; StriateError where a file cannot be read
 * @example
 * ```ts
 * await filterFile("photo.jpg", "edges.png", "edge", { onProgress: (rows, total) => console.log(rows / total) });
 * ```
 */
export async function filterFile(
  source: string,
  target: string,
  kernel: KernelInput,
  options: FilterFileOptions = {},
): Promise<FilteredFile> {
  const { signal, raw, depth = "u8" } = options;
  signal?.throwIfAborted();
  const [sourceIsRaw, targetIsRaw] = [isRaw(source), isRaw(target)];
  if (depth === "float" && !targetIsRaw) {
    throw new OptionError("depth", `filterFile: depth 'float' is for raw targets; ${target} holds bytes`);
  }
  const decoded = temporaryBeside(target, "v");
  const filtered = temporaryBeside(target);
  const encoded = temporaryBeside(target);
  try {
    if (!sourceIsRaw) await decodeToVips(source, decoded);
    const input = sourceIsRaw ? await RowFile.openRaw(source, raw) : await RowFile.openVips(decoded);
    let plan: FilterPlan;
    try {
      plan = planFilter("filterFile", input.size, kernel, { ...options, depth });
      await filterRows(input, plan, filtered, !targetIsRaw, options);
    } finally {
      await input.close();
    }
    await removeFiles([decoded]);
    signal?.throwIfAborted();
    if (!targetIsRaw) await encodeTiff(filtered, encoded, target, plan.channels);
    await rename(targetIsRaw ? filtered : encoded, target);
    return { width: plan.outWidth, height: plan.outHeight, channels: plan.channels };
  } finally {
    await removeFiles([decoded, filtered, encoded]);
  }
}

async function filterRows(
  input: RowFile,
  plan: FilterPlan,
  path: string,
  withHeader: boolean,
  { signal, onProgress }: FilterFileOptions,
): Promise<void> {
  const { outHeight, outWidth, channels, depth } = plan;
  const bands = bandsOf(plan, bandElements);
  const { rows } = bands[0]!;
  const filter = new BandFilter(plan, rows);
  const lines = new SourceLines(input, filter);
  const rowElements = outWidth * channels;
  const result = depth === "u8" ? new Uint8Array(rows * rowElements) : new Float32Array(rows * rowElements);
  const bytes = new Uint8Array(result.buffer);
  const rowBytes = rowElements * result.BYTES_PER_ELEMENT;
  const output = await open(path, "wx");
  try {
    if (withHeader) await writeFully(output, tiffHeader(outWidth, outHeight, channels));
    let written = 0;
    for (const { first } of bands) {
      signal?.throwIfAborted();
      await lines.load(first);
      await filter.runAsync(first, (row) => lines.at(row), result, undefined, signal);
      // The last band begins in rows that the one before it has made already.
      await writeFully(output, bytes.subarray((written - first) * rowBytes));
      written = first + rows;
      onProgress?.(written, outHeight);
    }
    await output.sync();
  } finally {
    await output.close();
  }
}

async function writeFully(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done);
    done += bytesWritten;
  }
}

/** The rows of the source that a band reads: those it lies in as a block, those a border brings from elsewhere one by one. */
class SourceLines {
  private block = new Uint8Array(0);
  private first = 0;
  private count = 0;
  private readonly others = new Map<number, Uint8Array>();

  constructor(
    private readonly input: RowFile,
    private readonly filter: BandFilter,
  ) {}

  async load(firstResult: number): Promise<void> {
    const { width, channels, height } = this.input.size;
    const length = width * channels;
    const wanted = this.filter.sourceRows(firstResult);
    // Alpha is taken from rows of the results' own numbers, which the kernel's middle reads as well.
    const middle = Math.min(firstResult, height - 1);
    let [begin, end] = [middle, middle + 1];
    for (const row of wanted) {
      if (row < 0 || Math.abs(row - middle) > wanted.length) continue;
      begin = Math.min(begin, row);
      end = Math.max(end, row + 1);
    }
    this.first = begin;
    this.count = end - begin;
    if (this.block.length < this.count * length) this.block = new Uint8Array(this.count * length);
    await this.input.read(this.first, this.count, this.block);
    this.others.clear();
    for (const row of wanted) {
      if (row < 0 || (row >= this.first && row < this.first + this.count) || this.others.has(row)) continue;
      const line = new Uint8Array(length);
      await this.input.read(row, 1, line);
      this.others.set(row, line);
    }
  }

  at(row: number): Uint8Array {
    const length = this.input.size.width * this.input.size.channels;
    const at = row - this.first;
    if (at >= 0 && at < this.count) return this.block.subarray(at * length, (at + 1) * length);
    return this.others.get(row)!;
  }
}
