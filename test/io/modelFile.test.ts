import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Tensor } from "../../lib/data/tensor.js";
import { writeFileAtomic } from "../../lib/io/atomic.js";
import { ModelFileError } from "../../lib/io/errors.js";
import { loadModelFile, saveModelFile, tensorProblems } from "../../lib/io/modelFile.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "striate-model-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const model = (value: number) => ({
  graph: { input: [8, 8, 1], layers: [{ id: "conv1", value }] },
  tensors: new Map<string, Tensor>([["conv1.filter", { shape: [1000], data: new Float32Array(1000).fill(value) }]]),
  metadata: { classes: ["a", "b"], value },
});

describe("writeFileAtomic", () => {
  test("replaces a file and leaves nothing beside it", async () => {
    const path = join(folder, "file");
    await writeFileAtomic(path, "one");
    await writeFileAtomic(path, Uint8Array.of(50));
    expect(await readFile(path, "utf8")).toBe("2");
    expect(await readdir(folder)).toEqual(["file"]);
  });

  test("a failure keeps the old content and cleans up", async () => {
    await expect(writeFileAtomic(join(folder, "missing", "file"), "x")).rejects.toThrow("ENOENT");
    // A folder stands where the file should: the rename fails after the temporary file was written.
    await writeFileAtomic(join(folder, "other"), "kept");
    await expect(writeFileAtomic(folder, "x")).rejects.toThrow();
    expect(await readdir(folder)).toEqual(["other"]);
    expect(
      (await readdir(tmpdir())).filter((name) => name.endsWith(".tmp") && name.includes("striate-model-")),
    ).toEqual([]);
  });
});

describe("model files", () => {
  test("round trip", async () => {
    await saveModelFile(join(folder, "deep", "model"), model(3));
    const loaded = await loadModelFile(join(folder, "deep", "model"));
    expect(loaded.graph).toEqual(model(3).graph);
    expect(loaded.metadata).toEqual(model(3).metadata);
    expect(loaded.tensors.get("conv1.filter")!.data).toEqual(model(3).tensors.get("conv1.filter")!.data);
  });

  test("the same model gives the same bytes; another one replaces it and its weights", async () => {
    await saveModelFile(folder, model(1));
    const first = await readdir(folder);
    const text = await readFile(join(folder, "model.json"), "utf8");
    await saveModelFile(folder, model(1));
    expect(await readdir(folder)).toEqual(first);
    expect(await readFile(join(folder, "model.json"), "utf8")).toBe(text);
    await saveModelFile(folder, model(2));
    const second = await readdir(folder);
    expect(second).toHaveLength(2);
    expect(second).not.toEqual(first);
    expect((await loadModelFile(folder)).metadata.value).toBe(2);
  });

  test("a reader beside a writer sees whole models only", async () => {
    await saveModelFile(folder, model(0));
    let writing = true as boolean;
    const writer = (async () => {
      for (let value = 1; value <= 60; ++value) await saveModelFile(folder, model(value));
      writing = false;
    })();
    const seen = new Set<number>();
    while (writing) {
      const { tensors, metadata } = await loadModelFile(folder);
      const { data } = tensors.get("conv1.filter")!;
      expect(data.every((value) => value === metadata.value)).toBe(true);
      seen.add(data[0]!);
    }
    await writer;
    expect(seen.size).toBeGreaterThan(1);
  });

  test("a writer that died between the two files leaves the old model", async () => {
    await saveModelFile(folder, model(1));
    await writeFile(join(folder, "weights-0123456789abcdef.safetensors"), "half");
    expect((await loadModelFile(folder)).metadata.value).toBe(1);
  });

  const edit = async (change: (description: Record<string, unknown>) => void) => {
    const path = join(folder, "model.json");
    const description = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    change(description);
    await writeFile(path, JSON.stringify(description));
  };

  test.each<[string, (description: Record<string, unknown>) => void, string]>([
    ["another format", (d) => (d.format = "onnx"), 'format must be "striate-model", got "onnx"'],
    ["a newer version", (d) => (d.version = 2), "version must be 1, got 2; a newer striate wrote it: update this one"],
    ["no version", (d) => delete d.version, "version must be 1, got undefined"],
    ["no graph", (d) => delete d.graph, "graph is missing"],
    ["metadata that is no object", (d) => (d.metadata = []), "metadata must be an object, got []"],
    [
      "weights outside of the folder",
      (d) => (d.weights = { file: "../../etc/passwd", sha256: "0".repeat(64) }),
      'weights.file must be named weights-HASH.safetensors, got "../../etc/passwd"',
    ],
    [
      "weights that are not there",
      (d) => (d.weights = { file: "weights-0000000000000000.safetensors", sha256: "0".repeat(64) }),
      "its weights cannot be read: ENOENT",
    ],
    [
      "another hash",
      (d) => (d.weights = { ...(d.weights as object), sha256: "0".repeat(64) }),
      `is damaged: its SHA-256 must be ${"0".repeat(64)}, got `,
    ],
  ])("refuses %s", async (_, change, message) => {
    await saveModelFile(folder, model(1));
    await edit(change);
    await expect(loadModelFile(folder)).rejects.toThrow(ModelFileError);
    await expect(loadModelFile(folder)).rejects.toThrow(message);
    await expect(loadModelFile(folder)).rejects.toThrow("model.json: cannot load the model:");
  });

  test("lists everything that is wrong", async () => {
    await saveModelFile(folder, model(1));
    await edit((description) => {
      delete description.graph;
      description.weights = {};
      description.metadata = 1;
    });
    const error = await loadModelFile(folder).catch((reason: unknown) => reason);
    expect((error as ModelFileError).problems).toHaveLength(4);
    expect((error as ModelFileError).message.split("\n  - ")).toHaveLength(5);
  });

  test("says so where there is no model, or no JSON", async () => {
    await expect(loadModelFile(folder)).rejects.toThrow(
      "model.json: cannot load the model: there is no such file; save a model there first",
    );
    await writeFile(join(folder, "model.json"), "{");
    await expect(loadModelFile(folder)).rejects.toThrow("it is not valid JSON");
    await writeFile(join(folder, "model.json"), "[]");
    await expect(loadModelFile(folder)).rejects.toThrow("it must hold a JSON object");
  });

  test("tensorProblems compares names, shapes and dtypes", () => {
    const expected = new Map([
      ["a", [2]],
      ["b", [2]],
      ["c", [2]],
      ["d", [1, 2]],
    ]);
    const tensors = new Map<string, Tensor>([
      ["a", { shape: [2], data: new Float32Array(2) }],
      ["c", { shape: [2], data: new Int32Array(2) }],
      ["d", { shape: [2], data: new Float32Array(2) }],
      ["e", { shape: [2], data: new Float32Array(2) }],
    ]);
    expect(tensorProblems(expected, tensors)).toEqual([
      "tensor b of shape [2] is missing",
      "tensor c must hold float32 values, got Int32Array",
      "tensor d must have shape [1, 2], got [2]",
      "tensor e belongs to no layer of the graph",
    ]);
  });
});
