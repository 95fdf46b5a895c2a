/** What a model keeps in memory, seen by a process that did nothing else. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { selectBackend } from "../../lib/backend/select.js";
import { fromGraph, toGraph } from "../../lib/layers/graph.js";
import { Predictor } from "../../lib/training/predictor.js";
import { netNode, weights } from "../net.js";
import { randomArray } from "../random.js";
import { product, type MemoryWork } from "../work.js";
import type { Questions } from "./protocol.js";

/**
 * As `model.predictor()` keeps them. `held`: what is left of the State, prepared buffers, packed weights, arena, and the
 * input and output of one run. `scratch`: of the hungriest step, for as many threads as there might be; what no thread
 * touches takes no memory. `resident`: what the process grew by while it had predicted one image, with what the allocators
 * keep.
 */
export function heldBytes(work: MemoryWork): Questions["memory"]["answer"] {
  // Made of the sources' layers: Values of two copies of the package do not mix.
  const node = fromGraph(toGraph(netNode(work, { repeats: 1, algorithm: "auto" })));
  const backend = selectBackend();
  const heldBefore = backend.info().nativeBytes;
  const before = residentBytes();
  const parameters = new Map([...weights(node, work.id)].map(([name, { data }]) => [name, data as Float32Array]));
  const weightBytes = 4 * [...parameters.values()].reduce((sum, { length }) => sum + length, 0);
  const predictor = new Predictor(node, backend, parameters, {});
  parameters.clear();
  const held = backend.info().nativeBytes - heldBefore;
  const [height, width, channels] = work.model.input;
  const image = randomArray(product(work.model.input), work.id);
  predictor.predictSync({ shape: [1, height, width, channels], data: image });
  const resident = residentBytes() - before;
  const { arena, scratch } = predictor.plan().memory;
  return { weights: weightBytes, held: held + arena, scratch, resident };
}

/** After two collections: arrays are freed one round after the objects that held them. */
function residentBytes(): number {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
  return process.memoryUsage.rss();
}
