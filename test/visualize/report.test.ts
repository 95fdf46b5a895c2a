/** The report as text: what it holds for which models and data. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { Model, sequential, sgd, tensor } from "../../lib/index.js";
import { report, reportHtml } from "../../lib/visualize/index.js";
import { Random } from "../support/random.js";

const folder = await mkdtemp(join(tmpdir(), "striate-report-"));
afterAll(() => rm(folder, { recursive: true }));

const net = sequential([6, 6, 3])
  .conv2d({ filters: 4, kernel: 3, padding: "same" })
  .relu()
  .maxPool2d({ size: 2 })
  .flatten()
  .dense({ units: 3 })
  .softmax();

const random = new Random("report");
const images = tensor(
  [20, 6, 6, 3],
  Float32Array.from({ length: 20 * 108 }, () => random.unit()),
);
const labels = Int32Array.from({ length: 20 }, (_, i) => i % 3);
const data = { images, labels, classes: ["a", "<b>", "c"] };
const headings = (html: string): string[] => [...html.matchAll(/<h2>(.*?)<\/h2>/g)].map(([, text]) => text!);

describe.each<[string, Backend]>([
  ["reference", referenceBackend],
  ["native", nativeBackend()],
])("%s", (_, backend) => {
  const build = () => new Model<[6, 6, 3], [3]>(net.node, { seed: 1, backend });

  test("has all sections, loads nothing, and is written as a whole", async () => {
    const model = build();
    const before = model.parameters();
    const optimizer = sgd({ learningRate: 0.05 });
    const history = await model.fit(data, { epochs: 2, optimizer, loss: "crossEntropy", validation: 0.3 });
    const seen: string[] = [];
    const file = join(folder, `${backend.name}.html`);
    const trained = model.parameters();
    const onProgress = ({ section, done, total }: { section: string; done: number; total: number }) =>
      seen.push(`${done}/${total} ${section}`);
    expect(await report(model, history, data, { file, title: "R & D", ascentSteps: 2, onProgress })).toBe(file);
    const html = await readFile(file, "utf8");
    expect(headings(html)).toEqual([
      ...["Layers", "Training", "Right and wrong", "Filters", "Feature maps"],
      ...["What the answers rest on", "What filters look for"],
    ]);
    expect(seen.at(0)).toBe("0/7 Layers");
    expect(seen.at(-1)).toBe("6/7 What filters look for");
    expect(html).toContain("<title>R &amp; D</title>");
    expect(html).not.toContain("<b>c");
    expect(html).not.toMatch(/<(script|link|iframe|object)\b/);
    for (const [, address] of html.matchAll(/(?:href|src|url)\s*[=(]\s*"?([^")\s>]+)/g)) {
      expect(address!.slice(0, 200)).toMatch(/^(#|data:image\/png;base64,)/);
    }
    expect(model.parameters()).toEqual(trained);
    expect(trained).not.toEqual(before);
  });

  test("leaves out what the model or the data do not have", async () => {
    const unlabelled = await reportHtml(build(), undefined, { images }, { ascentSteps: 0 });
    expect(headings(unlabelled)).toEqual(["Layers", "Filters", "Feature maps"]);
    const flat = new Model<[6, 6, 3], [3]>(sequential([6, 6, 3]).flatten().dense({ units: 3 }).node, { backend });
    expect(headings(await reportHtml(flat, undefined, data))).toEqual(["Layers", "Right and wrong"]);
    const maps = new Model<[6, 6, 3], [6, 6, 1]>(sequential([6, 6, 3]).conv2d({ filters: 1, kernel: 1 }).node, {
      backend,
    });
    const drawn = await reportHtml(maps, undefined, data, { ascentSteps: 1 });
    expect(headings(drawn)).toEqual(["Layers", "Filters", "Feature maps", "What filters look for"]);
  });

  test("takes images of bytes", async () => {
    const bytes = tensor(
      [20, 6, 6, 3],
      Uint8Array.from(images.data, (value) => 255 * value),
    );
    const net = sequential([6, 6, 3]).rescale().conv2d({ filters: 2, kernel: 3 }).relu().flatten().dense({ units: 3 });
    const model = new Model<[6, 6, 3], [3]>(net.node, { backend });
    expect(headings(await reportHtml(model, undefined, { ...data, images: bytes }, { ascentSteps: 1 }))).toHaveLength(
      6,
    );
  });

  test("aborts, and says what is wrong", async () => {
    const model = build();
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = ({ done }: { done: number }) => done === 3 && controller.abort(new Error("enough"));
    await expect(reportHtml(model, undefined, data, { signal, onProgress })).rejects.toThrow("enough");
    const refused = (changes: object, options = {}) =>
      expect(reportHtml(model, undefined, { ...data, ...changes }, options)).rejects;
    await refused({ labels: labels.slice(1) }).toThrow("classify: needs one label per image, got 19 for 20 images");
    await refused({ images: tensor([20, 108], images.data) }).toThrow(
      "report: images must be [n, height, width, channels]",
    );
    await refused({ images: tensor([15, 6, 8, 3], images.data) }).toThrow("needs one label per image, got 20 for 15");
    await refused({}, { examples: 0 }).toThrow("report: examples must be a whole number of at least 1, got 0");
    await refused({}, { ascentSteps: 0.5 }).toThrow(
      "report: ascentSteps must be a whole number of at least 0, got 0.5",
    );
  });
});
