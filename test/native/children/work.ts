/** Run by the lifetime tests: starts runs that take a second, and leaves as it is told. In a worker_thread, too. */
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { setTimeout as sleep } from "node:timers/promises";
import { nativeBackend } from "../../../lib/backend/native/index.js";
import { channels, heavyProgram, long, stateSpecs } from "../heavy.js";

/** Starts several long runs and, if asked, waits for a short one. */
async function work(finish: boolean): Promise<void> {
  const backend = nativeBackend();
  const state = backend.createState(stateSpecs);
  const x = new Float32Array(long.rows * channels);
  if (finish) {
    const executable = backend.compile(heavyProgram({ rows: 64, passes: 20, trains: true }), state);
    for (let i = 0; i < 50; i++)
      await executable.runAsync([x.subarray(0, 64 * channels)], { rows: 64, learningRate: 0 });
    return;
  }
  const executable = backend.compile(heavyProgram(long), state);
  for (let i = 0; i < 3; i++) void executable.runAsync([x], { rows: long.rows, learningRate: 0 });
  await sleep(10);
}

function start(finish: boolean): Worker {
  // The soak test bundles this file: it then runs as it is.
  const bundled = import.meta.url.endsWith(".mjs");
  const entry = bundled ? import.meta.url : new URL("worker.mjs", import.meta.url);
  return new Worker(new URL(entry), { workerData: { entry: import.meta.url, finish } });
}

async function untilMessage(worker: Worker): Promise<void> {
  await new Promise<void>((resolve, reject) => worker.once("message", () => resolve()).once("error", reject));
}

const scenarios: Record<string, () => Promise<void>> = {
  /** process.exit() in mid-run. */
  async exit() {
    await work(false);
    process.exit(7);
  },
  /** An error that nobody catches, in mid-run. */
  async uncaught() {
    await work(false);
    throw new Error("nobody catches this");
  },
  /** terminate() in mid-run, of workers that alone have loaded the addon; then again. Prints what memory they took. */
  async terminate() {
    const rounds = Number(process.argv[3] ?? 3);
    const resident: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const workers = [start(false), start(false)];
      await Promise.all(workers.map(untilMessage));
      await Promise.all(workers.map((worker) => worker.terminate()));
      resident.push(process.memoryUsage.rss());
    }
    await sleep(100); // pool threads are still at it
    if (rounds > 3) console.log(JSON.stringify(resident));
  },
  /** Eight workers at once, some terminated in mid-run; the others and the main thread finish. */
  async eight() {
    const doomed = Array.from({ length: 4 }, () => start(false));
    const finishing = Array.from({ length: 4 }, () => start(true));
    const ends = finishing.map(async (worker) => untilMessage(worker));
    await Promise.all(doomed.map(untilMessage));
    const terminated = doomed.map((worker) => worker.terminate());
    await work(true);
    await Promise.all([...ends, ...terminated]);
  },
  /** The last handle goes while runs are under way: the event loop stays until they are over. */
  async drain() {
    await work(false);
  },
};

if (isMainThread) {
  await scenarios[process.argv[2]!]!();
  console.log("done");
} else {
  await work((workerData as { finish: boolean }).finish);
  parentPort!.postMessage("ready");
}
