/** From file to file: the same results as in memory, nothing left behind, and memory that does not grow with the image. */
import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { filter, filterFile, kernels, type FilterBoundary } from "../../lib/filter/index.js";
import { tiffHeader } from "../../lib/filter/tiffHeader.js";

const folder = mkdtempSync(join(tmpdir(), "striate-filter-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string): string => join(folder, name);

const raw = { width: 2100, height: 1500, channels: 3 } as const;
const shape = [raw.height, raw.width, raw.channels];
const data = Uint8Array.from(
  { length: raw.width * raw.height * raw.channels },
  (_, i) => 127 + 100 * Math.sin(i / 1000) + (Math.imul(i, 2654435761) >>> 28),
);
writeFileSync(path("source.rgb"), data);

describe("filterFile", () => {
  it.each<[FilterBoundary]>([["valid"], ["reflect101"], ["circular"], ["constant"]])(
    "from raw bytes to raw bytes, %s",
    async (boundary) => {
      const options = { boundary, constant: 9 };
      const seen: number[] = [];
      const onProgress = (rows: number, total: number): number => seen.push(rows / total);
      const kernel = kernels.gabor();
      const size = await filterFile(path("source.rgb"), path("out.rgb"), kernel, { ...options, raw, onProgress });
      const want = filter({ shape, data }, kernel, { ...options, depth: "u8" });
      expect([size.height, size.width, size.channels]).toEqual(want.shape);
      expect(Buffer.compare(readFileSync(path("out.rgb")), want.data)).toBe(0);
      expect(seen.length).toBeGreaterThan(1);
      expect(seen.at(-1)).toBe(1);
    },
  );

  it("to floats", async () => {
    await filterFile(path("source.rgb"), path("out.raw"), "edge", { raw, depth: "float" });
    const bytes = readFileSync(path("out.raw"));
    const want = filter({ shape, data }, "edge").data;
    expect(Buffer.compare(bytes, new Uint8Array(want.buffer))).toBe(0);
  });

  it.each([
    ["source.png", "out.png"],
    ["source.webp", "out.png"],
    ["source.jpg", "out.png"],
  ])("from %s to %s", async (source, target) => {
    await sharp(data, { raw })
      .webp({ lossless: true })
      .png()
      .toFormat(source.slice(7) as "png")
      .toFile(path(source));
    await filterFile(path(source), path(target), "sharpen");
    const decoded = await sharp(path(source)).raw().toBuffer();
    const want = filter({ shape, data: new Uint8Array(decoded) }, "sharpen", { depth: "u8" });
    expect(Buffer.compare(await sharp(path(target)).raw().toBuffer(), want.data)).toBe(0);
  });

  it("with alpha kept, in place", async () => {
    const pixels = data.subarray(0, 400 * 300 * 4);
    await sharp(pixels, { raw: { width: 400, height: 300, channels: 4 } })
      .png()
      .toFile(path("alpha.png"));
    await filterFile(path("alpha.png"), path("alpha.png"), "box", { alpha: "keep" });
    const want = filter({ shape: [300, 400, 4], data: pixels }, "box", { depth: "u8", alpha: "keep" });
    expect(Buffer.compare(await sharp(path("alpha.png")).raw().toBuffer(), want.data)).toBe(0);
  });

  it("to JPEG and WebP", async () => {
    for (const name of ["out.jpg", "out.webp"]) {
      await filterFile(path("source.rgb"), path(name), "box", { raw });
      const { width, height, channels } = await sharp(path(name)).metadata();
      expect({ width, height, channels }).toEqual(raw);
    }
  });

  it("stops where it is told to, and leaves nothing behind", async () => {
    const before = readdirSync(folder).sort();
    const stop = new AbortController();
    const stopped = filterFile(path("source.rgb"), path("never.rgb"), kernels.gaussian({ sigma: 9 }), {
      raw,
      signal: stop.signal,
      onProgress: () => stop.abort(new Error("enough")),
    });
    await expect(stopped).rejects.toThrow("enough");
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it.each([
    [
      "source.rgb",
      "out.gif",
      { raw },
      "the name must end in one of .png, .jpg, .jpeg, .webp, .raw, .rgb, .rgba, .gray, .bin, got '.gif'",
    ],
    [
      "source.rgb",
      "out.rgb",
      {},
      "a file of raw bytes needs raw: { width, height, channels }, got undefined, undefined and undefined",
    ],
    ["source.rgb", "out.rgb", { raw: { ...raw, width: 2 ** 40 } }, "the file has 9450000"],
    ["source.rgb", "out.png", { raw, depth: "float" as const }, "filterFile: depth 'float' is for raw targets"],
    ["nothing.png", "out.png", {}, "cannot be read as an image"],
    [
      "source.rgb",
      "out.rgb",
      { raw, alpha: "keep" as const },
      "filterFile: alpha 'keep' needs an image of 2 or 4 channels, got 3",
    ],
  ])("%s to %s is refused", async (source, target, options, message) => {
    const before = readdirSync(folder).sort();
    await expect(filterFile(path(source), path(target), "edge", options)).rejects.toThrow(message);
    expect(readdirSync(folder).sort()).toEqual(before);
  });

  it("100 megapixels in less than 300 MB", async () => {
    const large = { width: 12_500, height: 8_000, channels: 3 };
    writeFileSync(path("large.rgb"), data);
    truncateSync(path("large.rgb"), large.width * large.height * large.channels);
    const index = new URL("../../dist/filter/index.js", import.meta.url).href;
    // Sampled: the peak that the system reports begins with that of the process that started this one.
    const script = `const { filterFile } = await import(${JSON.stringify(index)});
      let peak = 0;
      const onProgress = () => (peak = Math.max(peak, process.memoryUsage.rss()));
      await filterFile("large.rgb", "larger.rgb", "sharpen", { raw: ${JSON.stringify(large)}, onProgress });
      console.log(peak);`;
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ["--input-type=module", "--eval", script], { cwd: folder });
    expect(statSync(path("larger.rgb")).size).toBe(300_000_000);
    expect(Number(stdout)).toBeLessThan(300e6);
    expect(Number(stdout)).toBeGreaterThan(20e6);
    rmSync(path("larger.rgb"));
    rmSync(path("large.rgb"));
  }, 60_000);
});

describe("TIFF headers", () => {
  it.each([1, 3, 4])("of %i channels are read by others", async (channels) => {
    const [width, height] = [700, 1300];
    const pixels = data.subarray(0, width * height * channels);
    const file = Buffer.concat([tiffHeader(width, height, channels), pixels]);
    const { data: read, info } = await sharp(file)
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels]).toEqual([width, height, channels]);
    expect(Buffer.compare(read, pixels)).toBe(0);
  });

  it("of grey and alpha are read by others, who make colours of grey", async () => {
    const pixels = data.subarray(0, 60 * 50 * 2);
    const { data: read, info } = await sharp(Buffer.concat([tiffHeader(60, 50, 2), pixels]))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.channels).toBe(4);
    for (let i = 0; i < 60 * 50; i++)
      expect([read[4 * i], read[4 * i + 3]]).toEqual([pixels[2 * i], pixels[2 * i + 1]]);
  });

  it("do not promise what 32 bits cannot say", () => {
    expect(() => tiffHeader(65_536, 65_536, 1)).toThrow("fit no PNG, JPEG or WebP");
    expect(() => tiffHeader(10, 10, 5)).toThrow("10x10 pixels of 5 channels");
  });
});
