/** Curves of a history, and a file of them that grows while a model trains. */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { sequential, sgd, tensor, type History } from "../../lib/index.js";
import { accuracyCurve, liveCurves, lossCurve, trainingCurves } from "../../lib/visualize/index.js";
import { all, parse, texts } from "./svg.js";

const folder = await mkdtemp(join(tmpdir(), "striate-curves-"));
afterAll(() => rm(folder, { recursive: true }));

const epoch = (number: number, loss: number, accuracy: number, held?: { loss: number; accuracy: number }) => ({
  ...{ epoch: number, loss, accuracy, learningRate: 0.1 },
  validation: held,
});
const history: History = {
  epochs: [
    epoch(1, 0.9, 0.5, { loss: 1, accuracy: 0.4 }),
    epoch(2, 0.5, 0.8, { loss: 0.7, accuracy: 0.6 }),
    epoch(3, 0.3, 0.9, { loss: 0.6, accuracy: 0.7 }),
  ],
};

describe("curves of a history", () => {
  test("a line for the training and a dashed one for the validation, in each of two charts", () => {
    const picture = trainingCurves(history);
    const lines = all(parse(picture.toSvg()), "path", "sv-line").filter((line) => all(line, "title").length > 0);
    expect(lines.map((line) => texts(line, "title")[0])).toEqual(["training", "validation", "training", "validation"]);
    expect(lines.map((line) => line.getAttribute("d")!.match(/[ML]/g)?.length)).toEqual([3, 3, 3, 3]);
    expect(picture.title).toBe("Training, 3 epochs");
    expect(lossCurve(history).description).toContain("after epoch 3 it is 0.3000, 0.6000 on the validation examples");
    expect(accuracyCurve(history).description).toContain("it is 90.0 %, 70.0 % on the validation examples");
  });

  test("what falls to a fraction is drawn on a logarithmic axis", () => {
    const falling = { epochs: [epoch(1, 2, 0.5), epoch(2, 0.02, 1)] };
    expect(lossCurve(falling).title).toBe("Loss, logarithmic");
    expect(lossCurve(history).title).toBe("Loss");
  });

  test("no accuracies, no chart of them", () => {
    const targets = { epochs: [epoch(1, 1, NaN)] };
    expect(all(parse(trainingCurves(targets).toSvg()), "g", "sv-legend")).toHaveLength(1);
    expect(() => accuracyCurve(targets)).toThrow("accuracyCurve: the history has no accuracies");
    expect(() => trainingCurves({ epochs: [] })).toThrow("trainingCurves: the history has no epochs");
  });
});

describe("live curves", () => {
  const model = () => sequential([2]).dense({ units: 2 }).softmax().model({ seed: 1 });
  const data = {
    images: tensor(
      [8, 2],
      Float32Array.from({ length: 16 }, (_, i) => ((i >> 1) % 2 === i % 2 ? 1 : 0)),
    ),
    labels: Int32Array.from({ length: 8 }, (_, i) => i % 2),
  };
  const fit = { epochs: 30, batchSize: 2, loss: "crossEntropy", validation: 0.25 } as const;
  const optimizer = () => sgd({ learningRate: 0.1 });

  test("reload themselves while the training runs, and not once it is done", async () => {
    const file = join(folder, "running.html");
    const curves = liveCurves(file, { interval: 0 });
    curves.onBatch({ epoch: 1, batch: 1, batches: 2, loss: 1, accuracy: 0 });
    const running = await vi.waitFor(() => readFile(file, "utf8"), { timeout: 30_000 });
    expect(running).toContain('http-equiv="refresh"');
    expect(running.endsWith("</html>\n")).toBe(true);
    await curves.done();
    const finished = await readFile(file, "utf8");
    expect(finished).not.toContain('http-equiv="refresh"');
    expect(finished.endsWith("</html>\n")).toBe(true);
  });

  test("show every batch and every epoch of a fit", async () => {
    const file = join(folder, "live.html");
    const curves = liveCurves(file, { interval: 0, title: "A & B" });
    await model().fit(data, { ...fit, optimizer: optimizer(), ...curves });
    await curves.done();
    const last = await readFile(file, "utf8");
    expect(last).toContain("<title>A &amp; B, 30 epochs done</title>");
    const svg = parse(/<svg.*<\/svg>/s.exec(last)![0]);
    const [training, validation] = all(svg, "path", "sv-line").filter((line) => all(line, "title").length > 0);
    // Three batches of two in each of 30 epochs, and the 30 epochs.
    expect(training!.getAttribute("d")!.match(/[ML]/g)).toHaveLength(90);
    expect(validation!.getAttribute("d")!.match(/[ML]/g)).toHaveLength(30);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("keep a bounded number of points", async () => {
    const file = join(folder, "long.svg");
    const curves = liveCurves(file);
    for (let batch = 1; batch <= 5000; batch++) {
      curves.onBatch({ epoch: 1, batch, batches: 5000, loss: 1 / batch, accuracy: 0 });
    }
    await curves.done();
    const line = all(parse(await readFile(file, "utf8")), "path", "sv-line").at(-1)!;
    const count = line.getAttribute("d")!.match(/[ML]/g)!.length;
    expect(count).toBeGreaterThanOrEqual(256);
    expect(count).toBeLessThan(512);
  });

  test("tell a disk's error at the end, and do not stop the training", async () => {
    const curves = liveCurves(join(folder, "none/live.html"), { interval: 0 });
    const trained = await model().fit(data, { ...fit, optimizer: optimizer(), ...curves });
    expect(trained.epochs).toHaveLength(30);
    await expect(curves.done()).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("refuse other files and times", () => {
    expect(() => liveCurves("a.txt")).toThrow("liveCurves: the file's name must end in .html or .svg, got a.txt");
    expect(() => liveCurves("a.svg", { interval: -1 })).toThrow(
      "interval must be a number of milliseconds from 0, got -1",
    );
  });
});
