/** What a classifier gets right and wrong, counted and drawn. */
import { describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, tensor } from "../../lib/index.js";
import { classify, confusionMatrix, mistakesOf, sequentialScale, worstMistakes } from "../../lib/visualize/index.js";
import { all, number, parse, pixelsOf, texts, tiles } from "./svg.js";

/** Gives the three pixels of an image as its scores. */
function echo(backend: Backend, metadata = {}): Model<[1, 3, 1], [3]> {
  const net = sequential([1, 3, 1]).flatten().dense({ units: 3, useBias: false });
  const identity = tensor([3, 3], Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1));
  return new Model<[1, 3, 1], [3]>(net.node, { backend, metadata, parameters: new Map([["dense1.weight", identity]]) });
}

const rows = [
  [0.75, 0.25, 0, 0],
  [0.125, 0.875, 0, 0],
  [0, 1, 0, 1],
  [0.5, 0.5, 0, 1], // of equal scores the first is the answer
  [0.25, 0, 0.75, 2],
  [0, 0, 1, 1],
] as const;
const images = tensor([6, 1, 3, 1], Float32Array.from(rows.flatMap((row) => row.slice(0, 3))));
const labels = Int32Array.from(rows, (row) => row[3]);

describe.each<[string, Backend]>([
  ["reference", referenceBackend],
  ["native", nativeBackend()],
])("%s", (_, backend) => {
  test("counts answers, whatever the batches", async () => {
    for (const batchSize of [4, 32]) {
      const answers = await classify(echo(backend), { images, labels }, { batchSize });
      expect([...answers.predicted]).toEqual([0, 1, 1, 0, 2, 2]);
      expect(answers.counts).toEqual([
        [1, 1, 0],
        [1, 1, 1],
        [0, 0, 1],
      ]);
      expect(answers.accuracy).toBe(0.5);
      expect(answers.classes).toEqual(["0", "1", "2"]);
    }
  });

  test("draws a cell for each pair, right and wrong in colours of their own", async () => {
    const answers = await classify(echo(backend, { classes: ["cat", "dog", "a<b"] }), { images, labels });
    const picture = confusionMatrix(answers);
    const cells = all(parse(picture.toSvg()), "g", "sv-cell");
    expect(cells).toHaveLength(9);
    const rects = cells.map((cell) => all(cell, "rect")[0]!);
    expect(rects.map((rect) => rect.getAttribute("class"))).toEqual(
      Array.from({ length: 9 }, (_, i) => (i % 4 === 0 ? "sv-hit" : "sv-miss")),
    );
    expect(cells.map((cell) => texts(cell)[0] ?? "")).toEqual(["1", "1", "", "1", "1", "1", "", "", "1"]);
    expect(texts(cells[1]!, "title")).toEqual(["dog taken for cat: 1 of 2"].map(() => "cat taken for dog: 1 of 2"));
    // The larger the share of the row, the stronger; nothing where there is nothing.
    const opacity = rects.map((rect) => number(rect, "fill-opacity"));
    expect([opacity[2], opacity[8]! > opacity[0]!, opacity[0]! > opacity[4]!]).toEqual([0, true, true]);
    expect(picture.description).toContain("Of 6 images 3 are classified rightly, 50.0 %.");
    expect(texts(parse(picture.toSvg()))).toEqual(expect.arrayContaining(["cat", "dog", "a<b"]));
  });

  test("shows the surest mistakes first", async () => {
    const answers = await classify(echo(backend), { images, labels, classes: ["a", "b", "c"] });
    const mistakes = mistakesOf(answers);
    expect(mistakes.map(({ index }) => index)).toEqual([5, 1, 3]);
    expect(mistakes[1]).toEqual({ index: 1, actual: 0, predicted: 1, score: 0.875, trueScore: 0.125 });
    const svg = parse(worstMistakes(answers, images, { limit: 2 }).toSvg());
    const found = tiles(svg);
    expect(found).toHaveLength(2);
    expect([0, 1, 2].map((x) => found[1]!.at(x, 0)[0])).toEqual([32, 223, 0]);
    expect(texts(svg)).toEqual(expect.arrayContaining(["b \u2192 c", "100 %", "a \u2192 b", "88 %"]));
    const right = await classify(echo(backend), {
      images: tensor([1, 1, 3, 1], Float32Array.of(1, 0, 0)),
      labels: Int32Array.of(0),
    });
    expect(() => worstMistakes(right, images)).toThrow("worstMistakes: there are no mistakes to draw");
    expect(confusionMatrix(right).description).toContain("There are no mistakes.");
  });
});

test("many classes are an image", () => {
  const size = 51;
  const classes = Array.from({ length: size }, (_, i) => String(i));
  const counts = classes.map((_, i) => classes.map((_, j) => (i === j ? 3 : i === 7 && j === 9 ? 1 : 0)));
  const none = { labels: new Int32Array(0), predicted: new Int32Array(0), scores: new Float32Array(0) };
  const svg = parse(confusionMatrix({ classes, counts, accuracy: 1, ...none }).toSvg());
  const { width, height, at } = pixelsOf(all(svg, "image")[0]!);
  expect([width, height, all(svg, "g", "sv-cell").length]).toEqual([size, size, 0]);
  const { color } = sequentialScale(0, 1);
  expect([at(0, 0), at(9, 7), at(7, 7), at(7, 9)]).toEqual([1, 0.25, 0.75, 0].map((share) => [...color(share)]));
});

describe("refuses", () => {
  const model = echo(referenceBackend);
  const maps = sequential([1, 3, 1]).conv2d({ filters: 2, kernel: 1 }).model({ backend: referenceBackend });
  test.each<[string, () => Promise<unknown>, string]>([
    [
      "too few labels",
      () => classify(model, { images, labels: labels.slice(1) }),
      "classify: needs one label per image, got 5 for 6 images",
    ],
    [
      "a label of no class",
      () => classify(model, { images, labels: labels.map(() => 3) }),
      "classify: labels must be from 0 to 2, got 3 at 0",
    ],
    [
      "names of other classes",
      () => classify(model, { images, labels, classes: ["a"] }),
      "classify: classes must be 3 names, got 1",
    ],
    [
      "a model without classes",
      () => classify(maps, { images, labels }),
      "classify: the model must end in [classes], got [1, 3, 2]",
    ],
    ["an abort", () => classify(model, { images, labels }, { signal: AbortSignal.abort(new Error("no")) }), "no"],
  ])("%s", async (_, call, message) => {
    await expect(call()).rejects.toThrow(message);
  });
});
