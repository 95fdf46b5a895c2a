/** Grad-CAM and occlusion against plain float64 loops, and what gradient ascent must do. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, tensor, type Tensor } from "../../lib/index.js";
import {
  gradCam,
  maximizeActivation,
  maximizedImages,
  occlusion,
  overlayRaster,
  overlaySheet,
  type AttributionMap,
} from "../../lib/visualize/index.js";
import { beforeActivation, lastMapLayer, scoreLayer } from "../../lib/visualize/scores.js";
import { Random } from "../support/random.js";
import { plainGradCam, plainOcclusion, reluMaps, scoresOf, type Interval, type PlainNet } from "./plainNet.js";
import { parse, tiles } from "./svg.js";

const [height, width, channels, filters, classes] = [5, 4, 2, 3, 3] as const;
const scores = sequential([height, width, channels])
  .conv2d({ filters, kernel: 3, padding: "same", precision: "exact" })
  .relu()
  .flatten()
  .dense({ units: classes });
const net = scores.softmax();

function drawn(rows: number): Tensor<[number, 5, 4, 2], Float32Array> {
  const random = new Random("attribution");
  const data = Float32Array.from({ length: rows * height * width * channels }, () => random.unit());
  return tensor([rows, height, width, channels], data);
}

const images = drawn(3);
const rowOf = (row: number): number[] => [...images.data.subarray(row * 40, row * 40 + 40)];

function plain(model: { parameters(): ReadonlyMap<string, { readonly data: Float32Array }> }): PlainNet {
  const parameters = model.parameters();
  const data = (name: string): Float32Array => parameters.get(name)!.data;
  return {
    ...{ height, width, channels, filters, classes },
    ...{ weight: data("conv2d1.weight"), bias: data("conv2d1.bias") },
    ...{ denseWeight: data("dense1.weight"), denseBias: data("dense1.bias") },
  };
}

function expectWithin(got: Float32Array, wants: readonly Interval[]): void {
  expect(got).toHaveLength(wants.length);
  wants.forEach(({ value, error }, i) => {
    expect(Math.abs(got[i]! - value), `element ${i}: ${got[i]!} for ${value}`).toBeLessThanOrEqual(error);
  });
  // A tolerance that accepts zeros would prove nothing.
  const largest = Math.max(...wants.map(({ value }) => Math.abs(value)));
  expect(Math.max(...wants.map(({ error }) => error))).toBeLessThan(1e-3 * largest);
}

describe.each<[string, Backend]>([
  ["reference", referenceBackend],
  ["native", nativeBackend()],
])("%s", (_, backend) => {
  const build = () => {
    const model = new Model<[5, 4, 2], [3]>(net.node, { seed: 4, backend });
    const parameters = model.parameters();
    for (const [name, { data }] of parameters) {
      if (name.endsWith("bias")) data.forEach((_, i) => (data[i] = (i + 1) / 10));
    }
    model.setParameters(parameters);
    return model;
  };

  test("Grad-CAM of given classes", async () => {
    const model = build();
    const labels = [2, 0, 1];
    const found = await gradCam(model, images, { labels });
    expect([found.layer, ...found.labels]).toEqual(["relu1", ...labels]);
    const reference = plain(model);
    let positive = 0;
    found.maps.forEach(({ shape, data }, row) => {
      expect(shape).toEqual([height, width]);
      const wants = plainGradCam(reference, reluMaps(reference, rowOf(row)), labels[row]!);
      positive += wants.filter(({ value }) => value > 0).length;
      wants.forEach(({ value, error }, i) => {
        expect(Math.abs(data[i]! - value), `row ${row}, element ${i}`).toBeLessThanOrEqual(error);
      });
    });
    expect(positive).toBeGreaterThan(10);
  });

  test("Grad-CAM explains the model's own answers by default, however many images a run has", async () => {
    const model = build();
    const reference = plain(model);
    const answers = [0, 1, 2].map((row) => {
      const values = scoresOf(reference, reluMaps(reference, rowOf(row))).map(({ value }) => value);
      return values.indexOf(Math.max(...values));
    });
    const found = await gradCam(model, images, { batchSize: 2 });
    expect([...found.labels]).toEqual(answers);
    expect(found).toEqual(await gradCam(model, images, { labels: answers }));
  });

  test("occlusion is the fall of the class's output, the mean over the squares on a pixel", async () => {
    const model = new Model<[5, 4, 2], [3]>(scores.node, { seed: 4, backend });
    const reference = plain(model);
    const seen: number[] = [];
    const options = { index: 1, label: 2, size: 2, stride: 2, batchSize: 4 };
    const found = await occlusion(model, images, { ...options, onProgress: ({ done }) => seen.push(done) });
    // Five rows under squares of two, two apart: the last one is flush with the end.
    const cover = { label: 2, tops: [0, 2, 3], lefts: [0, 2], size: 2 };
    expectWithin(found.map.data, plainOcclusion(reference, rowOf(1), cover));
    expect(seen).toEqual([4, 6]);
    expect(found.label).toBe(2);
    const [, , want] = scoresOf(reference, reluMaps(reference, rowOf(1)));
    expect(Math.abs(found.score - want!.value)).toBeLessThanOrEqual(want!.error);
  });

  test("occlusion covers with what it is told, watches the answer, and takes bytes", async () => {
    const model = build();
    const black = tensor([1, height, width, channels], new Uint8Array(40));
    const nothing = await occlusion(model, black, { fill: 0 });
    expect([...nothing.map.data]).toEqual(new Array(20).fill(0));
    const { data } = model.predictSync(images);
    const { label, score } = await occlusion(model, images, { index: 2 });
    expect(score).toBe(Math.max(...data.subarray(6)));
    expect(score).toBe(data[6 + label]);
  });

  test("gradient ascent excites every channel, inside of the range, the same for a seed", async () => {
    const model = build();
    const steps: number[] = [];
    const options = { steps: 20, seed: 7, range: [-1, 2] as const };
    const found = await maximizeActivation(model, "conv2d1", {
      ...options,
      onProgress: ({ done, total }) => steps.push(done / total),
    });
    expect(found.images.shape).toEqual([3, height, width, channels]);
    found.channels.forEach((channel, row) =>
      expect(found.after[row], `channel ${channel}`).toBeGreaterThan(found.before[row]!),
    );
    expect(found.images.data.every((value) => value >= -1 && value <= 2)).toBe(true);
    expect(steps).toEqual(Array.from({ length: 20 }, (_, i) => (i + 1) / 20));
    const { data } = (await model.activations(found.images as never, { layers: ["conv2d1"] })).get("conv2d1")!;
    const mean = data
      .filter((_, i) => i % 3 === 0)
      .slice(0, 20)
      .reduce((sum, value) => sum + value / 20, 0);
    expect(found.after[0]).toBeCloseTo(mean, 5);
    const again = await maximizeActivation(model, "conv2d1", options);
    expect(again.images.data).toEqual(found.images.data);
    expect((await maximizeActivation(model, "conv2d1", { ...options, seed: 8 })).images.data).not.toEqual(
      found.images.data,
    );
    const one = await maximizeActivation(model, "conv2d1", { ...options, channels: [2], jitter: 1 });
    const all = await maximizeActivation(model, "conv2d1", { ...options, jitter: 1 });
    one.images.data.forEach((value, i) => expect(value).toBeCloseTo(all.images.data[80 + i]!, 3));
    expect(tiles(parse(maximizedImages(found).toSvg()))).toHaveLength(3);
  });

  test("gradient ascent takes units of vectors; where nothing is differentiable nothing moves", async () => {
    const model = build();
    const found = await maximizeActivation(model, "dense1", { channels: [1], steps: 10 });
    expect(found.after[0]).toBeGreaterThan(found.before[0]!);
    const parameters = model.parameters();
    parameters.get("conv2d1.bias")!.data.fill(-1e3);
    model.setParameters(parameters);
    const dead = await maximizeActivation(model, "relu1", { channels: [0], steps: 2, blur: 0 });
    expect([dead.before[0], dead.after[0]]).toEqual([0, 0]);
  });

  test("aborts", async () => {
    const model = build();
    const controller = new AbortController();
    const onProgress = () => controller.abort(new Error("enough"));
    const { signal } = controller;
    await expect(maximizeActivation(model, "conv2d1", { onProgress, signal })).rejects.toThrow("enough");
    await expect(occlusion(model, images, { signal })).rejects.toThrow("enough");
    await expect(gradCam(model, images, { signal })).rejects.toThrow("enough");
  });
});

describe("without a run", () => {
  const model = net.model({ seed: 1, backend: referenceBackend });
  const maps = sequential([4, 4, 1]).conv2d({ filters: 2, kernel: 3 }).model({ backend: referenceBackend });
  const flat = sequential([4]).dense({ units: 2 }).model({ backend: referenceBackend });

  test("scores are what a softmax reads; the last maps are those behind the last convolution", () => {
    expect([scoreLayer(model), scoreLayer(maps)]).toEqual(["dense1", "conv2d1"]);
    expect(lastMapLayer(model, "x")).toBe("relu1");
    expect([beforeActivation(model, "relu1"), beforeActivation(model, "conv2d1")]).toEqual(["conv2d1", "conv2d1"]);
    const residual = sequential([8, 8, 1])
      .conv2d({ filters: 2, kernel: 3 })
      .residual((x) => x.conv2d({ filters: 2, kernel: 3, padding: "same" }).batchNorm())
      .relu()
      .maxPool2d({ size: 2 });
    expect(lastMapLayer(residual, "x")).toBe("relu1");
    expect(() => lastMapLayer(flat, "gradCam")).toThrow("gradCam: the net has no convolution to look at");
  });

  const vectors = tensor([1, 1, 1, 4], new Float32Array(4));
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "labels that are no class",
      () => gradCam(model, images, { labels: [0, 1, 3] }),
      "gradCam: a class must be from 0 to 2, got 3",
    ],
    [
      "too few labels",
      () => gradCam(model, images, { labels: [0] }),
      "gradCam: needs one class per image, got 1 for 3",
    ],
    ["no such layer", () => gradCam(model, images, { layer: "x" }), "gradients: the net has no layer x"],
    [
      "a layer without maps",
      () => gradCam(model, images, { layer: "flatten1" }),
      "gradCam: the layer must give [height, width, channels], flatten1 gives [60]",
    ],
    ["no classes", () => gradCam(maps, drawn(1)), "gradCam: the model must end in [classes], got [2, 2, 2]"],
    ["no convolution", () => gradCam(flat, vectors), "gradCam: the net has no convolution to look at"],
    [
      "a square of nothing",
      () => occlusion(model, images, { size: 0 }),
      "occlusion: size must be a whole number from 1 to 4, got 0",
    ],
    [
      "a square beyond the image",
      () => occlusion(model, images, { size: 5 }),
      "size must be a whole number from 1 to 4, got 5",
    ],
    [
      "gaps between squares",
      () => occlusion(model, images, { size: 2, stride: 3 }),
      "stride must be a whole number from 1 to 2, got 3",
    ],
    ["an index beyond", () => occlusion(model, images, { index: 3 }), "occlusion: index must be from 0 to 2, got 3"],
    ["a class beyond", () => occlusion(model, images, { label: -1 }), "occlusion: a class must be from 0 to 2, got -1"],
    [
      "no such layer to excite",
      () => maximizeActivation(model, "x"),
      "maximizeActivation: the net has no layer x; it has input, conv2d1",
    ],
    [
      "no such channel",
      () => maximizeActivation(model, "conv2d1", { channels: [3] }),
      "maximizeActivation: conv2d1 has channels 0 to 2, got 3",
    ],
    [
      "no channels",
      () => maximizeActivation(model, "conv2d1", { channels: [] }),
      "channels must be one or more, got none",
    ],
    [
      "no steps",
      () => maximizeActivation(model, "conv2d1", { steps: 0 }),
      "steps must be a whole number of at least 1, got 0",
    ],
    [
      "a range of nothing",
      () => maximizeActivation(model, "conv2d1", { range: [1, 1] }),
      "range must be [low, high] with low < high, got [1, 1]",
    ],
    [
      "no step",
      () => maximizeActivation(model, "conv2d1", { stepSize: 0 }),
      "stepSize must be above 0 and at most 1, got 0",
    ],
    [
      "vectors",
      () => maximizeActivation(flat, "dense1"),
      "the model must take images [height, width, channels], got [4]",
    ],
  ])("refuses %s", async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
    await expect(call()).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_STRIATE_(OPTION|SHAPE)$/) as string,
    });
  });

  test("an overlay is the image where the map is zero everywhere, and the strongest colour at its peak", () => {
    const image = { width: 2, height: 1, channels: 3 as const, data: Uint8Array.of(200, 200, 200, 0, 0, 0) };
    const map = (...values: number[]): AttributionMap => tensor([1, 2], Float32Array.from(values));
    const pixel = (of: { data: Uint8Array; width: number }, x: number): number[] => [
      ...of.data.subarray(3 * x, 3 * x + 3),
    ];
    const none = overlayRaster(image, map(0, 0));
    expect([none.width, none.height]).toEqual([96, 48]);
    expect([pixel(none, 0), pixel(none, 95)]).toEqual([
      [200, 200, 200],
      [0, 0, 0],
    ]);
    const some = overlayRaster(image, map(0, 3));
    // 0.6 of yellow (253, 231, 37) over black, of dark violet (68, 1, 84) over 0.4 of grey.
    expect([pixel(some, 95), pixel(some, 0)]).toEqual([
      [152, 139, 22],
      [121, 81, 130],
    ]);
    const [red, , blue] = pixel(overlayRaster(image, map(-3, 3), true), 0);
    expect(blue).toBeGreaterThan(red!);
    const sheet = overlaySheet(drawn(2), [{ index: 1, map: map(1, 2), caption: ["a", "b"] }], {
      title: "t",
      description: "d",
    });
    expect(tiles(parse(sheet.toSvg()))).toHaveLength(2);
  });
});
