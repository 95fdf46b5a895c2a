/** What a model keeps in memory, seen by a process that did nothing else. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { buildNet } from "../net.js";
import { randomArray } from "../random.js";
import { product, type MemoryWork } from "../work.js";
import type { Questions } from "./protocol.js";

/**
 * `held`: State, packed weights, arena and scratch, all that the addon accounts for. `resident`: what the process grew by,
 * which includes what the garbage collector has not returned.
 */
export function heldBytes(work: MemoryWork): Questions["memory"]["answer"] {
  collect();
  const before = process.memoryUsage();
  const model = buildNet(work, { repeats: 1, algorithm: "auto" });
  const shape = [1, ...work.model.input] as const;
  model.predictSync({ shape, data: randomArray(product(shape), work.id) }, { batchSize: 1 });
  collect();
  const after = process.memoryUsage();
  const native = (usage: NodeJS.MemoryUsage): number => usage.external - usage.arrayBuffers;
  const weights = 4 * [...model.parameters().values()].reduce((sum, { shape: each }) => sum + product(each), 0);
  return { weights, held: native(after) - native(before), resident: after.rss - before.rss };
}

/** Two rounds: arrays are freed one round after the objects that held them. */
function collect(): void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
}
