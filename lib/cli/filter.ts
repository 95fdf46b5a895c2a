/** `striate filter`: an image through a kernel, file to file. */
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { filterFile, kernels, type FilterFileOptions, type Kernel, type KernelName } from "../filter/index.js";
import type { Pair } from "../shape/types.js";
import { UsageError } from "./command.js";
import { readInput } from "./input.js";
import { showWork } from "./progress.js";
import { writeJson, type CommandContext } from "./terminal.js";

/** What a kernel can be told. */
export interface KernelSettings {
  readonly size?: Pair;
  readonly sigma?: number;
  readonly ratio?: number;
  readonly amount?: number;
  readonly axis?: "x" | "y";
  readonly neighbours?: 4 | 8;
  readonly angle?: number;
  readonly length?: number;
  readonly strength?: number;
  readonly wavelength?: number;
  readonly phase?: number;
  readonly aspect?: number;
}

export interface FilterOptions extends KernelSettings {
  readonly kernel: string;
  readonly out: string;
  readonly operation: "correlate" | "convolve";
  readonly boundary: NonNullable<FilterFileOptions["boundary"]>;
  readonly constant?: number;
  readonly normalize: "none" | "sum" | "abs";
  readonly offset: number;
  readonly alpha?: "keep" | "filter";
  readonly depth: "u8" | "float";
  readonly raw?: readonly [height: number, width: number, channels: number];
  readonly format: "png" | "jpg" | "webp" | "raw";
  readonly quiet: boolean;
  readonly json: boolean;
}

/** Which settings each kernel takes. */
const settingsOf: Readonly<Record<KernelName, readonly (keyof KernelSettings)[]>> = {
  edge: ["neighbours"],
  sharpen: ["amount"],
  box: ["size"],
  gaussian: ["size", "sigma"],
  sobel: ["axis"],
  prewitt: ["axis"],
  scharr: ["axis"],
  emboss: ["angle", "strength"],
  motion: ["length", "angle"],
  gabor: ["wavelength", "angle", "phase", "sigma", "aspect", "size"],
  differenceOfGaussians: ["sigma", "ratio", "size"],
  unsharpMask: ["sigma", "amount", "size"],
};

const allSettings = [...new Set(Object.values(settingsOf).flat())];

/** Runs the command. */
export async function filter(image: string, options: FilterOptions, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const kernel = kernelOf(options);
  if (options.out !== "-" && (await stat(options.out).catch(() => undefined))?.isDirectory() === true) {
    throw new UsageError("filter", `--out must be a file, got the folder ${options.out}`);
  }
  // Streams go by way of files, so that what comes out is whole or nothing.
  const folder = image === "-" || options.out === "-" ? await mkdtemp(join(tmpdir(), "striate-filter-")) : undefined;
  const progress = showWork(terminal.error, { label: "filter", total: 1, quiet: options.quiet });
  try {
    const raw = options.raw === undefined ? {} : rawSize(options.raw);
    // Formats go by the names of files; those of decoded ones are told by their content.
    const source = image === "-" ? join(folder!, options.raw === undefined ? "image.png" : "image.raw") : image;
    const target = options.out === "-" ? join(folder!, `result.${options.format}`) : options.out;
    if (image === "-") await writeFile(source, await readInput(terminal));
    const { operation, boundary, normalize, offset, depth, constant } = options;
    const written = await filterFile(source, target, kernel, {
      ...{ operation, boundary, normalize, offset, depth, ...raw, signal },
      ...(constant === undefined ? {} : { constant }),
      alpha: options.alpha ?? ((await hasAlpha(source, options)) ? "keep" : "filter"),
      onProgress: (rows, total) => progress.at(rows, total),
    });
    progress.stop();
    const { width, height, channels } = written;
    if (options.out === "-") terminal.out.write(await readFile(target));
    else if (options.json) writeJson(terminal.out, { file: target, width, height, channels });
    else
      terminal.out.write(
        `${target}: ${width} pixels wide, ${height} high, ${channels} channel${channels === 1 ? "" : "s"}\n`,
      );
  } finally {
    progress.stop();
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

/** By name, in whichever spelling, or as numbers: "0 -1 0; -1 5 -1; 0 -1 0". */
function kernelOf(options: FilterOptions): Kernel {
  const given = allSettings.filter((name) => options[name] !== undefined);
  const text = options.kernel;
  if (/^[\d\s.,;eE+-]+$/.test(text) && /\d/.test(text)) {
    if (given.length > 0)
      throw new UsageError("filter", `--${given[0]!} is for kernels by name, got --kernel ${JSON.stringify(text)}`);
    return rowsOf(text);
  }
  const name = text.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  if (!Object.hasOwn(kernels, name)) {
    const names = Object.keys(kernels).join(", ");
    const rule = `one of ${names}, or rows of numbers such as "0 -1 0; -1 5 -1; 0 -1 0"`;
    throw new UsageError("filter", `--kernel must be ${rule}, got ${JSON.stringify(text)}`);
  }
  const takes = settingsOf[name as KernelName];
  const other = given.find((setting) => !takes.includes(setting));
  if (other !== undefined) {
    const known = takes.map((setting) => `--${setting}`).join(", ");
    throw new UsageError("filter", `--${other} means nothing to the kernel ${name}, which takes ${known}`);
  }
  const settings = Object.fromEntries(given.map((setting) => [setting, options[setting]]));
  return (kernels[name as KernelName] as (settings: object) => Kernel)(settings);
}

function rowsOf(text: string): Kernel {
  const rows = text.split(";").map((row) =>
    row
      .trim()
      .split(/[\s,]+/)
      .map(Number),
  );
  const width = rows[0]!.length;
  if (
    rows.some((row) => row.length !== width || !row.every(Number.isFinite)) ||
    text.split(";").some((row) => row.trim() === "")
  ) {
    throw new UsageError(
      "filter",
      `--kernel must be rows of equally many numbers with ; between them, got ${JSON.stringify(text)}`,
    );
  }
  return rows;
}

const rawSize = ([height, width, channels]: readonly [number, number, number]) => ({
  raw: { width, height, channels },
});

/** Transparency is no light: it is left alone unless it is asked for. */
async function hasAlpha(source: string, { raw }: FilterOptions): Promise<boolean> {
  if (raw !== undefined) return false;
  if (![".png", ".webp"].includes(extname(source).toLowerCase())) return false;
  try {
    const { default: sharp } = await import("sharp");
    return (await sharp(source).metadata()).hasAlpha;
  } catch {
    // What is wrong with the file, or that sharp is missing, filterFile says better.
    return false;
  }
}
