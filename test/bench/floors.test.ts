// The data of the bench: every row readable, every kind of work with a floor, every floor in --quick.
import { describe, expect, it } from "vitest";
import { checkFloorEntry, floorsOf, matches, readFloors } from "../../bench/floors.js";
import { models } from "../../bench/models/index.js";
import { quickWorks } from "../../bench/measure/quick.js";
import { bytesOf, flopsOf, inputsOf, isSingleThreaded, type ConvWork, type ModelWork } from "../../bench/work.js";
import { convWorks, listWorks, modelWorks } from "../../bench/works.js";

const works = listWorks();
const floors = readFloors();
const shape = { name: "c", input: [4, 6, 8], filters: 5, kernel: 3, stride: 1, padding: 1 } as const;

/** The figures that this package promises, kind by kind. */
const promised = [
  "sgemm 256 to 2048; ResNet's layers as pixels x channels with packed weights",
  "3x3 stride 1: 64 and 128 channels batch 1; 64 to 512 channels batch 16; VGG's",
  "3x3 stride 1 batch 1: 256 channels at 14x14; 512 at 7x7",
  "1x1; strided 3x3",
  "first layers: 7x7 stride 2 RGB; 3x3 RGB; the lecture's 5x5",
  "depthwise 3x3",
  "input gradient of the dense 3x3 and 1x1 layers",
  "filter gradient of the same",
  "inference batch 1 and 8: VGG-16; ResNet-18",
  "inference: GoogLeNet, SqueezeNet, small VGG, LeNet-5",
  "inference: ResNet-50, MobileNetV2",
  "training step batch 64 (ResNet-18 on 32x32: 32): LeNet-5, small VGG with batch norm, ResNet-18",
  "training step: small VGG, lecture CNN",
  "no row below 1.0",
  "reference backend, LeNet-5 and small VGG",
  "Sync run of a one-op Program on one element; import of the package in a fresh process",
  "ResNet-50 inference: State + packed weights + arena",
];

describe("works", () => {
  it("are listed once each, under names that say what and how many", () => {
    const ids = works.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9]+\/[a-z0-9_]+(\/[a-z0-9]+)?$/);
    expect(ids).toEqual(expect.arrayContaining(["forward/r_64_3x3/16", "gemm/sq256/both", "train/lenet5/64"]));
  });
  it("are chosen by name", () => {
    expect(listWorks(/^forward\/r_64_3x3\/1$/)).toMatchObject([
      { kind: "conv", batch: 1, peers: ["onnxruntime", "onednn"] },
    ]);
  });
  it("must have every field and no other", () => {
    const entry = { ...shape, batches: [1], directions: ["forward"] };
    expect(convWorks(entry)).toMatchObject([{ id: "forward/c/1", shape: { groups: 1 } }]);
    expect(() => convWorks({ ...entry, kernel: 0, pading: 1 })).toThrow("conv.json: kernel, pading must be right in");
    expect(() => modelWorks({ name: "m", input: [1, 1, 1], classes: 2, rows: [] })).toThrow("models.json: rows");
  });
  it("name models that there are", () => {
    for (const work of works.filter((each): each is ModelWork => "model" in each)) {
      const model = models.get(work.model.name);
      if (model === undefined) continue;
      const { node } = model.net();
      expect(node.outputShape, work.id).toEqual([work.model.classes]);
    }
  });
  it("know their operations, bytes and inputs", () => {
    const [forward, backward] = convWorks({ ...shape, batches: [2], directions: ["forward", "backwardFilter"] });
    const [x, dy] = [2 * 4 * 6 * 8, 2 * 4 * 6 * 5];
    expect(flopsOf(forward!)).toBe(2 * dy * 72);
    expect(bytesOf(forward as ConvWork)).toBe(4 * (x + dy));
    expect(inputsOf(backward as ConvWork)).toEqual([{ shape: [2, 4, 6, 8] }, { shape: [2, 4, 6, 5] }]);
  });
});

describe("floors", () => {
  it("are there for every kind of work that was promised", () => {
    expect([...new Set(floors.map(({ work }) => work))]).toEqual(promised);
  });
  it("name rows that there are", () => {
    for (const { rows } of floors) {
      for (const pattern of rows) {
        expect(
          works.some(({ id }) => matches(pattern, id)),
          pattern,
        ).toBe(true);
      }
    }
  });
  it("are all represented in --quick, on one thread and on all", () => {
    const quick = quickWorks(floors).map(({ id }) => id);
    for (const { work, quick: own, one, all, rows } of floors) {
      expect(own.length, work).toBeGreaterThan(0);
      for (const id of own) expect(quick).toContain(id);
      expect(one.length, work).toBeGreaterThan(0);
      const threaded = works.filter(({ id }) => rows.some((row) => matches(row, id))).some((w) => !isSingleThreaded(w));
      if (threaded) expect(all.length, work).toBeGreaterThan(0);
    }
  });
  it("refuse what they do not know", () => {
    const entry = { work: "w", rows: ["a/*"], one: [{ ratio: 1 }], quick: ["a/b"] };
    expect(checkFloorEntry(entry)).toMatchObject({ all: [] });
    const wrong = [{ quick: ["b/b"] }, { one: [{}] }, { one: [{ ratoi: 1 }] }, { one: [{ peak: 1, peer: "pytorch" }] }];
    for (const change of [...wrong, { one: [], all: [] }, { two: [] }]) {
      expect(() => checkFloorEntry({ ...entry, ...change }), JSON.stringify(change)).toThrow("wrong entry");
    }
  });
  it("hold the higher one of two, and no ratio where there is no peer", () => {
    expect(floorsOf(floors, "forward/r_64_3x3/1", 1, true)).toEqual([{ ratio: 2 }]);
    expect(floorsOf(floors, "forward/r50_conv1/1", 2, true)).toEqual([{ ratio: 1.5 }]);
    expect(floorsOf(floors, "backwardFilter/r_64_3x3/1", 1, false)).toEqual([{ peak: 0.78 }]);
    expect(floorsOf(floors, "gemm/sq64/both", 1, true)).toEqual([{ ratio: 1 }]);
  });
});
