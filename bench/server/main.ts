/**
 * `npm run serve -- [MODEL]`: the server as a process of its own. MODEL is a folder that `model.save` wrote, of a net that
 * begins with rescale(), or a model of bench/models with drawn weights. SIGTERM and SIGINT let it answer what is under way first.
 */
import { existsSync, readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { monitorEventLoopDelay, type IntervalHistogram } from "node:perf_hooks";
import { parseArgs } from "node:util";
import fastify, { type FastifyInstance } from "fastify";
import { listNodes, rootOf } from "../../lib/layers/node.js";
import type { Model } from "../../lib/training/model.js";
import { models } from "../models/index.js";
import { weights } from "../net.js";
import { striate } from "../striate.js";
import { imageServer } from "./app.js";
import { striateEngine, type Engine } from "./engine.js";
import { onnxruntimeEngine } from "./onnxruntime.js";

/** "none": a server that reads the request and answers at once, what Node.js and the clients cost by themselves. */
export type EngineName = "striate" | "onnxruntime" | "none";

/** What the load asks of this process, and is told. */
export type Question = "start" | "stop" | "close";
export type Answer = { readonly url: string; readonly description: string } | EventLoopDelay;
/** Milliseconds, and what the JavaScript thread did of the time: it had a core, or waited for one; NaN if not on Linux. */
export interface EventLoopDelay {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly ran: number;
  readonly waited: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    engine: { type: "string", default: "striate" },
    port: { type: "string", default: "3000" },
    threads: { type: "string", default: String(striate.backendInfo().threads) },
    capacity: { type: "string", default: "128" },
    batch: { type: "string", default: "1" },
  },
});
const threads = Number(values.threads);
const batch = Number(values.batch);
striate.setThreads(threads);

const name = positionals[0] ?? "cifar_small_vgg";
const { app, description } = values.engine === "none" ? emptyServer() : await realServer();
await app.listen({ port: Number(values.port), host: "127.0.0.1" });
const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

if (process.send === undefined) {
  console.log(`${name} by ${description}: POST a JPEG or PNG to ${url}/classify`);
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void app.close());
} else {
  answerParent();
}

/** @throws RangeError for what is neither a folder nor a model of the bench */
async function open(name: string): Promise<Model> {
  if (existsSync(name)) {
    const model = await striate.loadModel(name);
    const readers = listNodes(model.node).filter(({ node }) => node.inputs.includes(rootOf(model.node)));
    if (readers.every(({ node }) => node.definition.type === "rescale")) return model;
    throw new RangeError(`serve: pictures are bytes, 0 to 255; the net of ${name} must begin with rescale()`);
  }
  const known = models.get(name);
  if (known === undefined)
    throw new RangeError(`serve: no folder ${name}, and no model; there is ${[...models.keys()].join(", ")}`);
  const { node } = known.net();
  return new striate.Model(node, { parameters: weights(node, name) });
}

interface Served {
  readonly app: FastifyInstance;
  readonly description: string;
}

async function realServer(): Promise<Served> {
  const model = await open(name);
  const engine = await makeEngine(model);
  const { classes } = model.metadata as { readonly classes?: readonly string[] };
  const app = imageServer({ engine, batch, capacity: Number(values.capacity), ...(classes && { classes }) });
  return { app, description: engine.description };
}

function emptyServer(): Served {
  const app = fastify();
  app.addContentTypeParser("image/jpeg", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.post("/classify", async () => Promise.resolve({ class: 0, name: "0", score: 0 }));
  return { app, description: "none" };
}

async function makeEngine(model: Model): Promise<Engine> {
  if (values.engine === "onnxruntime") return onnxruntimeEngine(model, threads, batch);
  const { backend, isa } = striate.backendInfo();
  return striateEngine(model, `striate (${backend}, ${isa})`, batch);
}

/** Under a parent that measures: the delay of the event loop between "start" and "stop". */
function answerParent(): void {
  const resolution = 1;
  let turn: IntervalHistogram | undefined;
  let before: readonly number[] = [];
  let start = 0;
  // A histogram holds the whole time from one tick of its timer to the next.
  const milliseconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - resolution);
  const answer = (message: Answer): void => void process.send!(message);
  process.on("message", (question: Question) => {
    if (question === "start") {
      // A new one: the first tick of one that was stopped holds all the time in between.
      turn = monitorEventLoopDelay({ resolution });
      turn.enable();
      before = schedulerTimes();
      start = performance.now();
    }
    if (question === "stop") {
      turn!.disable();
      const [p50, p99] = [50, 99].map((percent) => milliseconds(turn!.percentile(percent)));
      const passed = performance.now() - start;
      const [ran, waited] = schedulerTimes().map((time, i) => (time - before[i]!) / passed);
      answer({ p50: p50!, p99: p99!, max: milliseconds(turn!.max), ran: ran!, waited: waited! });
    }
    if (question === "close") void app.close().then(() => process.disconnect());
  });
  answer({ url, description });
}

/** Milliseconds that this thread had a core, and that it was ready to run and had none. */
function schedulerTimes(): readonly number[] {
  if (process.platform !== "linux") return [NaN, NaN];
  const [ran, waited] = readFileSync("/proc/self/schedstat", "utf8").split(" ");
  return [Number(ran) / 1e6, Number(waited) / 1e6];
}
