/** What a model keeps in memory, seen by a process that did nothing else. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { selectBackend } from "../../lib/backend/select.js";
import { fromGraph, toGraph } from "../../lib/layers/graph.js";
import { buildProgram } from "../../lib/training/plans.js";
import { netNode, weights } from "../net.js";
import { randomArray } from "../random.js";
import { product, type MemoryWork } from "../work.js";
import type { Questions } from "./protocol.js";

/**
 * `held`: State, prepared buffers, packed weights and arena. `scratch`: of the hungriest step, for as many threads as
 * there might be; what no thread touches takes no memory. `resident`: what the process grew by while it had predicted one
 * image, which includes the input, the result, and what the allocators keep.
 */
export function heldBytes(work: MemoryWork): Questions["memory"]["answer"] {
  // Made of the sources' layers: Values of two copies of the package do not mix.
  const node = fromGraph(toGraph(netNode(work, { repeats: 1, algorithm: "auto" })));
  const backend = selectBackend();
  const before = residentBytes();
  const parameters = weights(node, work.id);
  const state = backend.createState([...parameters].map(([name, { shape }]) => ({ name, shape })));
  state.write(new Map([...parameters].map(([name, { data }]) => [name, data as Float32Array])));
  const weightBytes = 4 * [...parameters.values()].reduce((sum, { shape }) => sum + product(shape), 0);
  parameters.clear();
  const executable = backend.compile(buildProgram(node, { kind: "predict", rows: 1, inputDtype: "f32" }), state);
  executable.run([randomArray(product(work.model.input), work.id)], { rows: 1 });
  const resident = residentBytes() - before;

  const { storages } = executable.program;
  const stored = storages.filter(({ kind }) => ["state", "prepared", "arena"].includes(kind));
  const explained = executable.explain();
  const held =
    4 * stored.reduce((sum, { size }) => sum + size, 0) +
    explained.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
  const scratch = Math.max(...explained.map(({ scratchBytes }) => scratchBytes));
  return { weights: weightBytes, held, scratch, resident };
}

/** After two collections: arrays are freed one round after the objects that held them. */
function residentBytes(): number {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  gc();
  return process.memoryUsage.rss();
}
