// @ts-check
// A worker_thread whose entry is TypeScript: Node.js 20 does not hand --import tsx down to workers.
import { workerData } from "node:worker_threads";
import { register } from "tsx/esm/api";

register();
await import(workerData.entry);
