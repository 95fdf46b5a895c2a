/** An image is filtered in bands of rows: a band with its borders is laid out in memory, and one run makes its results. */
import type { Executable, OutputArray } from "../backend/backend.js";
import { input } from "../graph/value.js";
import { allocated, newFloats } from "../memory.js";
import { filter2d } from "../ops/filter2d.js";
import { compiledFor } from "../run.js";
import { boundaryIndex, boundaryIndices, outside } from "../shape/boundary.js";
import type { FilterPlan } from "./options.js";

type Pixels = Uint8Array | Float32Array;

/** Rows of the result. */
export interface Band {
  readonly first: number;
  readonly rows: number;
}

/**
 * Elements of a band: a run of a millisecond, and what it reads is still in the caches when it is copied there. A kernel's
 * height of rows is laid out twice, so bands of tall kernels are higher.
 */
const bandElements = 2 ** 21;
const leastHeights = 8;

/** Bands of one height, so that one Program does for all; the last begins earlier where they do not fit exactly. */
export function bandsOf(plan: FilterPlan, elements = bandElements): Band[] {
  const { outHeight, kernelHeight, width, channels } = plan;
  const wanted = Math.max(1, Math.floor(elements / (width * channels)), leastHeights * (kernelHeight - 1));
  const count = Math.ceil(outHeight / wanted);
  const rows = Math.ceil(outHeight / count);
  return Array.from({ length: count }, (_, i) => ({ first: Math.min(i * rows, outHeight - rows), rows }));
}

/** Runs a plan's bands, all of the same number of rows. */
export class BandFilter {
  private readonly executable: Executable;
  private readonly before: Int32Array;
  private readonly after: Int32Array;
  /** With what the kernel reaches beyond the results. */
  private readonly paddedRows: number;
  private readonly paddedWidth: number;
  private padded: Pixels | undefined;

  constructor(
    private readonly plan: FilterPlan,
    readonly rows: number,
  ) {
    const { width, channels, boundary, anchor, kernelWidth, kernelHeight, bytes, operands, offset, depth } = plan;
    const left = boundary === "valid" ? 0 : anchor[1];
    const right = boundary === "valid" ? 0 : kernelWidth - 1 - left;
    const columns = boundary === "valid" ? new Int32Array(width) : boundaryIndices(boundary, width, left, right);
    this.before = columns.subarray(0, left);
    this.after = columns.subarray(left + width);
    this.paddedRows = rows + kernelHeight - 1;
    this.paddedWidth = left + width + right;
    const x = input("image", [1, this.paddedRows, this.paddedWidth, channels], { dtype: bytes ? "u8" : "f32" });
    const [kernel, factor] = operands.map(({ shape }, i) => input(`kernel ${i}`, shape));
    const y = filter2d(x, kernel!, { right: factor, offset, dtype: depth === "u8" ? "u8" : "f32" });
    this.executable = compiledFor(y);
  }

  /** Source rows that a band reads, in order; {@link outside} where there are only the plan's constants. */
  sourceRows(first: number): Int32Array {
    const { boundary, anchor, height } = this.plan;
    const top = boundary === "valid" ? 0 : anchor[0];
    return Int32Array.from({ length: this.paddedRows }, (_, i) =>
      boundary === "valid" ? first + i : boundaryIndex(boundary, first - top + i, height),
    );
  }

  /**
   * The band of results that begins at row `first`.
   * @param image where rows lie one after the other: then a band without borders is read where it is
   * @param lineOf the elements of a source row
   */
  run(first: number, lineOf: (row: number) => Pixels, into: OutputArray, image?: Pixels): void {
    const x = this.laidOut(first, lineOf, image);
    this.executable.run<OutputArray>([x, ...this.plan.operands.map(({ data }) => data)], { rows: 1 }, [into]);
    this.keepAlpha(first, lineOf, into);
  }

  /** The same off the calling thread; what `lineOf` returns is read before this returns. */
  async runAsync(
    first: number,
    lineOf: (row: number) => Pixels,
    into: OutputArray,
    image?: Pixels,
    signal?: AbortSignal,
  ): Promise<void> {
    const x = this.laidOut(first, lineOf, image);
    const operands = this.plan.operands.map(({ data }) => data);
    const [result] = await this.executable.runAsync<OutputArray>([x, ...operands], { rows: 1 }, signal && { signal });
    into.set(result!);
    this.keepAlpha(first, lineOf, into);
  }

  private laidOut(first: number, lineOf: (row: number) => Pixels, image: Pixels | undefined): Pixels {
    const { width, channels, constant, bytes } = this.plan;
    const rows = this.sourceRows(first);
    const length = width * channels;
    const start = rows[0]!;
    if (image !== undefined && this.paddedWidth === width && start >= 0 && rows.every((row, i) => row === start + i)) {
      return image.subarray(start * length, (start + rows.length) * length);
    }
    const size = this.paddedRows * this.paddedWidth * channels;
    const padded = (this.padded ??= bytes
      ? allocated("filter", size, () => new Uint8Array(size))
      : newFloats("filter", size));
    let at = 0;
    for (const row of rows) {
      if (row === outside) {
        for (let pixel = 0; pixel < this.paddedWidth; pixel++) for (const value of constant) padded[at++] = value;
        continue;
      }
      const line = lineOf(row);
      at = this.borderPixels(this.before, line, padded, at);
      padded.set(line, at);
      at = this.borderPixels(this.after, line, padded, at + length);
    }
    return padded;
  }

  /** @returns one past the last element written */
  private borderPixels(columns: Int32Array, line: Pixels, padded: Pixels, at: number): number {
    const { channels, constant } = this.plan;
    for (const column of columns) {
      for (let c = 0; c < channels; c++) {
        padded[at++] = column === outside ? constant[c]! : line[column * channels + c]!;
      }
    }
    return at;
  }

  private keepAlpha(first: number, lineOf: (row: number) => Pixels, into: OutputArray): void {
    const { keepAlpha, boundary, anchor, channels, outWidth } = this.plan;
    if (!keepAlpha) return;
    const [top, left] = boundary === "valid" ? anchor : [0, 0];
    for (let row = 0, to = channels - 1; row < this.rows; row++) {
      const line = lineOf(first + row + top);
      for (let pixel = 0; pixel < outWidth; pixel++, to += channels) {
        into[to] = line[(left + pixel) * channels + channels - 1]!;
      }
    }
  }
}
