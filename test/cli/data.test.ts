/** Training with a folder of IDX files, and what can be asked of the model then. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../../lib/cli/run.js";
import { digits, loadModel, Model } from "../../lib/index.js";
import type { JsonValue } from "../../lib/io/json.js";
import { idxBytes } from "../support/idx.js";
import { recordingTerminal, run, spawnProgram } from "./terminal.js";

let folder: string;
let data: string;
let model: string;

/** The digits as bytes in IDX, enlarged to 16x16: as MNIST is, but smaller. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "striate-cli-data-"));
  data = join(folder, "digits16");
  model = join(folder, "model");
  await mkdir(data);
  const parts = await digits();
  for (const [name, part] of [
    ["train", parts.train],
    ["t10k", parts.test],
  ] as const) {
    const count = part.labels.length;
    const pixels = new Uint8Array(count * 256);
    for (let i = 0; i < pixels.length; ++i) {
      const [image, y, x] = [i >> 8, (i >> 4) & 15, i & 15];
      pixels[i] = Math.round(255 * part.images.data[image * 64 + (y >> 1) * 8 + (x >> 1)]!);
    }
    const images = idxBytes([count, 16, 16], pixels);
    await writeFile(join(data, `${name}-images-idx3-ubyte.gz`), gzipSync(images));
    await writeFile(join(data, `${name}-labels-idx1-ubyte`), idxBytes([count], part.labels));
  }
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

interface TrainResult {
  readonly seeds: readonly {
    epoch: number;
    validation: { accuracy: number } | null;
    test: { accuracy: number } | null;
  }[];
  readonly saved: { readonly seed: number; readonly folder: string };
}

describe("train --data", () => {
  test("tells what it trains, an epoch a line, the results, and saves the model with its history", async () => {
    const { code, output, errors } = await run("train", "--data", data, "--epochs", "6", "--out", model);
    expect(code).toBe(0);
    const [introduction, ...epochs] = errors.trimEnd().split("\n");
    expect(introduction).toBe(
      "small for images of 16x16x1 in 10 classes: 969 to train, 109 to choose the epoch by, 359 to test",
    );
    expect(epochs).toHaveLength(6);
    expect(epochs[5]).toMatch(/^small {2}epoch 6\/6 {2}loss \d\.\d{4} accuracy \d+\.\d % {2}validation loss /);
    expect(output).toMatch(
      new RegExp(
        `^seed 1: test accuracy 9\\d\\.\\d % \\(epoch \\d chosen at .* validation accuracy\\)\nsaved seed 1 in ${model}\n$`,
      ),
    );
    const { metadata } = await loadModel(model);
    expect(metadata).toMatchObject({ net: "small", data: "digits16", pixels: 255, inkShare: 1, seed: 1 });
    expect(metadata.history).toHaveLength(6);
  });

  test("--json tells the same as data, on standard output alone", async () => {
    const out = join(folder, "json");
    const { output, errors } = await run(
      ...[
        "train",
        "-d",
        data,
        "-e",
        "1",
        "--seeds",
        "2",
        "-q",
        "--json",
        "-o",
        out,
        "--classes",
        "a,b,c,d,e,f,g,h,i,j",
      ],
    );
    expect(errors).toBe("");
    const result = JSON.parse(output) as TrainResult;
    expect(result).toMatchObject({
      ...{ data: "digits16", net: "small", images: { train: 969, validation: 109, test: 359 } },
      baselineTestAccuracy: null,
    });
    expect(result.seeds).toHaveLength(2);
    const { metadata } = await loadModel(out);
    expect(metadata).toMatchObject({
      seed: result.saved.seed,
      classes: ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
    });
    expect(metadata.test).toEqual(result.seeds[result.saved.seed - 1]!.test);
  });

  test("without a test part, without validation, another net, moved images", async () => {
    const part = join(folder, "part");
    await mkdir(part);
    for (const file of await readdir(data))
      if (file.startsWith("train")) await writeFile(join(part, file), await readFile(join(data, file)));
    const out = join(folder, "lenet5");
    const argv = ["-d", part, "--model", "lenet5", "--validation", "0", "--shift", "1", "-e", "2", "-o", out];
    const { code, output } = await run("train", ...argv);
    expect(code).toBe(0);
    expect(output).toMatch(/^seed 1: after epoch 2, training accuracy \d+\.\d %\nsaved seed 1 in /);
    expect((await loadModel(out)).metadata).toMatchObject({ net: "lenet5", epoch: 2 });
    const evaluated = await run("evaluate", out, "--data", part);
    expect(evaluated).toMatchObject({ code: 2, output: "" });
    expect(evaluated.errors).toContain("evaluate: part has no test part; --part train takes the other");
    expect((await run("evaluate", out, "-d", part, "--part", "train")).output).toMatch(
      /^accuracy .* of 1078 images of part, loss /,
    );
  });

  test.each([
    [["--validation", "0.1"], "train: --validation is for --data; the digits have theirs"],
    [["--classes", "a,b"], "train: --classes is for --data; the digits have theirs"],
    [
      ["--data", "x", "--validation", "0", "--seeds", "2"],
      "train: --seeds needs images to choose the seed by, --validation 0 leaves none",
    ],
    [["--model", "vgg"], 'train: --model must be one of lenet5, small, got "vgg"'],
  ])("%j is a mistake", async (argv, message) => {
    const { code, errors } = await run("train", ...argv);
    expect([code, errors.split("\n")[0]]).toEqual([2, message]);
  });

  test("data that is cut off: one sentence, and nothing is written", async () => {
    const damaged = join(folder, "damaged");
    const out = join(folder, "none");
    await mkdir(damaged);
    for (const file of await readdir(data)) {
      const bytes = await readFile(join(data, file));
      await writeFile(join(damaged, file), file.startsWith("t10k-labels") ? bytes.subarray(0, -1) : bytes);
    }
    const { code, output, errors } = await run("train", "--data", damaged, "--out", out);
    expect([code, output]).toEqual([1, ""]);
    expect(errors).toMatch(
      /^.*t10k-labels-idx1-ubyte: is cut off: its header says \[359\], 367 bytes in all, got 366\n$/,
    );
    expect(await readdir(folder)).not.toContain("none");
  });

  test("images that are too small for a net are refused in its words", async () => {
    const { code, errors } = await run(
      "train",
      "--data",
      data,
      "--model",
      "lenet5",
      "--out",
      join(folder, "none"),
      "-e",
      "1",
    );
    expect([code, errors]).toEqual([0, expect.stringContaining("lenet5 for images of 16x16x1")]);
    const tiny = join(folder, "tiny");
    await mkdir(tiny);
    await writeFile(join(tiny, "train-images"), idxBytes([4, 3, 3], new Uint8Array(36)));
    await writeFile(join(tiny, "train-labels"), idxBytes([4], [0, 1, 0, 1]));
    const refused = await run("train", "--data", tiny, "--validation", "0.5");
    expect(refused.code).toBe(1);
    expect(refused.errors).toMatch(/^maxPool2d: the window covers 2 but the padded height is only 1 /);
  });
});

describe("interruption", () => {
  test("Ctrl-C after an epoch: the best one so far is saved, whole, and the last line tells which", async () => {
    const out = join(folder, "interrupted");
    const { code, signal, output, errors } = await spawnProgram(["train", "-d", data, "-e", "1000", "-o", out], {
      onErrors: (text, kill) => text.includes("epoch 2/") && !text.includes("interrupted") && kill("SIGINT"),
    });
    expect([code, signal, output]).toEqual([130, null, ""]);
    const last = /^interrupted: .* holds seed 1 after epoch (\d+)$/.exec(errors.trimEnd().split("\n").at(-1)!);
    const { metadata } = await loadModel(out);
    expect(metadata.epoch).toBe(Number(last![1]));
    expect(metadata.history).toHaveLength(Number(last![1]));
    expect((await readdir(out)).filter((file) => file.endsWith(".tmp"))).toEqual([]);
  });

  test("an abort before the first epoch is over: nothing is written", async () => {
    const terminal = recordingTerminal();
    const out = join(folder, "aborted");
    const signal = AbortSignal.timeout(1);
    expect(await runCommandLine(["train", "-d", data, "-o", out], terminal, signal)).toBe(130);
    expect(terminal.errors()).toMatch(/interrupted: nothing was written\n$/);
    expect(await readdir(folder)).not.toContain("aborted");
  });
});

describe("evaluate", () => {
  test("tells accuracy and loss, and a line for each class", async () => {
    const { code, output, errors } = await run("evaluate", model, "--data", data);
    expect([code, errors]).toEqual([0, ""]);
    const [first, , heading, ...rows] = output.trimEnd().split("\n");
    expect(first).toMatch(/^accuracy 9\d\.\d %, 3\d\d of 359 images of digits16, loss 0\.\d{4}$/);
    expect(heading).toMatch(/^class +images +right +recall +precision +most often mistaken for$/);
    expect(rows).toHaveLength(10);
    const { accuracy } = (await loadModel(model)).metadata.test as { accuracy: number };
    const json = JSON.parse((await run("evaluate", model, "--data", data, "--json")).output) as {
      accuracy: number;
      loss: number;
      images: number;
      classes: { images: number; right: number; recall: number; precision: number }[];
      confusion: number[][];
    };
    expect(json.accuracy).toBe(accuracy);
    json.confusion.forEach((row, label) => {
      const { images, right, recall, precision } = json.classes[label]!;
      expect(row.reduce((sum, count) => sum + count, 0)).toBe(images);
      expect(row[label]).toBe(right);
      expect(recall).toBe(right / images);
      expect(precision).toBe(right / json.confusion.reduce((sum, each) => sum + each[label]!, 0));
    });
    expect(json.classes.reduce((sum, { images }) => sum + images, 0)).toBe(359);
  });

  test("images of another size are refused", async () => {
    const { code, errors } = await run("evaluate", model);
    expect([code, errors]).toEqual([1, "evaluate: the model takes images of 16x16x1, these are 8x8x1\n"]);
  });
});

describe("predict", () => {
  test("reads a picture from standard input, and answers in JSON", async () => {
    const { all } = await digits();
    const grey = Uint8Array.from(all.images.data.subarray(11 * 64, 12 * 64), (ink) => 255 - 255 * ink);
    const png = await sharp(grey, { raw: { width: 8, height: 8, channels: 1 } })
      .resize(160, 160, { kernel: "nearest" })
      .png()
      .toBuffer();
    const { code, output, errors } = await spawnProgram(["predict", "-m", model, "--json", "-"], { input: png });
    expect([code, errors]).toEqual([0, ""]);
    const [answer] = JSON.parse(output) as {
      class: string;
      probability: number;
      probabilities: Record<string, number>;
    }[];
    expect(answer!.class).toBe(String(all.labels[11]));
    expect(answer!.probabilities[answer!.class]).toBe(answer!.probability);
    expect(Object.values(answer!.probabilities).reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 5);
  });

  test("says that standard input is empty, or no image", async () => {
    expect(await spawnProgram(["predict", "-m", model, "-"])).toMatchObject({
      code: 1,
      errors: "standard input is empty\n",
    });
    const { errors } = await spawnProgram(["predict", "-m", model, "-"], { input: Buffer.from("text") });
    expect(errors).toMatch(/^standard input: cannot be read as an image: /);
  });
});

describe("inspect", () => {
  test("shows layers, steps, memory and metadata", async () => {
    const { code, output } = await run("inspect", model);
    expect(code).toBe(0);
    for (const part of [
      "conv2d3     8x8x64",
      "a run of 1 image on the ",
      "softmax1: softmax",
      "packed ",
      'net: "small"',
      'history: "6 epochs"',
    ]) {
      expect(output).toContain(part);
    }
    expect((await run("inspect", model, "--training", "-b", "32")).output).toContain(
      "a training step of 32 images on the ",
    );
  });

  test("--json has the numbers of the library", async () => {
    const { output } = await run("inspect", model, "--json", "--batch-size", "4");
    const shown = JSON.parse(output) as {
      parameters: number;
      run: object;
      memory: Record<string, number>;
      layers: object[];
    };
    const loaded = await loadModel(model);
    const { rows, steps, flops, memory } = loaded.plan({ kind: "predict" }, { batchSize: 4 });
    expect(shown.run).toMatchObject({ kind: "predict", batchSize: rows, steps, flops });
    const count = [...loaded.parameters().values()].reduce((sum, { data: values }) => sum + values.length, 0);
    expect(shown.memory).toEqual({ weights: 4 * count, ...memory });
  });
});

describe("report", () => {
  const few = ["--examples", "1", "--ascent-steps", "0"];

  test("writes a page with the curves of the training, and says where", async () => {
    const file = join(folder, "report.html");
    const argv = ["report", model, "-d", data, "-o", file, ...few];
    const { code, output, errors } = await run(...argv, "--title", "Digits & more");
    expect([code, errors]).toEqual([0, ""]);
    expect(output).toMatch(new RegExp(`^${file}: \\d+ KiB\n$`));
    const html = await readFile(file, "utf8");
    const json = await run(...argv, "--title", "Digits & more", "--json");
    expect(JSON.parse(json.output)).toEqual({ file, bytes: Buffer.byteLength(html) });
    expect(html).toContain("<title>Digits &amp; more</title>");
    for (const part of ["Training", "Right and wrong", "Filters", "Feature maps"]) expect(html).toContain(part);
    expect((await run("report", model, "-d", data, "-o", "-", ...few, "--title", "Digits & more")).output).toBe(html);
  });

  test("without a history that train wrote there are no curves, and no error", async () => {
    const loaded = await loadModel(model);
    for (const history of [undefined, "none", [1], [{ epoch: 1, learningRate: 1, loss: "x", accuracy: 1 }]]) {
      const out = join(folder, "strange");
      const metadata = history === undefined ? {} : { history: history as JsonValue };
      const strange = new Model(loaded.node, { metadata, parameters: loaded.parameters() });
      await strange.save(out);
      const { code, output } = await run("report", out, "-d", data, "-o", "-", ...few);
      expect(code).toBe(0);
      expect(output).not.toMatch(/<h2[^>]*>Training</);
    }
  });

  test.each([
    [["-o", "."], "report: --out must be a file, got the folder ."],
    [["--examples", "0"], 'report: --examples must be a whole number from 1 to 64, got "0"'],
  ])("%j is a mistake", async (argv, message) => {
    const { code, errors } = await run("report", model, "-d", data, ...argv);
    expect([code, errors.split("\n")[0]]).toEqual([2, message]);
  });
});

test("bench times every kind of work on one thread and on all, and says how", async () => {
  const { code, output } = await run("bench", "--seconds", "0.001", "--json");
  expect(code).toBe(0);
  const { threads, rows } = JSON.parse(output) as {
    threads: number;
    rows: { name: string; threads: number; milliseconds: number; gflops: number; kernel: string }[];
  };
  expect(new Set(rows.map((row) => row.threads))).toEqual(new Set([1, threads]));
  for (const row of rows) {
    expect([row.milliseconds, row.gflops].filter(Number.isFinite), row.name).toHaveLength(2);
    expect(row.kernel).toMatch(/^\w+$/);
  }
  expect((await run("bench", "--seconds", "0.001")).output).toMatch(
    / backend, .*\n\nwork +threads +ms +GFLOP\/s +algorithm +kernel\nconv 3x3/,
  );
});
