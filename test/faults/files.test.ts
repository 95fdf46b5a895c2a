/** Saved models and pictures as a disk, a network or a stranger may hand them back. */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, gzipSync } from "node:zlib";
import fc from "fast-check";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readGreyImage } from "../../lib/cli/inkImage.js";
import { filterFile } from "../../lib/filter/index.js";
import { loadModel, netFromJson, readIdxDataset, sequential } from "../../lib/index.js";
import { readSafetensors } from "../../lib/io/safetensors.js";
import { RandomStream } from "../../lib/random/philox.js";
import { idxBytes } from "../support/idx.js";
import { attempt, attemptAsync, check, expectRefusal } from "./junk.js";

let folder: string;
let description: Buffer;
let weights: Buffer;
let weightsName: string;
const net = sequential([4, 3, 1])
  .conv2d({ filters: 2, kernel: 2, name: "c" })
  .batchNorm()
  .flatten()
  .dense({ units: 2 })
  .softmax();
const parameters = net.model().parameters().size;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "striate-faults-"));
  const model = net.model({ metadata: { classes: ["a", "b"] } });
  await model.save(folder);
  description = await readFile(join(folder, "model.json"));
  weightsName = (await readdir(folder)).find((name) => name.endsWith(".safetensors"))!;
  weights = await readFile(join(folder, weightsName));
});
afterAll(async () => rm(folder, { recursive: true }));

/** Puts files down and loads them; a hash of the weights that is right, as whoever means harm would have it. */
async function load(text: Uint8Array | string, bytes: Uint8Array = weights): Promise<boolean> {
  await writeFile(join(folder, weightsName), bytes);
  await writeFile(join(folder, "model.json"), text);
  const model = await attemptAsync(() => loadModel(folder));
  if (model === undefined) return false;
  expect(model.parameters().size).toBe(parameters);
  model.dispose();
  return true;
}

function described(changes: object, bytes: Uint8Array = weights): string {
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const whole = JSON.parse(description.toString()) as object;
  return JSON.stringify({ ...whole, weights: { file: weightsName, sha256 }, ...changes });
}

describe("a saved model", () => {
  test("is sound to begin with", async () => {
    expect(await load(description)).toBe(true);
    expect(await load(described({}))).toBe(true);
  });

  test("cut off at every byte of its description", async () => {
    const text = described({});
    for (let length = 0; length < text.length; length++) {
      expect(await load(text.slice(0, length)), `${length} bytes`).toBe(false);
    }
  });

  test("cut off at every byte of its weights, with the hash of the whole and of the part", async () => {
    for (let length = 0; length < weights.length; length++) {
      const part = weights.subarray(0, length);
      expect(await load(description, part), `${length} bytes`).toBe(false);
      expect(await load(described({}, part), part), `${length} bytes`).toBe(false);
    }
  });

  test("a bit flipped in each byte of the weights is noticed by the hash", async () => {
    for (let at = 0; at < weights.length; at++) {
      const flipped = Uint8Array.from(weights);
      flipped[at]! ^= 1 << (at % 8);
      expect(await load(description, flipped), `byte ${at}`).toBe(false);
    }
  });

  test("bits flipped in the description, and in weights of a forged hash: loaded whole, or refused", async () => {
    const random = new RandomStream(1, "test/flips");
    let refused = 0;
    for (let at = 0; at < description.length; at++) {
      const flipped = Uint8Array.from(description);
      flipped[at]! ^= 1 << random.integer(8);
      if (!(await load(flipped))) refused++;
    }
    expect(refused).toBeGreaterThan(description.length / 2);
    const header = 8 + Number(weights.readBigUInt64LE(0));
    for (let at = 0; at < header; at++) {
      const flipped = Uint8Array.from(weights);
      flipped[at]! ^= 1 << random.integer(8);
      await load(described({}, flipped), flipped);
    }
  });

  const layer = (name: string, type: string, options: object, inputs: string[]) => ({ name, type, options, inputs });
  const input = layer("input", "input", { shape: [4, 3, 1] }, []);
  const chain = (count: number) =>
    Array.from({ length: count }, (_, i) => layer(`a${i}`, "relu", {}, [i === 0 ? "input" : `a${i - 1}`]));
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;

  test.each<[string, (text: string) => string]>([
    [
      "a dense layer of 2^40",
      () => described({ graph: { layers: [input, layer("d", "dense", { units: 2 ** 40 }, ["input"])] } }),
    ],
    [
      "filters of 2^62 numbers",
      () =>
        described({
          graph: {
            layers: [input, layer("c", "conv2d", { filters: 2 ** 31, kernel: 2 ** 15, padding: 2 ** 20 }, ["input"])],
          },
        }),
    ],
    [
      "an input of 2^93",
      () => described({ graph: { layers: [layer("input", "input", { shape: [2 ** 31, 2 ** 31, 2 ** 31] }, [])] } }),
    ],
    ["an input of 1e300", () => described({ graph: { layers: [layer("input", "input", { shape: [1e300] }, [])] } })],
    ["a hundred thousand layers", () => described({ graph: { layers: [input, ...chain(100_000)] } })],
    [
      "a name of a million letters",
      () => described({ graph: { layers: [layer("x".repeat(1e6), "y".repeat(1e6), {}, [])] } }),
    ],
    ["a graph of brackets", (text) => text.replace(/"graph":\{.*$/, `"graph":${deep}}`)],
    [
      "options of brackets",
      () => described({ graph: { layers: [layer("input", "input", { shape: "@" }, [])] } }).replace('"@"', deep),
    ],
    ["metadata of brackets", () => described({ metadata: "@" }).replace('"@"', deep)],
    ["a version of brackets", () => described({ version: "@" }).replace('"@"', deep)],
    ["a hash of brackets", () => described({ weights: { file: "@", sha256: 1 } }).replace('"@"', deep)],
    ["a layer that is its own input", () => described({ graph: { layers: [input, layer("a", "relu", {}, ["a"])] } })],
    ["layers of another prototype", () => described({}).replace('"layers":[', '"__proto__":{"layers":[]},"layers":[')],
  ])("%s: one sentence, and no more memory than the file is worth", async (_, forge) => {
    const text = forge(described({}));
    const before = process.resourceUsage().maxRSS;
    await load(text);
    // Kibibytes. Parsing JSON takes some tens of bytes for each of the text.
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(64 * 1024 + (100 * text.length) / 1024);
  });

  test("headers that promise more than there is", () => {
    const file = (length: bigint, header: string) => {
      const bytes = Buffer.alloc(8 + header.length);
      bytes.writeBigUInt64LE(length);
      bytes.write(header, 8);
      return bytes;
    };
    const sizes = [2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 62, 2 ** 63, 2 ** 64, 1e300, -1, 0.5];
    for (const size of sizes) {
      for (const end of sizes) {
        const header = JSON.stringify({ w: { dtype: "F32", shape: [size, 1], data_offsets: [0, end] } });
        for (const length of [BigInt(header.length), 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n]) {
          expect(attempt(() => readSafetensors(file(length, header)))).toBeUndefined();
        }
      }
    }
  });

  test("graphs with any value in any place", () => {
    const whole = JSON.parse(described({})) as { graph: unknown };
    const places: (readonly (string | number)[])[] = [];
    const walk = (value: unknown, path: readonly (string | number)[]): void => {
      places.push(path);
      if (typeof value !== "object" || value === null) return;
      for (const key of Object.keys(value)) walk((value as Record<string, unknown>)[key], [...path, key]);
    };
    walk(whole.graph, []);
    const replace = (value: unknown, [first, ...rest]: readonly (string | number)[], by: unknown): unknown => {
      if (first === undefined) return by;
      const copy = structuredClone(value) as Record<string, unknown>;
      copy[first] = replace(copy[first], rest, by);
      return copy;
    };
    const property = fc.property(fc.constantFrom(...places), fc.jsonValue({ maxDepth: 3 }), (place, value) => {
      attempt(() => netFromJson(replace(whole.graph, place, value)));
    });
    check(property, 2000);
  });
});

describe("pictures", () => {
  const width = 9;
  const height = 7;
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37) % 256);
  const image = () => sharp(pixels, { raw: { width, height, channels: 3 } });

  const flat = (value: number) =>
    sharp(Buffer.alloc(width * height * 3, value), { raw: { width, height, channels: 3 } });

  /** Nothing but the two files may be left. */
  async function through(bytes: Uint8Array, extension: string): Promise<boolean> {
    const source = join(folder, `in.${extension}`);
    const target = join(folder, "out.raw");
    await writeFile(source, bytes);
    await rm(target, { force: true });
    const written = await attemptAsync(() => filterFile(source, target, "edge"));
    const grey = await attemptAsync(() => readGreyImage(bytes, "picture"));
    if (grey !== undefined) expect(grey.pixels).toHaveLength(grey.width * grey.height);
    const files = await readdir(folder);
    expect(files.includes("out.raw")).toBe(written !== undefined);
    expect(files.filter((name) => name.startsWith("."))).toEqual([]);
    await rm(source);
    return written !== undefined;
  }

  test.each([
    ["png", async () => image().png().toBuffer()],
    ["jpg", async () => image().jpeg().toBuffer()],
    ["webp", async () => image().webp({ lossless: true }).toBuffer()],
  ])(
    "%s, cut off anywhere or with bits flipped: filtered, or refused with nothing left behind",
    async (extension, encode) => {
      const whole = await encode();
      expect(await through(whole, extension)).toBe(true);
      const step = Math.ceil(whole.length / 60);
      for (let length = 0; length < whole.length - 12; length += step) {
        const cut = await through(whole.subarray(0, length), extension);
        if (length < whole.length / 3) expect(cut, `${length} bytes`).toBe(false);
      }
      const random = new RandomStream(2, `test/${extension}`);
      for (let trial = 0; trial < 80; trial++) {
        const flipped = Uint8Array.from(whole);
        flipped[random.integer(whole.length)]! ^= 1 << random.integer(8);
        await through(flipped, extension);
      }
    },
  );

  test.each([
    ["png", async (value: number) => flat(value).png().toBuffer()],
    ["jpg", async (value: number) => flat(value).jpeg().toBuffer()],
    ["webp", async (value: number) => flat(value).webp({ lossless: true }).toBuffer()],
  ])("a %s file that another has replaced is read anew", async (extension, encode) => {
    const [source, target] = [join(folder, `replaced.${extension}`), join(folder, "replaced.raw")];
    for (const value of [10, 200]) {
      await writeFile(source, await encode(value));
      await filterFile(source, target, [[1]]);
      expect((await readFile(target)).every((byte) => byte === value)).toBe(true);
    }
  });

  test("a PNG of a few bytes that says it has 10^10 pixels", async () => {
    const whole = await image().png().toBuffer();
    whole.writeUInt32BE(100_000, 16);
    whole.writeUInt32BE(100_000, 20);
    whole.writeUInt32BE(crc32(whole.subarray(12, 29)), 29);
    const before = process.resourceUsage().maxRSS;
    expect(await through(whole, "png")).toBe(false);
    expect(process.resourceUsage().maxRSS - before).toBeLessThan(256 * 1024);
  });
});

test("a data set with bits flipped anywhere, compressed: read whole, or refused", async () => {
  const data = join(folder, "idx");
  await mkdir(data);
  const files = {
    "train-images-idx3-ubyte.gz": gzipSync(
      idxBytes(
        [6, 4, 3],
        Uint8Array.from({ length: 72 }, (_, i) => 3 * i),
      ),
    ),
    "train-labels-idx1-ubyte.gz": gzipSync(idxBytes([6], [0, 1, 2, 0, 1, 2])),
  };
  for (const [name, whole] of Object.entries(files)) await writeFile(join(data, name), whole);
  const random = new RandomStream(3, "test/idx");
  for (const [name, whole] of Object.entries(files)) {
    let refused = 0;
    for (let at = 0; at < whole.length; at++) {
      const flipped = Uint8Array.from(whole);
      flipped[at]! ^= 1 << random.integer(8);
      await writeFile(join(data, name), flipped);
      const set = await attemptAsync(() => readIdxDataset(data));
      if (set === undefined) refused++;
      else expect([set.train.images.data.length, set.train.labels.length]).toEqual([72, 6]);
    }
    // Time, system and flags of gzip's header mean nothing; all else is under its check sum.
    expect(refused).toBeGreaterThanOrEqual(whole.length - 8);
    await writeFile(join(data, name), whole);
  }
  expect((await readIdxDataset(data)).train.labels).toHaveLength(6);
});

test("expectRefusal fails for what is not ours, or has lines", () => {
  expect(() => expectRefusal(new TypeError("Cannot read properties of undefined"))).toThrow("Cannot read properties");
  expect(() => expectRefusal(undefined)).toThrow();
});
