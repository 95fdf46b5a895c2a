/** Sheets of filters and feature maps: their pixels against the numbers that they show. */
import { describe, expect, test } from "vitest";
import { Model, sequential, tensor } from "../../lib/index.js";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { divergingScale, featureMaps, filterSheet, sequentialScale } from "../../lib/visualize/index.js";
import { all, parse, texts, tiles } from "./svg.js";

const net = sequential([6, 5, 3])
  .conv2d({ filters: 5, kernel: [3, 2], padding: "same" })
  .relu()
  .conv2d({ filters: 20, kernel: 3 })
  .depthwiseConv2d({ kernel: 2 })
  .conv2d({ filters: 2, kernel: 1 })
  .flatten()
  .dense({ units: 4 });
const model = net.model({ seed: 5 });
const parameters = model.parameters();

/** A weight by its place. */
function weightOf(layer: string): (y: number, x: number, channel: number, filter: number) => number {
  const { shape, data } = parameters.get(`${layer}.weight`)!;
  const [, width, channels, filters] = shape as readonly [number, number, number, number];
  return (y, x, channel, filter) => data[((y * width + x) * channels + channel) * filters + filter]!;
}

describe("filters", () => {
  test("of three channels are colours: grey is 0, the largest magnitude of the filter is full", () => {
    const sheet = filterSheet(model, "conv2d1");
    expect(sheet.title).toBe("Filters of conv2d1: 5 of 3\u00d72\u00d73");
    const found = tiles(parse(sheet.toSvg()));
    const weight = weightOf("conv2d1");
    expect(found).toHaveLength(5);
    found.forEach(({ width, height, at }, filter) => {
      expect([width, height]).toEqual([2, 3]);
      const taps = [0, 1, 2].flatMap((y) => [0, 1].map((x) => [0, 1, 2].map((c) => weight(y, x, c, filter))));
      const limit = Math.max(...taps.flat().map(Math.abs));
      taps.forEach((rgb, tap) => {
        const want = rgb.map((value) => Math.round((255 * (value / limit + 1)) / 2));
        expect(at(tap % 2, Math.floor(tap / 2))).toEqual(want);
      });
    });
  });

  test("of several channels are patches, one scale for the layer", () => {
    const svg = parse(filterSheet(model, "conv2d2").toSvg());
    const found = tiles(svg);
    const weight = weightOf("conv2d2");
    const { color } = divergingScale(Math.max(...parameters.get("conv2d2.weight")!.data.map(Math.abs)));
    expect(found).toHaveLength(20);
    found.forEach(({ width, height, at }, filter) => {
      // Five channels in three columns and two rows.
      expect([width, height]).toEqual([11, 7]);
      for (let channel = 0; channel < 5; channel++) {
        const [left, top] = [4 * (channel % 3), 4 * Math.floor(channel / 3)];
        for (let tap = 0; tap < 9; tap++) {
          const [x, y] = [tap % 3, Math.floor(tap / 3)];
          expect(at(left + x, top + y)).toEqual([...color(weight(y, x, channel, filter)), 255]);
        }
      }
    });
    expect(texts(svg)).toEqual(expect.arrayContaining(["0", "19"]));
  });

  test("of many channels are root mean squares", () => {
    const sheet = filterSheet(model, "conv2d3");
    const weight = weightOf("conv2d3");
    const rms = [0, 1].map((filter) =>
      Math.sqrt(Array.from({ length: 20 }, (_, c) => weight(0, 0, c, filter) ** 2).reduce((a, b) => a + b) / 20),
    );
    const { color } = sequentialScale(0, Math.max(...rms));
    expect(tiles(parse(sheet.toSvg())).map(({ at }) => at(0, 0))).toEqual(rms.map((value) => [...color(value)]));
    expect(sheet.description).toContain("root mean square of each tap over 20 input channels");
  });

  test("of depthwise layers too; no more than asked for; as asked for", () => {
    expect(tiles(parse(filterSheet(model, "depthwiseConv2d1", { limit: 7 }).toSvg()))).toHaveLength(7);
    expect(filterSheet(model, "depthwiseConv2d1", { limit: 7 }).description).toContain("The first 7 of 20 filters.");
    const patches = tiles(parse(filterSheet(model, "conv2d1", { show: "channels" }).toSvg()));
    expect([patches[0]!.width, patches[0]!.height]).toEqual([5, 7]);
  });

  test("says which layers have some", () => {
    const have = "those with filters are conv2d1, conv2d2, depthwiseConv2d1, conv2d3";
    expect(() => filterSheet(model, "relu1")).toThrow(`filterSheet: relu1 is no layer with filters; ${have}`);
    const flat = sequential([4]).dense({ units: 2 }).model();
    expect(() => filterSheet(flat, "dense1")).toThrow("filterSheet: dense1 is no layer with filters; the net has none");
    const show = () => filterSheet(model, "conv2d2", { show: "color" });
    expect(show).toThrow('filterSheet: show "color" needs 3 input channels, conv2d2 has 5');
  });
});

describe.each<[string, Backend]>([
  ["reference", referenceBackend],
  ["native", nativeBackend()],
])("feature maps, %s", (_, backend) => {
  const images = tensor(
    [2, 6, 5, 3],
    Float32Array.from({ length: 180 }, (_, i) => ((i * 37) % 101) / 100),
  );
  const built = new Model<[6, 5, 3], [4]>(net.node, { seed: 5, backend });

  test("a tile for each channel, in the colours of what the layer gives; a strip for a vector", async () => {
    const layers = ["relu1", "conv2d2", "dense1"];
    const svg = parse((await featureMaps(built, images, { layers, index: 1 })).toSvg());
    const found = tiles(svg);
    expect(found).toHaveLength(1 + 5 + 16 + 1);
    expect(found[0]!.at(4, 5)).toEqual([...images.data.subarray(177, 180)].map((value) => Math.round(255 * value)));
    const given = built.activationsSync(images, { layers });
    const relu = given.get("relu1")!.data.subarray(150);
    const positive = sequentialScale(0, Math.max(...relu));
    for (let channel = 0; channel < 5; channel++) {
      for (let pixel = 0; pixel < 30; pixel++) {
        const want = [...positive.color(relu[5 * pixel + channel]!)];
        expect(found[1 + channel]!.at(pixel % 5, Math.floor(pixel / 5))).toEqual(want);
      }
    }
    const dense = given.get("dense1")!.data.subarray(4);
    const signed = divergingScale(Math.max(...dense.map(Math.abs)));
    dense.forEach((value, i) => expect(found.at(-1)!.at(i, 0)).toEqual([...signed.color(value)]));
    expect(texts(svg).some((text) => text.startsWith("conv2d2: 4\u00d73\u00d720, the first 16 channels"))).toBe(true);
  });

  test("all layers by default, and errors in words", async () => {
    const picture = await featureMaps(built, images);
    expect(picture.description).toContain("7 layers make of it: conv2d1, relu1, conv2d2, depthwiseConv2d1, conv2d3");
    expect(all(parse(picture.toSvg()), "g", "sv-tile")).toHaveLength(1 + 5 + 5 + 16 + 16 + 2 + 1 + 1);
    await expect(featureMaps(built, images, { index: 2 })).rejects.toThrow("index must be from 0 to 1, got 2");
    await expect(featureMaps(built, images, { layers: ["x"] })).rejects.toThrow("the net has no layer x");
    await expect(featureMaps(built, images, { signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
  });
});
