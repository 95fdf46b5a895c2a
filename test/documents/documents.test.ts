/** Every block of the documents runs and prints what stands behind it, and the pictures they show are those that it draws. */
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alignNumbers, parseBlocks } from "./blocks.js";
import { alignPictures, parsePictures } from "./pictures.js";
import { Programs, root } from "./programs.js";

const documents = await Promise.all(
  ["README.md", "docs/course.md", "docs/memory-and-threads.md"].map(async (path) => {
    const markdown = await readFile(join(root, path), "utf8");
    return { path, blocks: parseBlocks(markdown), pictures: parsePictures(markdown) };
  }),
);
const imageFolder = join(root, "docs/images");

/** With UPDATE_PICTURES=1 pictures are written instead of compared: look at them before you commit. */
const update = process.env["UPDATE_PICTURES"] === "1";

/**
 * What a training drew goes astray with the rounding of other processors: steps differ in the last bits, and after twenty
 * epochs curves differ by up to 40 pixels (sse2 against avx2). All else is rounding itself.
 */
const trained = ["batchNorm.svg", "depth.svg", "training.svg", "conv2d1.svg", "maps.svg", "my-filters.svg"];
const toleranceOf = (file: string) =>
  trained.includes(basename(file)) ? { number: 40, channel: 20 } : { number: 0.05, channel: 0.5 };

describe.each(documents)("$path", ({ path, blocks, pictures }) => {
  let programs: Programs;
  beforeAll(async () => {
    programs = await Programs.prepare(path, blocks);
  });
  afterAll(() => programs.remove());

  test.each(blocks.map((block) => [block.line, block] as const))(
    "block in line %i",
    { timeout: 600_000 },
    async (_, block) => {
      const output = await programs.run(block);
      expect(alignNumbers(output, block.expected, block.tolerance)).toBe(block.expected);
    },
  );

  test.runIf(pictures.length > 0).each(pictures)("%s", async (file) => {
    const drawn = await readFile(join(programs.folder, basename(file)), "utf8");
    const shown = join(root, dirname(path), file);
    if (update) {
      await mkdir(dirname(shown), { recursive: true });
      await writeFile(shown, drawn);
    }
    const [actual, expected] = alignPictures(drawn, await readFile(shown, "utf8"), toleranceOf(file));
    expect(actual).toBe(expected);
  });
});

describe("README.md", () => {
  test("opens with a short program and its output", () => {
    const [first] = documents[0]!.blocks;
    expect(first!.language).toBe("ts");
    expect(first!.code.trim().split("\n").length).toBeLessThanOrEqual(15);
    expect(first!.expected).not.toBe("");
  });
});

describe("docs/images", () => {
  test("every picture is shown, and all of them together are small", async () => {
    const shown = documents.flatMap(({ path, pictures }) => pictures.map((file) => join(root, dirname(path), file)));
    const files = (await readdir(imageFolder)).map((name) => join(imageFolder, name));
    expect(files.toSorted()).toEqual(shown.toSorted());
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(300_000);
  });
});
