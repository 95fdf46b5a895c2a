/** Run by the selection tests: prints what was selected, twice, and what worker_threads see. */
import { isMainThread, parentPort, Worker } from "node:worker_threads";
import { backendInfo, setThreads } from "../../../lib/backend/select.js";

if (isMainThread) {
  try {
    const info = backendInfo();
    backendInfo();
    setThreads(1);
    const workers = process.argv[2] === "workers" ? 2 : 0;
    const seen = Array.from({ length: workers }, async () => {
      const worker = new Worker(new URL("worker.mjs", import.meta.url), { workerData: { entry: import.meta.url } });
      return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    });
    console.log(JSON.stringify([info, ...(await Promise.all(seen))]));
  } catch (error) {
    const { name, message, code } = error as Error & { code?: string };
    console.log(JSON.stringify({ name, message, code }));
  }
} else {
  parentPort!.postMessage(backendInfo());
}
