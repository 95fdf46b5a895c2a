// What the bench computes from times: a wrong median or a forgotten division would flatter one side.
import { describe, expect, it } from "vitest";
import { readArguments, usage } from "../../bench/arguments.js";
import { judge } from "../../bench/floors.js";
import { chainOf, formsOf } from "../../bench/measure/lanes.js";
import { bestPeer, wants, type FormResult, type Row } from "../../bench/measure/row.js";
import { gflops, summarize } from "../../bench/measure/statistics.js";
import { timeCalls } from "../../bench/measure/timeCalls.js";
import { chartOf } from "../../bench/report/chart.js";
import { roofline, stepCosts } from "../../bench/roofline.js";
import { sequential } from "../../lib/index.js";
import { milliseconds, tableHead, tableRow } from "../../bench/report/table.js";
import { resultsOf } from "../../bench/report/results.js";
import type { ConvWork } from "../../bench/work.js";

const shape = { name: "c", input: [4, 4, 8], filters: 8, kernel: 3, stride: 1, padding: 1, groups: 1 } as const;
const work: ConvWork = {
  ...{ kind: "conv", id: "forward/c/1", batch: 1, direction: "forward", shape, peers: ["onnxruntime"] },
};
const form = (over: Partial<FormResult>): FormResult => ({
  ...{ role: "peer", contender: "onnxruntime", description: "peer 1", repeats: 1, explained: undefined },
  ...{ minimum: 1, median: 1, calls: 1 },
  ...over,
});

describe("summarize", () => {
  it("sorts by value, not by text", () => {
    expect(summarize(Float64Array.of(10, 9, 100))).toEqual({ minimum: 9, median: 10, calls: 3 });
  });
  it("takes the mean of the two in the middle", () => {
    expect(summarize(Float64Array.of(4, 1, 2, 8)).median).toBe(3);
  });
});

it("counts billions of operations a second", () => {
  expect(gflops(2e9, 1)).toBe(2000);
});

describe("timeCalls", () => {
  const inputs = () => {
    let drawn = 0;
    return { next: () => [Float32Array.of(++drawn)], drawn: () => drawn };
  };
  const wrap = (wrapped: unknown) => wrapped;

  it("gives every call another input and leaves the first call out", async () => {
    const seen: unknown[] = [];
    // The first call is over at once, so that a second one has to follow.
    const call = (given: unknown) => void seen.push((given as Float32Array[])[0]![0]);
    const times = await timeCalls({ wrap, call, isAwaited: false }, inputs(), 1e-9 + 5);
    expect(times).toHaveLength(seen.length - 1);
    expect(seen.slice(0, 2)).toEqual([1, 2]);
  });
  it("waits for a call that is awaited, and counts the only one there was time for", async () => {
    const call = () => new Promise((resolve) => setTimeout(resolve, 5));
    const times = await timeCalls({ wrap, call, isAwaited: true }, inputs(), 1);
    expect(times).toHaveLength(1);
    expect(times[0]).toBeGreaterThan(4);
  });
});

describe("turns", () => {
  const budget = { seconds: 1, turnMilliseconds: 100, leastRounds: 3, pauseMilliseconds: 0 };
  it("go on until the seconds are over, three rounds at least", () => {
    expect([wants(900, 7, budget), wants(1100, 7, budget), wants(1100, 2, budget)]).toEqual([true, false, true]);
  });
  it("end early for a peer that takes minutes", () => {
    expect(wants(7000, 1, budget)).toBe(false);
  });
});

describe("the forms of a work", () => {
  const everyone = () => true;
  const rolesOf = (each: ConvWork) => formsOf(each, everyone).map(({ role, variant }) => `${role} ${variant.repeats}`);
  it("are ours, awaited and by im2col, and the peer's alone and in a row", () => {
    expect(rolesOf(work)).toEqual(["ours 1", "awaited 1", "im2col 1", "peer 1", "peer 8"]);
    expect(formsOf(work, () => false).map(({ role }) => role)).toEqual(["ours", "awaited", "im2col"]);
  });
  it("have the forward pass beside a gradient", () => {
    const gradient: ConvWork = { ...work, id: "backwardInput/c/1", direction: "backwardInput", peers: [] };
    const forward = formsOf(gradient, everyone).find(({ role }) => role === "forward");
    expect(forward?.work).toMatchObject({ id: "forward/c/1", direction: "forward" });
  });
  it("are in a row only where the output fits the input", () => {
    for (const change of [{ filters: 4 }, { stride: 2 }, { padding: 0 }]) {
      expect(chainOf({ ...work, shape: { ...shape, ...change } })).toBe(1);
    }
    expect(chainOf({ kind: "pair", id: "p", batch: 1, peers: [], input: [2, 2, 8], middle: 2 })).toBe(4);
  });
});

it("compares with the peer's best form", () => {
  const chain = form({ repeats: 8, minimum: 0.5, median: 9 });
  expect(bestPeer({ forms: [form({ role: "ours", minimum: 0.1 }), form({}), chain] })).toBe(chain);
  expect(bestPeer({ forms: [chain] }, "pytorch")).toBeUndefined();
});

const row: Row = {
  ...{ work, threads: 2, flops: 1e8, bytes: 4e6, judge: "float64 loop", fmaPeak: 400 },
  forms: [
    form({ role: "ours", contender: "striate", description: "striate 1", minimum: 0.5, median: 1, calls: 7 }),
    form({ role: "awaited", contender: "striate", minimum: 0.6 }),
    form({ role: "im2col", contender: "striate", minimum: 2 }),
    form({ role: "forward", contender: "striate", minimum: 0.4 }),
    form({ minimum: 1.5, median: 2 }),
  ],
};
const alone: Row = { ...row, forms: [row.forms[0]!], fmaPeak: undefined };

describe("a floor", () => {
  const verdict = (floor: Parameters<typeof judge>[1], scale = 1) => {
    const { reached, share, text } = judge(row, floor, scale, 10);
    return [reached, Number(share?.toFixed(3)), text];
  };
  it("is reached or not, in each of its figures", () => {
    expect(verdict({ ratio: 2 })).toEqual([true, 1.5, "3.00 x onnxruntime, floor 2.00"]);
    expect(verdict({ ratio: 4, peer: "onnxruntime" })).toEqual([false, 0.75, "3.00 x onnxruntime, floor 4.00"]);
    expect(verdict({ peak: 0.9 })).toEqual([false, 0.556, "50 % of peak, floor 90 %"]);
    expect(verdict({ gflops: 50 })).toEqual([true, 4, "200 GFLOP/s, floor 50"]);
    expect(verdict({ copy: 0.8 })).toEqual([true, 1, "80 % of copy bandwidth, floor 80 %"]);
    expect(verdict({ ofForward: 0.85 })).toEqual([false, 0.941, "80 % of forward, floor 85 %"]);
    expect(verdict({ ms: 0.25 })).toEqual([false, 0.5, "0.500 ms, at most 0.250"]);
  });
  it("is scaled, upper bounds the other way", () => {
    expect(verdict({ ratio: 4 }, 0.5)[0]).toBe(true);
    expect(verdict({ ms: 0.25 }, 0.5)).toEqual([true, 1, "0.500 ms, at most 0.500"]);
  });
  it("is open where nothing was measured", () => {
    expect(judge(alone, { ratio: 2 }, 1, undefined)).toMatchObject({ reached: undefined, share: undefined });
    expect(judge(alone, { peak: 0.5 }, 1, undefined).reached).toBeUndefined();
    expect(judge(alone, { copy: 0.5 }, 1, undefined).text).toBe("not measured of copy bandwidth, floor 50 %");
  });
  it("of memory is a multiple of the weights", () => {
    const memory = { ...alone, memory: { weights: 100, held: 140, scratch: 20, resident: 200 } };
    expect(judge(memory, { ofWeights: 1.5 }, 1, undefined)).toMatchObject({
      ...{ reached: true, text: "1.40 x its weights (with scratch 1.60), at most 1.50" },
    });
  });
});

describe("the roofline", () => {
  const plan = sequential([8, 8, 3])
    .conv2d({ filters: 16, kernel: 3, padding: "same", algorithm: "winograd" })
    .flatten()
    .dense({ units: 10 })
    .model({ seed: 1 })
    .plan({ kind: "predict" }, { batchSize: 2 });
  const product = 2 * 2 * 1024 * 10;
  it("counts what an algorithm leaves, and the weights", () => {
    const [conv, dense] = stepCosts(plan);
    const { algorithm, flops } = plan.steps.find(({ name }) => name.startsWith("conv2d1"))!;
    expect(flops).toBe(2 * 2 * 64 * 16 * 27);
    expect(conv).toEqual({ flops: algorithm === "winograd4x4" ? flops / 4 : flops, bytes: 4 * 27 * 16 });
    expect(dense).toEqual({ flops: product, bytes: 4 * 1024 * 10 });
  });
  it("takes for each step the longer of arithmetic and weights", () => {
    const costs = [
      { flops: 2e6, bytes: 1e6 },
      { flops: 1e6, bytes: 4e6 },
    ];
    expect(roofline(costs, 100, 50)).toBeCloseTo(0.02 + 0.08, 12);
  });
});

describe("the report", () => {
  const verdicts = [judge(row, { ratio: 4 }, 1, undefined)];
  it("prints times, speeds, the share of the peak and the ratios under their heads", () => {
    const [head] = tableHead().split("\n");
    const line = tableRow({ row, verdicts, limit: 0.25 });
    expect(line.split(/ {2,}/)).toEqual([
      ...["forward/c/1", "2", "0.5000", "1.000", "200.0", "50", "0.2500", "50.0", "onnxruntime", "1.500", "66.7"],
      ...["3.00", "2.00", "2.50", "MISSED 3.00 x onnxruntime, floor 4.00"],
    ]);
    expect(line.indexOf("MISSED")).toBe(head!.indexOf("floor"));
  });
  it("leaves out what was not measured", () => {
    expect(tableRow({ row: alone, verdicts: [] }).split(/ +/)).toEqual([
      "forward/c/1",
      "2",
      "0.5000",
      "1.000",
      "200.0",
    ]);
    const results = resultsOf([{ row: alone, verdicts: [] }], { fmaPeak: new Map(), bandwidth: new Map() });
    expect(results).toMatchObject({ rows: [{ percentOfPeak: null, ratio: null, ratioAwaited: null }] });
  });
  it("writes the same numbers to the file", () => {
    const arrays = { read: 1, copy: 2, streamingCopy: 3 };
    const bandwidth = { arrays, hugePages: { read: 4, copy: 5, streamingCopy: 6 } };
    const machine = { fmaPeak: new Map([[2, 400]]), bandwidth: new Map([[2, bandwidth]]) };
    expect(resultsOf([{ row, verdicts, limit: 0.25 }], machine)).toMatchObject({
      machine: { fmaPeakGflops: { 2: 400 }, bandwidthGbps: { 2: bandwidth } },
      rows: [
        {
          ...{ row: "forward/c/1", threads: 2, percentOfPeak: 50, ratio: 3, ratioOfMedians: 2, ratioAwaited: 2.5 },
          limitMilliseconds: 0.25,
          floors: [{ ratio: 4, reached: false, share: 0.75 }],
        },
      ],
    });
  });
  it("shows four digits that count", () => {
    expect([0.012345, 1.23456, 123.456, 12345.6].map(milliseconds)).toEqual(["0.01235", "1.235", "123.5", "12346"]);
  });
  it("draws a chart of what has a peer: well-formed, a bar and a tick for each row", () => {
    const svg = chartOf(
      [
        { row, verdicts },
        { row: { ...row, threads: 1 }, verdicts: [] },
        { row: alone, verdicts: [] },
      ],
      "a < b & c",
    );
    expect(svg.match(/class="floor"/g)).toHaveLength(1);
    expect(svg.match(/<rect [^>]*height="8"/g)).toHaveLength(2);
    expect(svg).toContain("a &lt; b &amp; c");
    // Every tag that is opened is closed, in the right order.
    const open: string[] = [];
    for (const [, end, name, single] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (end === "/") expect(open.pop()).toBe(name);
      else if (single !== "/") open.push(name!);
    }
    expect(open).toEqual([]);
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe("arguments", () => {
  it("default to 1 thread and all", () => {
    expect(readArguments([], 4)).toMatchObject({
      ...{ threads: [1, 4], solo: false, quick: false, floor: 1, isa: undefined },
      ...{ json: "build-bench/results.json", svg: "build-bench/results.svg" },
    });
    expect(readArguments([], 1).threads).toEqual([1]);
    expect(readArguments(["--also", "openblas,onednn"], 1).also).toEqual(["openblas", "onednn"]);
    expect(() => readArguments(["--also", "mkl"], 1)).toThrow("--also: must be openblas or onednn, got mkl");
  });
  it("are read", () => {
    const args = ["--quick", "--floor", "0.8", "--isa", "sse2", "--threads", "2,2", "--filter", "3x3"];
    expect(readArguments(args, 4)).toMatchObject({ quick: true, floor: 0.8, isa: "sse2", threads: [2], filter: /3x3/ });
  });
  it("are checked", () => {
    expect(() => readArguments(["--threads", "1,x"], 2)).toThrow("--threads: must be whole numbers from 1");
    expect(() => readArguments(["--seconds", "0"], 2)).toThrow("--seconds: must be a number above 0, got 0");
    expect(() => readArguments(["--floor", "x"], 2)).toThrow("--floor: must be a number above 0, got x");
    expect(() => readArguments(["--filter", "("], 2)).toThrow("--filter: ( is no regular expression");
    expect(() => readArguments(["--filtr", "x"], 2)).toThrow("--filtr");
  });
  it("are all in the help", () => {
    for (const option of Object.keys(readArguments([], 2))) expect(usage).toContain(`--${option}`);
  });
});
