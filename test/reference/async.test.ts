import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { StriateError } from "../../lib/errors.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { workerClient, type RemoteExecutable } from "../../lib/backend/reference/workerClient.js";
import type { Program } from "../../lib/graph/program.js";
import { affineProgram, differenceProgram, lossProgram, trainingProgram, twins } from "./samplePrograms.js";

const noState = referenceBackend.createState([]);
const gradient = new Float32Array(1000).fill(1);
const matrix = (size: number): Float32Array => new Float32Array(size * size).fill(1 / size);

function compileTraining(products: number, size: number) {
  const state = referenceBackend.createState(twins);
  const train = referenceBackend.compile(trainingProgram(products, size), state);
  const inputs = [gradient, matrix(size)];
  const step = (signal?: AbortSignal) =>
    train.runAsync(inputs, { rows: 1, learningRate: 1 }, signal === undefined ? {} : { signal });
  return { state, train, step, inputs };
}

describe("runAsync", () => {
  it("gives what run gives, partial batches included", async () => {
    const executable = referenceBackend.compile(affineProgram(5, 2, 1, 4), noState);
    for (const rows of [4, 1, 3]) {
      const x = Float32Array.from({ length: 5 * rows }, (_, i) => i);
      const [expected] = executable.run([x], { rows });
      expect(await executable.runAsync([x], { rows })).toEqual([expected]);
      expect(expected).toHaveLength(5 * rows);
    }
  });

  it("takes the inputs of the moment of the call", async () => {
    const executable = referenceBackend.compile(affineProgram(3, 1, 0), noState);
    // A view of a larger buffer, as Node's pooled Buffers are: only the view may travel, and the rest stays.
    const pool = new Float32Array([9, 1, 2, 3, 9]);
    const promise = executable.runAsync([pool.subarray(1, 4)], { rows: 1 });
    pool.fill(7);
    expect(await promise).toEqual([new Float32Array([1, 2, 3])]);
    expect(pool).toEqual(new Float32Array(5).fill(7));
  });

  it("keeps many runs apart", async () => {
    const executables = [1, 2, 3].map((scale) => referenceBackend.compile(affineProgram(1, scale, 0), noState));
    const runs = Array.from({ length: 60 }, (_, i) =>
      executables[i % 3]!.runAsync([new Float32Array([i])], { rows: 1 }),
    );
    const results = await Promise.all(runs);
    expect(results.map(([y]) => y![0])).toEqual(runs.map((_, i) => i * ((i % 3) + 1)));
  });

  it("leaves the event loop free", async () => {
    const { step } = compileTraining(8, 400);
    await step();
    const before = performance.eventLoopUtilization();
    await Promise.all([step(), step()]);
    const { utilization, active, idle } = performance.eventLoopUtilization(before);
    expect(active + idle).toBeGreaterThan(200);
    expect(utilization).toBeLessThan(0.2);
  });

  it("shows whole steps only, to reads and to runs", async () => {
    const { state, step } = compileTraining(1, 8);
    const difference = referenceBackend.compile(differenceProgram(), state);
    const controller = new AbortController();
    const seen = new Set<number>();
    // Steps go on until reads have come between them, however late the scheduler lets the worker run.
    const train = async (): Promise<number> => {
      let done = 0;
      while (done < 200 || seen.size < 2) {
        await Promise.all(Array.from({ length: 20 }, () => step()));
        done += 20;
      }
      return done;
    };
    const steps = train().finally(() => controller.abort());
    while (!controller.signal.aborted) {
      for (let i = 0; i < 50; i++) {
        const [first, second] = state.read(["first", "second"]);
        expect(first).toEqual(second);
        seen.add(first![999]!);
        expect(difference.run([], { rows: 1 })[0]!.every((value) => value === 0)).toBe(true);
      }
      await sleep(0);
    }
    const done = await steps;
    expect(state.version).toBe(done);
    expect(state.read(["second"])[0]![0]).toBe(-done);
  });

  it("lets synchronous and asynchronous steps take turns", async () => {
    const { state, step, train, inputs } = compileTraining(2, 100);
    const steps = Array.from({ length: 5 }, () => step());
    await sleep(20);
    for (let i = 0; i < 5; i++) train.run(inputs, { rows: 1, learningRate: 1 });
    state.write(new Map([["second", new Float32Array(1000)]]));
    await Promise.all(steps);
    expect(state.version).toBe(11);
    expect(state.read(["first"])[0]![0]).toBe(-10);
  });
});

describe("abort", () => {
  it("rejects with the signal's reason where it was aborted before", async () => {
    const { state, step } = compileTraining(1, 8);
    const reason = new Error("not today");
    await expect(step(AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(state.version).toBe(0);
  });

  it("rejects at once in mid-run and leaves the State untouched", async () => {
    const { state, step } = compileTraining(12, 400);
    await step();
    const controller = new AbortController();
    const promise = step(controller.signal);
    promise.catch(() => undefined);
    await sleep(60);
    const start = performance.now();
    controller.abort();
    await expect(promise).rejects.toMatchObject({ name: "AbortError" });
    expect(performance.now() - start).toBeLessThan(50);
    await step();
    expect(state.version).toBe(2);
    expect(state.read(["first"])[0]![0]).toBe(-2);
  });

  it("takes back runs that wait in the queue", async () => {
    const { state, step } = compileTraining(4, 300);
    const controller = new AbortController();
    const first = step();
    const queued = [step(controller.signal), step(controller.signal)];
    controller.abort();
    const outcomes = await Promise.allSettled([first, ...queued]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
    await step();
    expect(state.version).toBe(2);
  });

  it("comes too late after the run and leaves no listener behind", async () => {
    const { state, step } = compileTraining(1, 8);
    const controller = new AbortController();
    let listeners = 0;
    const { signal } = controller;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    await step(signal);
    controller.abort();
    expect(listeners).toBe(0);
    expect(state.version).toBe(1);
  });

  it("agrees with the State however the race ends", async () => {
    const { state, step } = compileTraining(1, 8);
    let committed = 0;
    for (let i = 0; i < 100; i++) {
      const controller = new AbortController();
      const promise = step(controller.signal);
      setImmediate(() => controller.abort());
      await promise.then(
        () => committed++,
        () => undefined,
      );
    }
    await step();
    expect(state.version).toBe(committed + 1);
  });
});

describe("errors of asynchronous runs", () => {
  it("keep class, code and message", async () => {
    const executable = referenceBackend.compile(lossProgram(2), noState);
    const inputs = [new Float32Array(6), Int32Array.of(1, 3)];
    const message = "softmaxCrossEntropy: label must be a class from 0 to 2 (3 classes), got 3 at index 1";
    expect(() => executable.run(inputs, { rows: 2 })).toThrow(message);
    const error: unknown = await executable.runAsync(inputs, { rows: 2 }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(StriateError);
    expect(error).toMatchObject({ code: "ERR_STRIATE_DATA", message });
    expect((error as Error).stack).toContain("worker");
  });

  it("are rejections, not exceptions, where arguments do not fit", async () => {
    const executable = referenceBackend.compile(affineProgram(3, 1, 0), noState);
    const promise = executable.runAsync([new Float32Array(2)], { rows: 1 });
    await expect(promise).rejects.toMatchObject({ code: "ERR_STRIATE_ARGUMENT" });
  });

  it("reject runs after dispose, of Executable or State", async () => {
    const executable = referenceBackend.compile(affineProgram(1, 1, 0), noState);
    const last = executable.runAsync([new Float32Array(1)], { rows: 1 });
    executable.dispose();
    expect(await last).toEqual([new Float32Array(1)]);
    await expect(executable.runAsync([new Float32Array(1)], { rows: 1 })).rejects.toMatchObject({
      code: "ERR_STRIATE_DISPOSED",
    });

    const { state, step } = compileTraining(4, 200);
    const running = step();
    await sleep(10);
    state.dispose();
    const outcomes = await Promise.allSettled([running, step()]);
    expect(outcomes[1]).toMatchObject({ status: "rejected", reason: { code: "ERR_STRIATE_DISPOSED" } });
  });

  it("name a worker that died, release its locks, and the next run gets a new one", async () => {
    const { state, step } = compileTraining(12, 400);
    const { worker } = workerClient() as unknown as { worker: Worker };
    const running = step();
    running.catch(() => undefined);
    await sleep(100);
    await worker.terminate();
    await expect(running).rejects.toMatchObject({ code: "ERR_STRIATE_WORKER" });
    expect(state.version).toBe(0);
    await step();
    expect(state.version).toBe(1);
  });

  it("name what a worker died of", async () => {
    const { memory } = referenceBackend.createState(twins) as unknown as Pick<RemoteExecutable, "memory">;
    // A Program that no Executable would send: the worker dies of it, outside of any run.
    const broken = { id: -1, program: null as unknown as Program, memory, checkMode: false };
    const error: unknown = await workerClient()
      .run(broken, [], { rows: 1 })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "ERR_STRIATE_WORKER", cause: { name: "TypeError" } });
  });
});
