/** The general drawings, read back from their SVG. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decode } from "fast-png";
import { afterAll, describe, expect, test, vi } from "vitest";
import { OptionError, ShapeError, tensor } from "../../lib/index.js";
import * as visualize from "../../lib/visualize/index.js";
import { wrapText } from "../../lib/visualize/layout.js";
import { escape } from "../../lib/visualize/markup.js";
import { montage, resample } from "../../lib/visualize/raster.js";
import { all, number, parse, pixelsOf, texts, tiles } from "./svg.js";

const { divergingScale, heatMap, imageGrid, imageRaster, lineChart, sequentialScale, stack } = visualize;
const about = { title: "A title", description: "What is to be seen." };
const folder = await mkdtemp(join(tmpdir(), "striate-pictures-"));
afterAll(() => rm(folder, { recursive: true }));

describe("colours", () => {
  const luma = ([red, green, blue]: readonly number[]): number => 0.299 * red! + 0.587 * green! + 0.114 * blue!;

  test("signed values: zero is neutral, the signs are blue and red, equal magnitudes are equally strong", () => {
    const { color } = divergingScale(2);
    const zero = color(0);
    expect(Math.max(...zero) - Math.min(...zero)).toBeLessThan(8);
    expect(luma(zero)).toBeGreaterThan(235);
    const [red, blue] = [color(1), color(-1)];
    expect(red[0] - red[2]).toBeGreaterThan(50);
    expect(blue[2] - blue[0]).toBeGreaterThan(50);
    expect(color(5)).toEqual(color(2));
    expect(color(NaN)).toEqual([255, 0, 255]);
  });

  test("magnitudes: brightness grows with the value", () => {
    const { color } = sequentialScale(1, 3);
    const steps = Array.from({ length: 21 }, (_, i) => luma(color(1 + i / 10)));
    steps.slice(1).forEach((value, i) => expect(value).toBeGreaterThan(steps[i]!));
    expect(color(-7)).toEqual(color(1));
  });

  test("a scale of no extent has one colour", () => {
    expect(divergingScale(0).color(0)).toEqual(divergingScale(1).color(0));
    expect(sequentialScale(2, 2).color(2)).toEqual(sequentialScale(0, 1).color(0));
  });
});

describe("line chart", () => {
  const points = (...ys: number[]) => ys.map((y, i) => [i, y] as const);

  test("draws a path for each series, their names, and ticks that keep the order of the values", () => {
    const series = [
      { name: "rising", points: points(0, 5, 10) },
      { name: "falling & more", points: points(10, 5, 0), dashed: true },
    ];
    const svg = parse(lineChart(series, { ...about, xLabel: "step", yLabel: "height", wholeX: true }).toSvg());
    const lines = all(svg, "path", "sv-line").slice(2);
    expect(lines.map((line) => all(line, "title")[0]!.textContent)).toEqual(["rising", "falling & more"]);
    expect(lines.map((line) => line.getAttribute("stroke-dasharray"))).toEqual([null, "5 4"]);
    const path = lines[0]!
      .getAttribute("d")!
      .match(/-?[\d.]+/g)!
      .map(Number);
    expect(path).toHaveLength(6);
    expect([path[0]! < path[2]!, path[1]! > path[3]!, path[3]! > path[5]!]).toEqual([true, true, true]);
    // The middle value is half way between the others, along both axes.
    expect(path[2]).toBeCloseTo((path[0]! + path[4]!) / 2, 1);
    expect(path[3]).toBeCloseTo((path[1]! + path[5]!) / 2, 1);
    expect(texts(svg)).toEqual(expect.arrayContaining(["step", "height", "falling & more", "0", "1", "2", "10"]));
  });

  test("names that do not fit beside each other go into further rows, below which the drawing keeps its height", () => {
    const named = (count: number) =>
      Array.from({ length: count }, (_, i) => ({ name: `a line's name ${i}`, points: points(1, 2) }));
    const [one, five] = [lineChart(named(1), about), lineChart(named(5), about)];
    const entries = all(all(parse(five.toSvg()), "g", "sv-legend")[0]!, "g");
    const places = entries.map((entry) => entry.getAttribute("transform")!.match(/\d+/g)!.map(Number));
    expect(new Set(places.map(([, y]) => y)).size).toBeGreaterThan(1);
    expect(new Set(places.map(String)).size).toBe(5);
    for (const [x] of places) expect(x! + 28 + 14 * 6).toBeLessThanOrEqual(five.width);
    const rise = ({ height }: { height: number }): number => height - Math.max(...places.map(([, y]) => y!));
    expect(rise(five)).toBe(one.height);
  });

  test("a gap where a value is missing, a dot where there is but one", () => {
    const gap = parse(lineChart([{ name: "a", points: points(1, 2, NaN, 3, 4) }], about).toSvg());
    expect(all(gap, "path", "sv-line").at(-1)!.getAttribute("d")!.match(/M/g)).toHaveLength(2);
    expect(all(parse(lineChart([{ name: "a", points: points(1) }], about).toSvg()), "circle")).toHaveLength(1);
  });

  test("a logarithmic axis puts factors of ten at equal distances", () => {
    const chart = lineChart([{ name: "a", points: points(0.01, 0.1, 1) }], { ...about, yScale: "log" });
    const path = all(parse(chart.toSvg()), "path", "sv-line")
      .at(-1)!
      .getAttribute("d")!
      .match(/-?[\d.]+/g)!;
    const [first, second, third] = [1, 3, 5].map((i) => Number(path[i]));
    expect(second).toBeCloseTo((first! + third!) / 2, 1);
    expect(texts(parse(chart.toSvg()))).toEqual(expect.arrayContaining(["0.01", "0.1", "1"]));
  });

  test.each<[string, () => unknown, string]>([
    ["no points", () => lineChart([], about), "lineChart: series must have at least one finite point"],
    ["no finite ones", () => lineChart([{ name: "a", points: points(NaN) }], about), "at least one finite point"],
    [
      "zero on a logarithmic axis",
      () => lineChart([{ name: "a", points: points(1, 0) }], { ...about, yScale: "log" }),
      'lineChart: yScale "log" needs values above 0, got 0 at 1',
    ],
  ])("refuses %s", (_, draw, message) => {
    expect(draw).toThrow(OptionError);
    expect(draw).toThrow(message);
  });
});

describe("image grid", () => {
  const images = tensor(
    [2, 2, 3, 1],
    Float32Array.from({ length: 12 }, (_, i) => i / 11),
  );

  test("draws the pixels that it is given, with captions below", () => {
    const tile = (index: number) => ({
      image: imageRaster(images, index),
      caption: [`<${index}>`, "b"],
      title: "t & u",
    });
    const svg = parse(imageGrid([tile(0), tile(1)], about).toSvg());
    const [first, second] = tiles(svg);
    expect([first!.width, first!.height]).toEqual([3, 2]);
    expect(first!.at(2, 1)).toEqual([116, 116, 116]);
    expect(second!.at(2, 1)).toEqual([255, 255, 255]);
    expect(texts(svg)).toEqual(["A title", "<0>", "b", "<1>", "b"]);
    const [left, right] = all(svg, "image").map((image) => number(image, "x"));
    expect(right! - left!).toBeGreaterThan(number(all(svg, "image")[0]!, "width"));
  });

  test("three channels are colours; of others the mean is shown", () => {
    const color = imageRaster(tensor([1, 1, 1, 3], Float32Array.of(0, 0.5, 1)), 0);
    expect([...color.data]).toEqual([0, 128, 255]);
    expect([...imageRaster(tensor([1, 1, 1, 2], Uint8Array.of(0, 100)), 0).data]).toEqual([50, 50, 50]);
    const signed = imageRaster(tensor([1, 1, 3, 1], Float32Array.of(-2, 0, 2)), 0);
    expect([...signed.data]).toEqual([0, 0, 0, 128, 128, 128, 255, 255, 255]);
  });

  test("no tile crosses the border", () => {
    const many = Array.from({ length: 37 }, () => ({ image: imageRaster(images, 0) }));
    const picture = imageGrid(many, about);
    const drawn = all(parse(picture.toSvg()), "image");
    expect(drawn).toHaveLength(37);
    for (const image of drawn) {
      expect(number(image, "x") + number(image, "width")).toBeLessThanOrEqual(picture.width);
      expect(number(image, "y") + number(image, "height")).toBeLessThanOrEqual(picture.height);
    }
  });

  test("a montage has a seam between its patches", () => {
    const patch = (value: number) => ({
      width: 1,
      height: 2,
      channels: 3 as const,
      data: new Uint8Array(6).fill(value),
    });
    const { width, height, data } = montage([patch(1), patch(2), patch(3)], 2);
    expect([width, height]).toEqual([3, 5]);
    const at = (x: number, y: number) => [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 4)];
    expect([at(0, 0), at(2, 1), at(0, 4)]).toEqual([
      [1, 1, 1, 255],
      [2, 2, 2, 255],
      [3, 3, 3, 255],
    ]);
    expect([at(1, 0), at(0, 2), at(2, 4)]).toEqual([
      [140, 149, 159, 255],
      [140, 149, 159, 255],
      [0, 0, 0, 0],
    ]);
  });

  test.each<[string, () => unknown, string]>([
    ["no tiles", () => imageGrid([], about), "imageGrid: needs at least one tile, got none"],
    ["an image that is not there", () => imageRaster(images, 2), "imageRaster: index must be from 0 to 1, got 2"],
    [
      "a shape of something else",
      () => imageRaster(tensor([2, 6], images.data), 0),
      "imageRaster: images must be [n, height, width, channels], got [2, 6]",
    ],
    [
      "too few pixels",
      () => imageRaster({ shape: [2, 2, 3, 3], data: images.data }, 0),
      "imageRaster: images of shape [2, 2, 3, 3] needs 36 elements, got 12",
    ],
  ])("refuses %s", (_, draw, message) => expect(draw).toThrow(message));
});

describe("heat map", () => {
  const matrix = tensor([2, 3], Float32Array.of(1, 0, -1, 2, 0, -2));

  test("a cell for each element, its colour that of the value, its number in it", () => {
    const options = { values: true, rowLabels: ["a", "b"], columnLabels: ["x", "y", "z"] };
    const svg = parse(heatMap(matrix, { ...about, ...options }).toSvg());
    const { width, height, at } = pixelsOf(all(svg, "image")[0]!);
    expect([width, height]).toEqual([3, 2]);
    const { color } = divergingScale(2);
    matrix.data.forEach((value, i) => expect(at(i % 3, Math.floor(i / 3))).toEqual([...color(value)]));
    const numbers = ["1", "0", "-1", "2", "0", "-2"];
    expect(texts(svg)).toEqual(["A title", "a", "b", "x", "y", "z", ...numbers, "-2", "0", "2"]);
  });

  test("magnitudes have a legend from 0; large matrices no numbers", () => {
    const large = tensor([3, 60], new Float32Array(180).fill(4));
    expect(texts(parse(heatMap(large, { ...about, values: true }).toSvg()))).toEqual(["A title", "0", "4"]);
  });

  test.each<[string, () => unknown, string]>([
    [
      "anything but a matrix",
      () => heatMap(tensor([1, 2, 3], matrix.data), about),
      "heatMap: the matrix must be [rows, columns], got [1, 2, 3] with 6 elements",
    ],
    ["too few labels", () => heatMap(matrix, { ...about, rowLabels: ["a"] }), "heatMap: rowLabels must be 2, got 1"],
  ])("refuses %s", (_, draw, message) => {
    expect(draw).toThrow(ShapeError);
    expect(draw).toThrow(message);
  });
});

describe("a picture", () => {
  const picture = heatMap(tensor([1, 1], Float32Array.of(1)), { title: `<script>"&'\u0007`, description: "]]> <b>" });

  test("is well-formed whatever its words are, and tells what it shows", () => {
    const svg = parse(picture.toSvg());
    expect(svg.getAttribute("role")).toBe("img");
    expect(svg.getAttribute("aria-label")).toBe(`<script>"&'\u25a1`);
    expect(texts(svg, "desc")).toEqual(["]]> <b>"]);
    expect(picture.toHtml()).not.toContain("<style");
    expect(escape(`a<b&"'`)).toBe("a&lt;b&amp;&quot;&#39;");
  });

  test("several stand below each other", () => {
    const svg = parse(stack([picture, picture], { title: "Both", description: "Two." }).toSvg());
    expect(all(svg, "image")).toHaveLength(4);
    expect(texts(svg)[0]).toBe("Both");
  });

  test("is saved as SVG or PNG", async () => {
    await picture.save(join(folder, "a.svg"));
    expect(await readFile(join(folder, "a.svg"), "utf8")).toBe(picture.toSvg());
    await picture.save(join(folder, "a.png"));
    const png = decode(await readFile(join(folder, "a.png")));
    expect([png.width, png.height]).toEqual([2 * (picture.width + 32), 2 * (picture.height + 32)]);
    // Drawn, not only sized: paper in the corner, the cell's dark red further in.
    const at = (x: number, y: number) => [...png.data.subarray(png.channels * (y * png.width + x)).subarray(0, 3)];
    expect(at(1, 1)).toEqual([255, 255, 255]);
    const y = 2 * (16 + 19 + 10 + 20);
    expect(at(2 * (16 + 20), y)).toEqual([...sequentialScale(0, 1).color(1)]);
    await expect(picture.save(join(folder, "a.gif"))).rejects.toThrow("save: the file's name must end in .svg or .png");
    await expect(picture.toPng({ scale: 99 })).rejects.toThrow("toPng: scale must be above 0 and at most 16, got 99");
    await expect(picture.save(join(folder, "none/a.svg"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("says how to install what draws PNG files", async () => {
    vi.doMock("sharp", () => {
      throw new Error("Cannot find package 'sharp'");
    });
    try {
      await expect(picture.toPng()).rejects.toMatchObject({
        code: "ERR_STRIATE_PEER",
        message: "toPng: drawing a PNG needs the package sharp: run npm install sharp, or save an SVG",
      });
    } finally {
      vi.doUnmock("sharp");
    }
  });
});

test("text is wrapped at words", () => {
  expect(wrapText("one two three", 60, 10)).toEqual(["one two", "three"]);
  expect(wrapText("", 60, 10)).toEqual([]);
});

test("a map is resampled linearly between the centres of its pixels", () => {
  const grown = resample(tensor([1, 2], Float32Array.of(0, 4)), 1, 4);
  expect([...grown]).toEqual([0, 1, 3, 4]);
  expect([...resample(tensor([2, 1], Float32Array.of(1, 3)), 1, 1)]).toEqual([2]);
});
