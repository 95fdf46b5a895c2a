/** The built package in processes and threads of its own: exits, terminations, eight users at once, the lock under fire. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import { lockWords, StateLock } from "../../lib/backend/reference/lock.js";
import { trainingProgram, twins } from "./samplePrograms.js";

const built = new URL("../../dist/backend/reference/", import.meta.url).href;

/** A script with the backend, a State of twins, and `step()`: one training step, of about 30 ms a product at size 400. */
function script(products: number, body: string, size = 400): string {
  return `
    const { referenceBackend } = await import("${built}index.js");
    const state = referenceBackend.createState(${JSON.stringify(twins)});
    const train = referenceBackend.compile(${JSON.stringify(trainingProgram(products, size))}, state);
    const inputs = [new Float32Array(1000).fill(1), new Float32Array(${size * size}).fill(1 / ${size})];
    const step = () => train.runAsync(inputs, { rows: 1, learningRate: 1 });
    ${body}`;
}

interface Exit {
  readonly code: number | string | null | undefined;
  readonly signal: string | undefined;
  readonly output: string;
}

function runProcess(source: string): Promise<Exit> {
  return new Promise((resolve) => {
    const options = { cwd: fileURLToPath(new URL("../..", import.meta.url)), timeout: 30_000 };
    execFile(process.execPath, ["--input-type=module", "-e", source], options, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, signal: error?.signal ?? undefined, output: stdout + stderr });
    });
  });
}

describe("a process", () => {
  it("ends when asynchronous runs are done, without dispose", async () => {
    const exit = await runProcess(script(1, `await step(); console.log("version", state.version);`));
    expect(exit).toMatchObject({ code: 0, signal: undefined, output: "version 1\n" });
  });

  it("waits for a run that no one awaits", async () => {
    const exit = await runProcess(script(1, `step().then(() => console.log("done"));`));
    expect(exit).toMatchObject({ code: 0, output: "done\n" });
  });

  it("can exit in mid-run", async () => {
    const body = `for (let i = 0; i < 50; i++) step(); setTimeout(() => { console.log("out"); process.exit(3); }, 300);`;
    const exit = await runProcess(script(10, body));
    expect(exit).toMatchObject({ code: 3, signal: undefined, output: "out\n" });
  });

  it("dies of its own uncaught error in mid-run, not of the worker", async () => {
    const exit = await runProcess(script(10, `step(); setTimeout(() => { throw new Error("mine"); }, 200);`));
    expect(exit).toMatchObject({ code: 1, signal: undefined });
    expect(exit.output).toContain("mine");
  });
});

/** A thread of the user's; resolves with its exit code and what it posted. */
function runThread(body: string, onMessage?: (worker: Worker) => void): Promise<{ code: number; messages: unknown[] }> {
  const source = `const { parentPort } = require("node:worker_threads"); (async () => { ${body} })();`;
  const worker = new Worker(source, { eval: true });
  const messages: unknown[] = [];
  return new Promise((resolve, reject) => {
    worker.on("message", (message) => {
      messages.push(message);
      onMessage?.(worker);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => resolve({ code, messages }));
  });
}

describe("worker_threads of the user", () => {
  it("use the backend eight at once", async () => {
    const body = script(
      2,
      `for (let i = 0; i < 3; i++) { await step(); train.run(inputs, { rows: 1, learningRate: 1 }); }
       parentPort.postMessage([state.version, state.read(["second"])[0][999]]);`,
      100,
    );
    const results = await Promise.all(Array.from({ length: 8 }, () => runThread(body)));
    for (const result of results) expect(result).toEqual({ code: 0, messages: [[6, -6]] });
  });

  it("can be terminated in mid-run", async () => {
    const body = script(10, `step(); step(); setTimeout(() => parentPort.postMessage("running"), 100);`);
    const terminate = (worker: Worker): void => void worker.terminate();
    const results = await Promise.all(Array.from({ length: 4 }, () => runThread(body, terminate)));
    for (const { code, messages } of results) expect([code, messages]).toEqual([1, ["running"]]);
    // This thread's own worker is not touched by it.
    expect(await runThread(script(1, `await step(); parentPort.postMessage(state.version);`))).toEqual({
      code: 0,
      messages: [1],
    });
  });
});

describe("StateLock", () => {
  it("lets readers see both halves of every write, and loses no update, among threads", async () => {
    const words = new Int32Array(new SharedArrayBuffer(4 * lockWords));
    // Plain, not atomic: only the lock protects them.
    const halves = new Float64Array(new SharedArrayBuffer(16));
    const rounds = 20_000;
    const source = `
      const { workerData, parentPort } = require("node:worker_threads");
      import("${built}lock.js").then(({ StateLock }) => {
        const { words, halves, rounds, writes } = workerData;
        const lock = new StateLock(words);
        let torn = 0;
        for (let i = 0; i < rounds; i++) {
          if (writes) {
            lock.acquireUpdate();
            const next = halves[0] + 1;
            lock.acquireWrite();
            halves[0] = next;
            for (let wait = 0; wait < 50; wait++);
            halves[1] = next;
            lock.releaseWrite();
            lock.releaseUpdate();
          } else {
            lock.acquireRead();
            if (halves[0] !== halves[1]) torn++;
            lock.releaseRead();
          }
        }
        parentPort.postMessage(torn);
      });`;
    const torn = await Promise.all(
      [true, true, false, false].map((writes) => {
        const worker = new Worker(source, { eval: true, workerData: { words, halves, rounds, writes } });
        return new Promise<unknown>((resolve, reject) => worker.on("message", resolve).on("error", reject));
      }),
    );
    expect(torn).toEqual([0, 0, 0, 0]);
    expect([...halves]).toEqual([2 * rounds, 2 * rounds]);
    expect(new StateLock(words).version).toBe(2 * rounds);
    expect([...words.slice(0, 2)]).toEqual([0, 0]);
  });

  it("can be taken back from a dead thread, whatever it held", () => {
    const lock = new StateLock(new Int32Array(lockWords));
    lock.acquireRead();
    lock.releaseAll(1);
    lock.acquireUpdate();
    lock.releaseAll(2);
    expect(lock.condition).toBe("sound");
    lock.acquireUpdate();
    lock.acquireWrite();
    lock.releaseAll(2 + 4);
    expect(lock.condition).toBe("torn");
    lock.acquireUpdate();
    lock.acquireWrite();
    lock.releaseWrite();
    lock.releaseUpdate();
    lock.acquireRead();
    expect(lock.version).toBe(2);
  });
});
