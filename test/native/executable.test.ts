import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import type { Executable, State } from "../../lib/backend/backend.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { PROGRAM_VERSION, type Program } from "../../lib/graph/program.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { channels, heavyProgram, long, stateSpecs, type Heavy } from "./heavy.js";

const backend = nativeBackend();
const threads = backend.info().threads;
afterEach(() => backend.addon.setThreads(threads));

function make(heavy: Heavy): { state: State; executable: Executable } {
  const state = backend.createState(stateSpecs);
  return { state, executable: backend.compile(heavyProgram(heavy), state) };
}

function ramp(rows: number): Float32Array {
  return Float32Array.from({ length: rows * channels }, (_, i) => Math.sin(i));
}

const small: Heavy = { rows: 8, passes: 2, trains: true };

describe("runs", () => {
  test("sync and async agree, for any number of rows, and commit", async () => {
    const { state, executable } = make(small);
    for (const rows of [1, 5, 8]) {
      const x = ramp(rows);
      const [sync] = executable.run([x], { rows, learningRate: 0 });
      const [async] = await executable.runAsync([x], { rows, learningRate: 0 });
      expect(sync).toHaveLength(rows * channels);
      expect(async).toEqual(sync);
      for (let i = 0; i < x.length; i++) {
        // Two tanh of 2 ulp each, and the float32 in between.
        expect(Math.abs(sync![i]! - Math.tanh(Math.tanh(x[i]!)))).toBeLessThanOrEqual(8 * 2 ** -24);
      }
    }
    expect(state.version).toBe(7);
    executable.run([ramp(8)], { rows: 8, learningRate: 1 });
    expect(state.read(["w"])[0]!.some((value) => value !== 0)).toBe(true);
  });

  test("inputs are copied at the call: changing or detaching them afterwards does nothing", async () => {
    const { executable } = make(small);
    const x = ramp(8);
    const [expected] = executable.run([x], { rows: 8, learningRate: 0 });
    const pending = executable.runAsync([x], { rows: 8, learningRate: 0 });
    x.fill(NaN);
    structuredClone(x, { transfer: [x.buffer as ArrayBuffer] });
    expect((await pending)[0]).toEqual(expected);
  });

  test("results are the caller's own", async () => {
    const { executable } = make(small);
    const [first] = await executable.runAsync([ramp(8)], { rows: 8, learningRate: 0 });
    const copy = first!.slice();
    await executable.runAsync([new Float32Array(8 * channels)], { rows: 8, learningRate: 0 });
    executable.run([new Float32Array(8 * channels)], { rows: 8, learningRate: 0 });
    expect(first).toEqual(copy);
  });

  test("a thousand in flight, sync ones in between", async () => {
    const { state, executable } = make(small);
    const pending = Array.from({ length: 1000 }, (_, i) => {
      if (i % 100 === 0) executable.run([ramp(1)], { rows: 1, learningRate: 0 });
      return executable.runAsync([ramp(1 + (i % 8))], { rows: 1 + (i % 8), learningRate: 0 });
    });
    const results = await Promise.all(pending);
    results.forEach(([y], i) => expect(y).toHaveLength((1 + (i % 8)) * channels));
    expect(state.version).toBe(1011);
  });

  test.each([
    ["count", small, 1100, 1024, "run: 1024 runs are under way already; await some first"],
    [
      "bytes",
      { ...small, rows: 2 ** 16 },
      40,
      32,
      "run: 32 runs are under way already, with 33554432 bytes of inputs and outputs each; await some first",
    ],
  ])("the queue is bounded by %s, and says so", async (_, heavy, count, most, message) => {
    const { state, executable: blocker } = make(long);
    const executable = backend.compile(heavyProgram(heavy), state);
    // A training step has the State: the runs behind it cannot end while they are queued.
    const blocking = blocker.runAsync([ramp(long.rows)], { rows: long.rows, learningRate: 0 });
    await sleep(5);
    const x = ramp(1);
    const pending = Array.from({ length: count }, async () => executable.runAsync([x], { rows: 1, learningRate: 0 }));
    const settled = await Promise.allSettled(pending);
    const refused = settled.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    expect(refused).toHaveLength(count - most);
    for (const error of refused)
      expect(error).toMatchObject({ name: "StriateError", code: "ERR_STRIATE_BUSY", message });
    await blocking;
  });

  test("the same bits for one thread and two, both of which took work", () => {
    const { executable } = make({ rows: 4096, passes: 4, trains: true });
    const x = ramp(4096);
    backend.addon.setThreads(1);
    const [one] = executable.run([x], { rows: 4096, learningRate: 1 });
    backend.addon.setThreads(2);
    // The worker may be late for one run on a busy machine, hardly for all of them.
    const before = backend.addon.taskCounters();
    let after = before;
    const workers = (counters: number[]): number => counters.slice(1).reduce((sum, count) => sum + count, 0);
    for (let i = 0; i < 200 && workers(after) === workers(before); i++) {
      expect(executable.run([x], { rows: 4096, learningRate: 1 })[0]).toEqual(one);
      after = backend.addon.taskCounters();
    }
    expect(workers(after)).toBeGreaterThan(workers(before));
    expect(after[0]).toBeGreaterThan(before[0]!);
  });

  test("memory does not grow from run to run", async () => {
    const { executable } = make({ rows: 4096, passes: 2, trains: false });
    const x = ramp(4096);
    const run = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        executable.run([x], { rows: 4096 });
        await executable.runAsync([x], { rows: 4096 });
      }
    };
    await run();
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 4; i++) await run();
    // 400 results of 1 MiB were made in between.
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * 2 ** 20);
  });

  test("States that nobody holds are collected: the garbage collector knows what they weigh", async () => {
    const values = new Float32Array(2 ** 22);
    const before = process.memoryUsage.rss();
    for (let i = 0; i < 100; i++) {
      backend.createState([{ name: "w", shape: [values.length] }]).write(new Map([["w", values]]));
      await sleep(0);
    }
    // 1600 MiB were written.
    expect(process.memoryUsage.rss() - before).toBeLessThan(600 * 2 ** 20);
  });
});

// Above the size from which a sync run works in the caller's arrays; every way to call it must give the same.
describe("arrays of a sync run", () => {
  const rows = 128;
  const size = rows * channels;
  const { executable } = make({ rows, passes: 2, trains: false });
  const x = ramp(rows);
  const [expected] = executable.run([x], { rows });
  const guard = 32;
  const float = Float32Array.BYTES_PER_ELEMENT;

  test.each([
    ["apart", 0, size],
    ["apart, aligned to no more than a float", 3, size + 4],
    ["the same", 0, 0],
    ["the same, aligned to no more than a float", 1, 1],
    ["the result one element before", 1, 0],
    ["the result one element behind", 0, 1],
    ["the result half an input before", size / 2, 0],
    ["the result half an input behind", 0, size / 2],
    ["the result's last element the input's first", size - 1, 0],
  ])("input and result in one block: %s", (_, from, to) => {
    for (const live of [rows, rows - 1, 1]) {
      for (const Memory of [ArrayBuffer, SharedArrayBuffer]) {
        const block = new Float32Array(new Memory((2 * size + 2 * guard) * float)).fill(-7);
        const at = (offset: number): Float32Array => block.subarray(guard + offset, guard + offset + live * channels);
        at(from).set(x.subarray(0, live * channels));
        const after = Float32Array.from(block);
        after.set(expected!.subarray(0, live * channels), guard + to);
        const result = at(to);
        expect(executable.run([at(from)], { rows: live }, [result])[0]).toBe(result);
        expect(Float32Array.from(block)).toEqual(after);
      }
    }
  });

  // z = tanh(x), y = tanh(z): the first result is read again.
  const heavy = heavyProgram({ rows, passes: 2, trains: false });
  const [first, last] = heavy.steps;
  const both: Program = {
    ...heavy,
    storages: heavy.storages.map((storage) =>
      storage.kind === "arena" ? { kind: "output", dtype: "f32", size, name: "z" } : storage,
    ),
    buffers: heavy.buffers.filter(({ storage, offset }) => storage !== 3 && offset === 0),
    steps: [first!, last!],
  };
  const two = backend.compile(both, backend.createState(stateSpecs));

  test.each([
    ["apart", size, 2 * size],
    ["both on the input", 0, 0],
    ["the first on the input", 0, size],
    ["the second on the input", size, 0],
    ["on each other", size, size],
    ["one element apart", size + 1, size],
    ["in a row, each over the end of the one before", size - 1, 2 * size - 2],
  ])("two results that are there already: %s", (_, y, z) => {
    const [freshY, freshZ] = two.run([x], { rows });
    expect(freshY).toEqual(expected);
    const block = new Float32Array(3 * size);
    const at = (offset: number): Float32Array => block.subarray(offset, offset + size);
    at(0).set(x);
    const after = block.slice();
    after.set(freshY!, y);
    after.set(freshZ!, z);
    two.run([at(0)], { rows }, [at(y), at(z)]);
    expect(block).toEqual(after);
  });
});

describe("off the JavaScript thread", () => {
  test("the event loop keeps turning", async () => {
    const { executable } = make(long);
    backend.addon.setThreads(1);
    const before = performance.eventLoopUtilization();
    await executable.runAsync([ramp(long.rows)], { rows: long.rows, learningRate: 0 });
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.2);
  });

  test("an abort in mid-run rejects with the signal's reason and leaves the State untouched", async () => {
    const { state, executable } = make(long);
    const controller = new AbortController();
    const reason = new Error("changed my mind");
    const pending = executable.runAsync(
      [ramp(long.rows)],
      { rows: long.rows, learningRate: 1 },
      { signal: controller.signal },
    );
    await sleep(20);
    controller.abort(reason);
    await expect(pending).rejects.toBe(reason);
    expect(state.version).toBe(1);
    expect(state.read(["w"])[0]!.every((value) => value === 0)).toBe(true);
  });

  test("an abort before the call, in the queue, and after the end", async () => {
    const { state, executable } = make(long);
    const aborted = AbortSignal.abort(new Error("too late"));
    const scalars = { rows: 1, learningRate: 1 };
    await expect(executable.runAsync([ramp(1)], scalars, { signal: aborted })).rejects.toThrow("too late");
    const queued = new AbortController();
    const first = executable.runAsync([ramp(long.rows)], { rows: long.rows, learningRate: 0 });
    const second = executable.runAsync([ramp(1)], scalars, { signal: queued.signal });
    queued.abort();
    await expect(second).rejects.toMatchObject({ name: "AbortError" });
    expect(state.version).toBe(1); // the first is still under way
    await first;
    const late = new AbortController();
    await executable.runAsync([ramp(1)], scalars, { signal: late.signal });
    late.abort();
    expect(state.version).toBe(3);
  });

  test("reads go on while a training step computes, writes wait for it", async () => {
    const { state, executable } = make(long);
    const pending = executable.runAsync([ramp(long.rows)], { rows: long.rows, learningRate: 1 });
    await sleep(5);
    expect(state.read(["w"])[0]!.every((value) => value === 0)).toBe(true);
    state.write(new Map([["w", new Float32Array(channels).fill(7)]]));
    expect(state.version).toBe(3); // the step committed before the write
    expect(state.read(["w"])[0]!.every((value) => value === 7)).toBe(true);
    await pending;
  });
});

describe("states", () => {
  test("name what is wrong", () => {
    const state = backend.createState(stateSpecs);
    expect(() => state.read(["v"])).toThrow('state: there is no tensor "v", it has w');
    expect(() => state.write(new Map([["w", new Float32Array(3)]]))).toThrow('state: "w" has 64 elements, got 3');
    expect(() => backend.createState([stateSpecs[0]!, stateSpecs[0]!])).toThrow('names must differ, got "w" twice');
    expect(() => backend.createState([{ name: "w", shape: [3, 0] }])).toThrow(
      'the sizes of "w" must be positive whole numbers',
    );
  });

  test("refuse everything after dispose, also through an Executable; a second dispose does nothing", async () => {
    const { state, executable } = make(small);
    state.dispose();
    state.dispose();
    const disposed = { code: "ERR_STRIATE_DISPOSED", message: "state: it was disposed and cannot be used any more" };
    const attempts = [
      () => state.read(["w"]),
      () => state.version,
      () => state.write(new Map()),
      () => executable.run([ramp(1)], { rows: 1, learningRate: 0 }),
    ];
    for (const attempt of attempts) expect(attempt).toThrow(expect.objectContaining(disposed));
    await expect(executable.runAsync([ramp(1)], { rows: 1, learningRate: 0 })).rejects.toMatchObject(disposed);
  });

  test("dispose of an Executable lets runs under way end", async () => {
    const { executable } = make(long);
    const pending = executable.runAsync([ramp(long.rows)], { rows: long.rows, learningRate: 0 });
    executable.dispose();
    executable.dispose();
    expect(() => executable.explain()).toThrow("executable: it was disposed and cannot run any more");
    await expect(pending).resolves.toHaveLength(1);
  });

  test("belong to one backend", () => {
    const state = referenceBackend.createState(stateSpecs);
    expect(() => backend.compile(heavyProgram(small), state)).toThrow(
      "compile: the State must come from the same backend",
    );
  });
});

describe("arguments", () => {
  const { executable } = make(small);
  test.each([
    ["rows", () => executable.run([ramp(1)], { rows: 9 }), "run: rows must be a whole number from 1 to 8, got 9"],
    [
      "learning rate",
      () => executable.run([ramp(1)], { rows: 1 }),
      "run: learningRate must be a finite number, got undefined",
    ],
    [
      "type",
      () => executable.run([new Int32Array(64)], { rows: 1, learningRate: 0 }),
      "run: input x must be a Float32Array, got Int32Array",
    ],
    [
      "length",
      () => executable.run([ramp(2)], { rows: 1, learningRate: 0 }),
      "run: input x must have 64 elements (1 rows), got 128",
    ],
    [
      "count",
      () => executable.run([], { rows: 1, learningRate: 0 }),
      "run: input x must be a Float32Array, got nothing",
    ],
  ])("%s", (_, attempt, message) => {
    expect(attempt).toThrow(message);
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_STRIATE_ARGUMENT" }));
  });
});

test("a label out of range rejects with a code and leaves the Executable usable", async () => {
  const rows = 2;
  const program: Program = {
    version: PROGRAM_VERSION,
    rows,
    storages: [
      { kind: "input", dtype: "f32", size: 6, name: "logits" },
      { kind: "input", dtype: "i32", size: 2, name: "labels" },
      { kind: "output", dtype: "f32", size: 1, name: "loss" },
      { kind: "output", dtype: "f32", size: 6, name: "probabilities" },
    ],
    buffers: [
      { storage: 0, offset: 0, pixelStride: 3, shape: [2, 3], batched: true },
      { storage: 1, offset: 0, pixelStride: 2, shape: [2], batched: true },
      { storage: 2, offset: 0, pixelStride: 1, shape: [1], batched: false },
      { storage: 3, offset: 0, pixelStride: 3, shape: [2, 3], batched: true },
    ],
    prepare: [],
    steps: [{ op: "softmaxCrossEntropy", inputs: [0, 1], outputs: [2, 3], attributes: [], label: "loss" }],
    commit: [],
    arenaBeforeReuse: 0,
  };
  const executable = backend.compile(program, backend.createState([]));
  const logits = new Float32Array(6);
  for (const label of [3, -1, 2 ** 31 - 1]) {
    const run = executable.runAsync([logits, Int32Array.of(0, label)], { rows });
    await expect(run).rejects.toMatchObject({ name: "StriateError", code: "ERR_STRIATE_DATA" });
  }
  const [loss] = await executable.runAsync([logits, Int32Array.of(0, 2)], { rows });
  expect(Math.abs(loss![0]! - Math.log(3))).toBeLessThanOrEqual(4 * 2 ** -24 * Math.log(3));
});
