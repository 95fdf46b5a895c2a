// What the bench computes from times: a wrong median or a forgotten division would flatter one side.
import { describe, expect, it } from "vitest";
import { readArguments } from "../../bench/arguments.js";
import { bestPeer, canRepeat, type LaneResult } from "../../bench/measure/bench.js";
import { gflops, summarize } from "../../bench/measure/statistics.js";
import { timeCalls } from "../../bench/measure/timeCalls.js";
import { milliseconds, tableHead, tableRow } from "../../bench/report/table.js";
import { resultsOf } from "../../bench/report/results.js";
import { checkConv, checkModel, listWorks, type Work } from "../../bench/works.js";

const shape = { name: "c", batch: 1, input: [4, 4, 8], filters: 8, kernel: 3, stride: 1, padding: 1 } as const;
const work: Work = { kind: "conv", id: "c/1", shape };
const lane = (over: Partial<LaneResult>): LaneResult => ({
  ...{ contender: "onnxruntime", description: "peer 1", repeats: 1, explained: undefined },
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
    return { next: () => Float32Array.of(++drawn), drawn: () => drawn };
  };
  const wrap = (input: Float32Array) => input;

  it("gives every call another input and leaves the first call out", async () => {
    const source = inputs();
    const seen: unknown[] = [];
    const contender = { wrap, call: (input: unknown) => void seen.push((input as Float32Array)[0]), isAsync: false };
    const times = await timeCalls(contender, source, 0);
    expect(times).toHaveLength(1);
    expect(seen).toEqual([1, 2]);
  });
  it("waits for a call that is async", async () => {
    const contender = { wrap, call: () => new Promise((resolve) => setTimeout(resolve, 5)), isAsync: true };
    const times = await timeCalls(contender, inputs(), 0);
    expect(times[0]).toBeGreaterThan(4);
  });
});

describe("the peer's best form", () => {
  it("is the one with the least minimum", () => {
    const chain = lane({ repeats: 8, minimum: 0.5, median: 9 });
    expect(bestPeer({ peers: [lane({}), chain] })).toBe(chain);
    expect(bestPeer({ peers: [] })).toBeUndefined();
  });
  it("may be a chain only where the output fits the input", () => {
    expect(canRepeat(work)).toBe(true);
    for (const change of [{ filters: 4 }, { stride: 2 }, { padding: 0 }]) {
      expect(canRepeat({ ...work, shape: { ...shape, ...change } })).toBe(false);
    }
    expect(canRepeat({ kind: "model", id: "m/1", shape: { name: "m", batch: 1 } })).toBe(false);
  });
});

describe("the report", () => {
  const row = {
    ...{ work, threads: 2, flops: 1e8, judge: "float64 loop" as const },
    ours: lane({ contender: "striate", description: "striate 1", minimum: 0.5, median: 1, calls: 7 }),
    peers: [lane({ minimum: 1.5, median: 2 })],
  };
  it("prints times, speeds, the share of the peak and both ratios under their heads", () => {
    const [head] = tableHead().split("\n");
    const line = tableRow(row, 400);
    expect(line.split(/ +/)).toEqual(
      ["c/1", "2", "0.5000", "1.000", "200.0", "50", "1.500", "2.000", "66.7", "3.00", "2.00"], // prettier-ignore
    );
    expect(line).toHaveLength(head!.length);
  });
  it("leaves out what was not measured", () => {
    expect(tableRow({ ...row, peers: [] }, undefined).split(/ +/)).toEqual(["c/1", "2", "0.5000", "1.000", "200.0"]);
    expect(resultsOf([{ ...row, peers: [] }], new Map())).toMatchObject({
      rows: [{ percentOfPeak: null, ratio: null, ratioOfMedians: null }],
    });
  });
  it("writes the same numbers to the file", () => {
    expect(resultsOf([row], new Map([[2, 400]]))).toMatchObject({
      fmaPeakGflops: { 2: 400 },
      rows: [
        { work: "c/1", threads: 2, percentOfPeak: 50, ratio: 3, ratioOfMedians: 2, ours: { msMin: 0.5, calls: 7 } },
      ],
    });
  });
  it("shows four digits that count", () => {
    expect([0.012345, 1.23456, 123.456, 12345.6].map(milliseconds)).toEqual(["0.01235", "1.235", "123.5", "12346"]);
  });
});

describe("shapes", () => {
  it("are all readable, and chosen by name and batch", () => {
    expect(listWorks(/^r_64_3x3\/1$/).map(({ id }) => id)).toEqual(["r_64_3x3/1"]);
    expect(listWorks(/./).length).toBeGreaterThan(6);
  });
  it("must have every field and no other", () => {
    expect(() => checkConv({ ...shape, kernel: 0, pading: 1 })).toThrow("conv.json: kernel, pading must be right in");
    expect(() => checkModel({ name: "m" })).toThrow("models.json: batch must be right in");
  });
});

describe("arguments", () => {
  it("default to 1 thread and all", () => {
    expect(readArguments([], 4)).toMatchObject({ threads: [1, 4], solo: false, json: "build-bench/results.json" });
    expect(readArguments([], 1).threads).toEqual([1]);
  });
  it("are checked", () => {
    expect(() => readArguments(["--threads", "1,x"], 2)).toThrow("--threads: must be whole numbers from 1");
    expect(() => readArguments(["--seconds", "0"], 2)).toThrow("--seconds: must be a number above 0, got 0");
    expect(() => readArguments(["--filtr", "x"], 2)).toThrow("--filtr");
  });
});
