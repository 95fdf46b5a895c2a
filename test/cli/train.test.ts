import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../../lib/cli/run.js";
import { backendInfo, digits, loadModel } from "../../lib/index.js";
import { recordingTerminal, run, spawnProgram } from "./terminal.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "striate-cli-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("train, predict and info", () => {
  test("train prints an epoch a line, then the results, and saves the model", async () => {
    const out = join(folder, "model");
    const { code, output, errors } = await run("train", "--epochs", "2", "--seeds", "2", "--seed", "7", "--out", out);
    expect(code).toBe(0);
    const part = String.raw`loss \d\.\d{4} accuracy \d+\.\d %`;
    const epochs = errors.trimEnd().split("\n");
    expect(epochs).toHaveLength(4);
    for (const line of epochs) {
      expect(line).toMatch(new RegExp(`^seed [78]  epoch [12]/2  ${part}  validation ${part}$`));
    }
    const lines = output.trimEnd().split("\n");
    expect(lines).toHaveLength(5);
    expect(lines[0]).toMatch(/^seed 7: test accuracy \d\d\.\d % \(epoch 2 chosen at \d\d\.\d % validation accuracy\)$/);
    expect(lines[2]).toMatch(/^mean test accuracy over 2 seeds: \d\d\.\d\d %$/);
    expect(lines[3]).toMatch(/^softmax regression on the same split: 9[456]\.\d %$/);
    expect(lines[4]).toMatch(new RegExp(`^saved seed [78] in ${out}$`));

    const model = await loadModel(out);
    expect(model.metadata).toMatchObject({ classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"], epoch: 2 });
    const { accuracy } = await model.evaluate((await digits()).test);
    expect(accuracy).toBe((model.metadata.test as { accuracy: number }).accuracy);
    expect(accuracy).toBeGreaterThan(0.9);
  });

  test("the same seed writes the same bytes, another one others", async () => {
    const weights = async (seed: string, name: string) => {
      const out = join(folder, name);
      expect((await run("train", "--epochs", "1", "--seed", seed, "--out", out, "--quiet")).errors).toBe("");
      return (await readdir(out)).find((file) => file.startsWith("weights-"));
    };
    const first = await weights("3", "first");
    expect(await weights("3", "second")).toBe(first);
    expect(await weights("4", "third")).not.toBe(first);
  });

  test("predict shows a digit of the data set with its part, label and probabilities", async () => {
    const { code, output } = await run("predict", "--model", join(folder, "model"), "--digit", "0,3");
    expect(code).toBe(0);
    const [first, second] = output.split(/(?=digit 3)/);
    expect(first).toMatch(/^digit 0, a 0 of the (train|validation|test) part\n/);
    expect(first).toContain("      --##++..        0  ");
    expect(first!.match(/^ {2}.{16} {4}\d +\d+\.\d %/gm)).toHaveLength(10);
    expect(first).toMatch(/\n\n-> 0 \(\d+\.\d %\)\n\n$/);
    expect(second).toMatch(/\n\n-> 3 \(\d+\.\d %\)\n\n$/);
  });

  test("predict reads pictures from files, dark on light and light on dark", async () => {
    const { all } = await digits();
    for (const [number, sign] of [
      [0, -1],
      [11, 1],
    ] as const) {
      const ink = all.images.data.subarray(64 * number, 64 * number + 64);
      const grey = Uint8Array.from(ink, (value) => (sign < 0 ? 255 - 255 * value : 255 * value));
      const file = join(folder, `digit${number}.png`);
      await sharp(grey, { raw: { width: 8, height: 8, channels: 1 } })
        .resize(160, 160, { kernel: "nearest" })
        .extend({ top: 60, left: 200, bottom: 10, right: 20, background: sign < 0 ? "white" : "black" })
        .png()
        .toFile(file);
      const { output } = await run("predict", "--model", join(folder, "model"), file);
      expect(output).toMatch(new RegExp(`^digit${number}\\.png\n[^]*\n-> ${all.labels[number]!} \\(`));
    }
    const missing = await run("predict", "--model", join(folder, "model"), join(folder, "none.png"));
    expect(missing.code).toBe(1);
    expect(missing.errors).toContain("none.png: cannot be read as an image: ");
  });

  test("info tells version, backend and the layers of a model", async () => {
    const { code, output } = await run("info", "--model", join(folder, "model"));
    expect(code).toBe(0);
    expect(output).toMatch(/^striate \d+\.\d+\.\d+\nnode \d+\.\d+\.\d+ on \w+ \w+\nbackend (native|reference), /);
    expect(output).toContain("conv2d1");
    expect(output).toContain("25,978");
    const json = JSON.parse((await run("info", "--model", join(folder, "model"), "--json")).output) as object;
    const { backend, isa, threads } = backendInfo();
    expect(json).toMatchObject({ backend, isa, threads, node: process.versions.node, loadError: null });
    expect(json).toMatchObject({ model: join(folder, "model"), inputShape: [8, 8, 1], outputShape: [10] });
  });
});

test(
  "the main job: over five seeds a mean test accuracy of 98.5 % or better, above softmax regression",
  { timeout: 900_000 },
  async () => {
    const { code, output } = await run("train", "--seeds", "5", "--quiet", "--out", join(folder, "five"));
    expect(code).toBe(0);
    const mean = Number(/^mean test accuracy over 5 seeds: ([\d.]+) %$/m.exec(output)![1]);
    const baseline = Number(/^softmax regression on the same split: ([\d.]+) %$/m.exec(output)![1]);
    expect(mean).toBeGreaterThanOrEqual(98.5);
    expect(baseline).toBeLessThan(mean);
  },
);

describe("interruption", () => {
  test("an abort ends the training within the epoch, with exit code 130 and nothing written", async () => {
    const controller = new AbortController();
    const terminal = recordingTerminal();
    const error = {
      write(text: string) {
        terminal.error.write(text);
        if (text.includes("epoch 1/")) controller.abort();
      },
    };
    const out = join(folder, "aborted");
    const argv = ["train", "--epochs", "1000", "--out", out];
    expect(await runCommandLine(argv, { out: terminal.out, error }, controller.signal)).toBe(130);
    expect(terminal.errors().trimEnd().split("\n").at(-1)).toBe("interrupted: nothing was written");
    expect(terminal.errors()).not.toContain("epoch 2/");
    expect(terminal.output()).toBe("");
    expect(await readdir(folder)).not.toContain("aborted");
  });

  test("Ctrl-C ends the program cleanly", async () => {
    const { code, signal, errors } = await spawnProgram(
      ["train", "--epochs", "1000", "--out", join(folder, "interrupted")],
      { onErrors: (text, kill) => text.includes("epoch 1/") && !text.includes("interrupted") && kill("SIGINT") },
    );
    expect([code, signal]).toEqual([130, null]);
    expect(errors.trimEnd().split("\n").at(-1)).toBe("interrupted: nothing was written");
    expect(await readdir(folder)).not.toContain("interrupted");
  });
});
