/**
 * `npm run bench:server`: the server under load, striate and ONNX Runtime behind it in turns. Server, clients and this
 * process are three. Exits with 1 where an answer is wrong, a request fails or striate keeps the event loop too long.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import sharp from "sharp";
import { models } from "../models/index.js";
import { weights } from "../net.js";
import { randomArray } from "../random.js";
import { striate } from "../striate.js";
import type { LoadRequest, LoadResult } from "./client.js";
import { decodeImage, defaultLimits } from "./image.js";
import type { Answer, EngineName, EventLoopDelay, Question } from "./main.js";

const usage = `npm run bench:server -- [options]
  --models <list>     models of bench/models (default cifar_small_vgg,squeezenet1_1)
  --clients <number>  at once (default 64)
  --seconds <number>  of load for each server, in three turns (default 9)
  --threads <number>  of each engine (default: all)
  --batch <number>    images in a micro-batch (default 16)
  --solo              without ONNX Runtime, which need not be installed then`;

const { values } = parseArgs({
  options: {
    models: { type: "string", default: "cifar_small_vgg,squeezenet1_1" },
    clients: { type: "string", default: "64" },
    seconds: { type: "string", default: "9" },
    threads: { type: "string", default: String(striate.backendInfo().threads) },
    batch: { type: "string", default: "16" },
    solo: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const turns = 3;
/** Milliseconds: what the event loop's delay must stay below behind striate, 99 % of the time, in every turn. */
const loopLimit = 10;
const clients = Number(values.clients);

/** A server process: an engine, with or without micro-batches. */
class Server {
  private readonly child: ChildProcess;
  private readonly results: LoadResult[] = [];
  private readonly failed: string[] = [];
  description = "";
  private url = "";
  private readonly delays: EventLoopDelay[] = [];

  constructor(
    model: string,
    readonly engine: EngineName,
    readonly batch: number,
    readonly capacity: number,
  ) {
    const args = [
      "--engine",
      engine,
      "--batch",
      batch,
      "--capacity",
      capacity,
      "--port",
      0,
      "--threads",
      values.threads,
    ];
    this.child = fork(fileURLToPath(new URL("main.ts", import.meta.url)), [...args.map(String), model]);
  }

  async open(): Promise<void> {
    const { url, description } = (await answerOf(this.child)) as Extract<Answer, { url: string }>;
    this.url = url;
    this.description = description;
  }

  /** A turn that does not count, but must be right. */
  async warm(client: ChildProcess, request: Omit<LoadRequest, "url">): Promise<void> {
    await this.turn(client, request);
    this.failed.push(...this.results.pop()!.failures);
    this.delays.pop();
  }

  /** One turn of load. */
  async turn(client: ChildProcess, request: Omit<LoadRequest, "url">): Promise<void> {
    const nothing = { class: 0, name: "0", score: 0 };
    const images =
      this.engine === "none" ? request.images.map(({ jpeg }) => ({ jpeg, expected: nothing })) : request.images;
    this.ask("start");
    client.send({ ...request, images, url: this.url });
    this.results.push((await answerOf(client)) as LoadResult);
    this.ask("stop");
    this.delays.push((await answerOf(this.child)) as EventLoopDelay);
  }

  private ask(question: Question): void {
    this.child.send(question);
  }

  async close(): Promise<void> {
    this.ask("close");
    await once(this.child, "exit");
  }

  get figures() {
    const latencies = Float64Array.from(this.results.flatMap((result) => [...result.latencies])).sort();
    const seconds = this.results.reduce((sum, result) => sum + result.seconds, 0);
    const refused = this.results.reduce((sum, result) => sum + result.refused, 0);
    const at = (share: number): number => latencies[Math.ceil(share * latencies.length) - 1] ?? NaN;
    // The worst turn's: histograms of the event loop cannot be added up.
    const worst = (of: (delay: EventLoopDelay) => number): number => Math.max(...this.delays.map(of));
    const delay = { p50: worst(({ p50 }) => p50), p99: worst(({ p99 }) => p99), max: worst(({ max }) => max) };
    const percent = (of: (delay: EventLoopDelay) => number): number =>
      (100 * this.delays.reduce((sum, one) => sum + of(one), 0)) / this.delays.length;
    const thread = { ran: percent(({ ran }) => ran), waited: percent(({ waited }) => waited) };
    return { perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99), refused, delay, thread };
  }

  get failures(): string[] {
    const { p99 } = this.figures.delay;
    const late =
      this.engine === "striate" && !(p99 < loopLimit)
        ? [`batch ${this.batch}, capacity ${this.capacity}: event loop p99 ${p99.toFixed(1)} ms, limit ${loopLimit}`]
        : [];
    return [...this.failed, ...this.results.flatMap((result) => result.failures), ...late];
  }
}

async function answerOf(child: ChildProcess): Promise<unknown> {
  const ended = new AbortController();
  const onExit = (code: number | null): void => ended.abort(new Error(`a process of the load ended with ${code}`));
  child.once("exit", onExit);
  try {
    const [answer] = (await once(child, "message", { signal: ended.signal })) as [unknown];
    return answer;
  } catch (error) {
    throw ended.signal.aborted ? ended.signal.reason : error;
  } finally {
    child.off("exit", onExit);
  }
}

/** JPEG files of soft random pictures, twice as large as the net takes, with what a direct call says about them. */
async function picturesFor(name: string): Promise<LoadRequest["images"]> {
  const { node } = models.get(name)!.net();
  using model = new striate.Model(node, { parameters: weights(node, name) });
  const [height, width] = model.inputShape as readonly [number, number, number];
  const images: LoadRequest["images"][number][] = [];
  for (let i = 0; i < 16; i++) {
    const coarse = Buffer.from(randomArray(8 * 8 * 3, `picture ${i}`).map((value) => 127.5 * (1 + value)));
    const raw = { width: 8, height: 8, channels: 3 } as const;
    const jpeg = await sharp(coarse, { raw })
      .resize(2 * width, 2 * height)
      .jpeg({ quality: 90 })
      .toBuffer();
    const data = await decodeImage(jpeg, model.inputShape, defaultLimits);
    const scores = model.predictSync({ shape: [1, ...model.inputShape], data }).data;
    const score = Math.max(...scores);
    const best = scores.indexOf(score);
    images.push({ jpeg, expected: { class: best, name: String(best), score } });
  }
  return images;
}

const columns = [
  "model",
  "engine",
  "batch",
  "capacity",
  "img/s",
  "ratio",
  "p50 ms",
  "p99 ms",
  "503/s",
  "loop p50",
  "loop p99",
  "max",
  "ran %",
  "waited %",
];
const widths = [16, 24, 6, 9, 7, 6, 8, 8, 7, 9, 9, 7, 7, 9];
const line = (cells: readonly string[]): string =>
  cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("");

/** @returns what went wrong */
async function measure(name: string, client: ChildProcess): Promise<string[]> {
  const batch = Number(values.batch);
  const images = await picturesFor(name);
  const roomy = 2 * clients;
  const servers = [1, batch].map((size) => new Server(name, "striate", size, roomy));
  if (!values.solo) servers.push(...[1, batch].map((size) => new Server(name, "onnxruntime", size, roomy)));
  // A house that is too small for all: the rest is told so at once.
  servers.push(new Server(name, "striate", batch, clients / 4));
  servers.push(new Server(name, "none", 1, roomy));
  for (const server of servers) await server.open();
  const milliseconds = (1000 * Number(values.seconds)) / turns;
  // JavaScript is compiled, connections are made: one short turn of each that does not count.
  const request = { clients, images };
  for (const server of servers) await server.warm(client, { ...request, milliseconds: 1000 });
  for (let turn = 0; turn < turns; turn++) {
    // Each first as often as last.
    for (const server of turn % 2 === 0 ? servers : servers.toReversed())
      await server.turn(client, { ...request, milliseconds });
  }
  for (const server of servers) {
    const { perSecond, p50, p99, refused, delay, thread } = server.figures;
    const peer = servers.filter(({ engine }) => engine === "onnxruntime").map(({ figures }) => figures.perSecond);
    const ratio = peer.length === 0 || server.engine === "none" ? "" : (perSecond / Math.max(...peer)).toFixed(2);
    const numbers = [p50, p99, refused / Number(values.seconds), delay.p50, delay.p99, delay.max].map((value) =>
      value.toFixed(1),
    );
    numbers.push(...[thread.ran, thread.waited].map((value) => value.toFixed(0)));
    console.log(
      line([
        name,
        server.description,
        String(server.batch),
        String(server.capacity),
        perSecond.toFixed(0),
        ratio,
        ...numbers,
      ]),
    );
  }
  for (const server of servers) await server.close();
  return servers.flatMap(({ failures }) => failures);
}

if (values.help) {
  console.log(usage);
} else {
  console.log(
    `${cpus()[0]?.model.trim() ?? "unknown CPU"}, Node.js ${process.version}, ${clients} clients, ${values.threads} threads`,
  );
  console.log(line(columns));
  const client = fork(fileURLToPath(new URL("client.ts", import.meta.url)), { serialization: "advanced" });
  for (const name of values.models.split(",")) {
    for (const failure of await measure(name, client)) {
      console.error(`${name}: ${failure}`);
      process.exitCode = 1;
    }
  }
  client.kill();
}
