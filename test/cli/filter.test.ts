import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../../lib/cli/run.js";
import { filter, kernels, type FilterOptions, type KernelInput } from "../../lib/filter/index.js";
import { recordingTerminal, run, spawnProgram } from "./terminal.js";

let folder: string;
let photo: string;
let rgba: string;
let raw: string;

const [height, width] = [23, 31];
const pixels = (channels: number): Uint8Array =>
  Uint8Array.from({ length: height * width * channels }, (_, i) => (i * i * 7 + 31 * i) % 256);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "striate-cli-filter-"));
  [photo, rgba, raw] = ["photo.png", "rgba.png", "image.raw"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  for (const [path, channels] of [
    [photo, 3],
    [rgba, 4],
  ] as const) {
    await sharp(pixels(channels), { raw: { width, height, channels } }).png().toFile(path);
  }
  await writeFile(raw, pixels(2));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** What the library makes of the same pixels. */
const expected = (channels: number, kernel: KernelInput, options: FilterOptions<"u8"> = {}): number[] => [
  ...filter({ shape: [height, width, channels], data: pixels(channels) }, kernel, { depth: "u8", ...options }).data,
];
const decoded = async (image: string | Buffer): Promise<number[]> => [...(await sharp(image).raw().toBuffer())];

describe("filter", () => {
  test.each([
    [["-k", "edge"], "edge", {}],
    [["-k", "edge", "--neighbours", "4"], kernels.edge({ neighbours: 4 }), {}],
    [["-k", "gaussian", "--sigma", "1.5", "--size", "3x5"], kernels.gaussian({ sigma: 1.5, size: [3, 5] }), {}],
    [["-k", "unsharp-mask", "--amount", "-0.5"], kernels.unsharpMask({ amount: -0.5 }), {}],
    [["-k", "sobel", "--axis", "y", "--offset", "128"], kernels.sobel({ axis: "y" }), { offset: 128 }],
    [["-k", "motion", "--length", "5", "--angle", "30"], kernels.motion({ length: 5, angle: 30 }), {}],
    [["-k", "gabor", "--wavelength", "3", "--phase", "90"], kernels.gabor({ wavelength: 3, phase: 90 }), {}],
    [
      ["-k", "1 2 3", "--normalize", "sum", "--operation", "convolve"],
      [[1, 2, 3]],
      { normalize: "sum", operation: "convolve" },
    ],
    [["-k", "0 -1 0; -1 5 -1; 0 -1 0"], kernels.sharpen(), {}],
    [
      ["-k", "-1,0,1", "--boundary", "constant", "--constant", "9"],
      [[-1, 0, 1]],
      { boundary: "constant", constant: 9 },
    ],
  ] as [string[], KernelInput, FilterOptions<"u8">][])(
    "%j: what the library computes",
    async (argv, kernel, options) => {
      const out = join(folder, "out.png");
      expect(await run("filter", photo, "-o", out, ...argv)).toEqual({
        ...{ code: 0, errors: "" },
        output: `${out}: ${width} pixels wide, ${height} high, 3 channels\n`,
      });
      expect(await decoded(out)).toEqual(expected(3, kernel, options));
    },
  );

  test("a boundary of nothing makes the image smaller, and JSON says so", async () => {
    const out = join(folder, "valid.png");
    const { output } = await run("filter", photo, "-k", "box", "--boundary", "valid", "-o", out, "--json");
    expect(JSON.parse(output)).toEqual({ file: out, width: width - 2, height: height - 2, channels: 3 });
  });

  test("transparency is kept unless it is to be filtered", async () => {
    const out = join(folder, "alpha.png");
    await run("filter", rgba, "-k", "box", "-o", out);
    expect(await decoded(out)).toEqual(expected(4, "box", { alpha: "keep" }));
    await run("filter", rgba, "-k", "box", "-o", out, "--alpha", "filter");
    expect(await decoded(out)).toEqual(expected(4, "box"));
  });

  test("raw bytes in, floats out, with their sign", async () => {
    const out = join(folder, "out.raw");
    const { code } = await run(
      "filter",
      raw,
      "--raw",
      `${height}x${width}x2`,
      "-k",
      "edge",
      "--depth",
      "float",
      "-o",
      out,
    );
    expect(code).toBe(0);
    const { data } = filter({ shape: [height, width, 2], data: pixels(2) }, "edge");
    expect(new Uint8Array(await readFile(out))).toEqual(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  });

  test("from standard input to standard output, as bytes and nothing else", async () => {
    const result = await spawnProgram(["filter", "-", "-k", "box", "-o", "-"], { input: await readFile(photo) });
    expect([result.code, result.errors]).toEqual([0, ""]);
    expect(await decoded(result.bytes)).toEqual(expected(3, "box"));
    const plain = await spawnProgram(
      ["filter", "-", "--raw", `${height}x${width}x2`, "-k", "box", "-o", "-", "--format", "raw"],
      {
        input: pixels(2),
      },
    );
    expect([...plain.bytes]).toEqual(expected(2, "box"));
  });

  test.each([
    [[], "filter: required option '-k, --kernel <KERNEL>' not specified"],
    [
      ["-k", "edges"],
      /^filter: --kernel must be one of edge, .*, unsharpMask, or rows of numbers such as "0 -1 0; -1 5 -1; 0 -1 0", got "edges"$/,
    ],
    [["-k", "1 2; 3"], 'filter: --kernel must be rows of equally many numbers with ; between them, got "1 2; 3"'],
    [["-k", "1;;2"], 'filter: --kernel must be rows of equally many numbers with ; between them, got "1;;2"'],
    [["-k", "1 --2"], 'filter: --kernel must be rows of equally many numbers with ; between them, got "1 --2"'],
    [["-k", "edge", "--sigma", "2"], "filter: --sigma means nothing to the kernel edge, which takes --neighbours"],
    [["-k", "1 2 1", "--size", "3"], 'filter: --size is for kernels by name, got --kernel "1 2 1"'],
    [["-k", "edge", "--neighbours", "6"], 'filter: --neighbours must be one of 4, 8, got "6"'],
    [["-k", "box", "--boundary", "wrap"], /^filter: --boundary must be one of reflect101, .*, valid, got "wrap"$/],
    [["-k", "constructor"], /^filter: --kernel must be one of /],
  ] as [string[], string | RegExp][])("%j is a mistake", async (argv, message) => {
    const out = join(folder, "mistake.png");
    const { code, output, errors } = await run("filter", photo, "-o", out, ...argv);
    expect([code, output]).toEqual([2, ""]);
    expect(errors.split("\n")[0]).toMatch(message);
    expect(errors).toContain("striate filter --help tells how it is used\n");
  });

  test.each([
    ["an image that is none", ["none.png", "-k", "edge", "-o", "x.png"], /none\.png: cannot be read as an image: /],
    [
      "a format nobody writes",
      ["photo.png", "-k", "edge", "-o", "x.gif"],
      /x\.gif: the name must end in one of \.png, /,
    ],
    [
      "raw bytes of another size",
      ["image.raw", "--raw", "3x3x3", "-k", "box", "-o", "x.png"],
      /image\.raw: 3x3 pixels of 3 channels are 27 bytes, the file has 1426$/,
    ],
    [
      "a kernel that does not fit",
      ["photo.png", "-k", "box", "--size", "99", "--boundary", "valid", "-o", "x.png"],
      /a kernel 99x99 does not fit into an image 23x31/,
    ],
  ] as [string, string[], RegExp][])(
    "%s: one sentence, and nothing is left behind",
    async (_, [image, ...argv], message) => {
      const before = await readdir(folder);
      const paths = argv.map((word) => (word.startsWith("x.") ? join(folder, word) : word));
      const { code, output, errors } = await run("filter", join(folder, image!), ...paths);
      expect([code, output]).toEqual([1, ""]);
      expect(errors.trimEnd()).toMatch(message);
      expect(errors.trimEnd()).not.toContain("\n");
      expect(await readdir(folder)).toEqual(before);
    },
  );

  test("an abort leaves nothing behind", async () => {
    const before = await readdir(folder);
    const terminal = recordingTerminal();
    const argv = ["filter", photo, "-k", "edge", "-o", join(folder, "aborted.png")];
    expect(await runCommandLine(argv, terminal, AbortSignal.abort())).toBe(130);
    expect(terminal.errors()).toBe("interrupted: nothing was written\n");
    expect(await readdir(folder)).toEqual(before);
  });
});
