/** The server of bench/server: what it answers, whom it lets in, and how it ends. */
import { once } from "node:events";
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { connect, type AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import sharp from "sharp";
import { afterEach, describe, expect, test, vi } from "vitest";
import { imageServer, type Classification, type ServerOptions, type Status } from "../../bench/server/app.js";
import { Batcher } from "../../bench/server/batcher.js";
import { striateEngine, type Engine } from "../../bench/server/engine.js";
import { decodeImage, defaultLimits } from "../../bench/server/image.js";
import { Line } from "../../bench/server/line.js";
import { sequential, type Model } from "../../lib/index.js";

const net = sequential([12, 10, 3])
  .rescale({ scale: 1 / 255 })
  .conv2d({ filters: 8, kernel: 3 })
  .relu()
  .flatten()
  .dense({ units: 5 });
const newModel = (): Model => net.model({ seed: 3 }) as unknown as Model;

/** An engine that computes nothing until it is told to. */
class Gate implements Engine {
  readonly description = "gated";
  readonly inputShape;
  readonly scores;
  readonly calls: { rows: number; signal: AbortSignal; open: () => void }[] = [];
  closed = 0;

  constructor(private readonly engine: Engine) {
    this.inputShape = engine.inputShape;
    this.scores = engine.scores;
  }

  async classify(images: Uint8Array, rows: number, signal: AbortSignal): Promise<Float32Array> {
    await new Promise<void>((open, reject) => {
      this.calls.push({ rows, signal, open });
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
    return this.engine.classify(images, rows, signal);
  }

  close(): void | Promise<void> {
    this.closed++;
    return this.engine.close();
  }
}

interface Served {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly status: () => Promise<Status>;
}

const eventually = <Result>(check: () => Result | Promise<Result>): Promise<Result> =>
  vi.waitFor(check, { timeout: 30_000 });

let running: FastifyInstance[] = [];
afterEach(async () => {
  await Promise.all(running.map((app) => app.close()));
  running = [];
});

async function serve(options: ServerOptions): Promise<Served> {
  const app = imageServer(options);
  running.push(app);
  await app.listen({ port: 0, host: "127.0.0.1" });
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  return { app, url, status: async () => (await fetch(`${url}/status`)).json() as Promise<Status> };
}

async function gated(options: Omit<ServerOptions, "engine"> = {}): Promise<Served & { gate: Gate }> {
  const gate = new Gate(await striateEngine(newModel(), "striate", options.batch));
  return { ...(await serve({ engine: gate, ...options })), gate };
}

async function plain(options: Omit<ServerOptions, "engine"> = {}): Promise<Served> {
  return serve({ engine: await striateEngine(newModel(), "striate", options.batch), ...options });
}

/** A picture of its own for every seed. */
async function picture(format: "jpeg" | "png", seed = 0, width = 30, height = 20): Promise<Buffer> {
  const raw = { width, height, channels: 3 } as const;
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => 128 + 127 * Math.sin(i * 0.03 + seed));
  return sharp(pixels, { raw }).toFormat(format).toBuffer();
}

async function post(
  url: string,
  body: Uint8Array,
  type = "image/jpeg",
): Promise<{ status: number; body: unknown; response: Response }> {
  const response = await fetch(`${url}/classify`, {
    method: "POST",
    headers: { "content-type": type },
    body: Uint8Array.from(body),
  });
  return { status: response.status, body: await response.json(), response };
}

/** A client that can leave. */
function startPost(url: string, body: Uint8Array): ClientRequest {
  const client = httpRequest(`${url}/classify`, {
    method: "POST",
    headers: { "content-type": "image/png", "content-length": body.length },
  });
  client.on("error", () => {});
  client.end(body);
  return client;
}

describe("answers", () => {
  test.each([["jpeg"], ["png"]] as const)("a %s gets what a direct predict gives, to the last bit", async (format) => {
    const { url } = await plain({ classes: ["a", "b", "c", "d", "e"] });
    using model = newModel();
    for (const seed of [0, 1, 2]) {
      const file = await picture(format, seed);
      const data = await decodeImage(file, [12, 10, 3], defaultLimits);
      const scores = [...model.predictSync({ shape: [1, 12, 10, 3], data }).data];
      const best = scores.indexOf(Math.max(...scores));
      const answer = await post(url, file, `image/${format}`);
      expect(answer).toMatchObject({ status: 200, body: { class: best, name: "abcde"[best], score: scores[best] } });
    }
  });

  test("decoded pixels are upright, in the net's shape, grey or in colours, on white", async () => {
    // Red, then transparent; then turned by a tag.
    const raw = { width: 2, height: 1, channels: 4 } as const;
    const file = await sharp(Uint8Array.of(255, 0, 0, 255, 0, 0, 0, 0), { raw })
      .png()
      .toBuffer();
    expect([...(await decodeImage(file, [1, 2, 3], defaultLimits))]).toEqual([255, 0, 0, 255, 255, 255]);
    const [red, white] = await decodeImage(file, [1, 2, 1], defaultLimits);
    expect(white).toBe(255);
    expect(red).toBeLessThan(140);
    const turned = await sharp(file).flatten({ background: "white" }).withMetadata({ orientation: 3 }).png().toBuffer();
    expect([...(await decodeImage(turned, [1, 2, 3], defaultLimits))]).toEqual([255, 255, 255, 255, 0, 0]);
  });

  test("from micro-batches everybody gets his own answer", async () => {
    const { url } = await plain({ batch: 4 });
    using model = newModel();
    const files = await Promise.all(Array.from({ length: 12 }, (_, seed) => picture("png", seed)));
    const answers = await Promise.all(files.map((file) => post(url, file, "image/png")));
    for (const [i, file] of files.entries()) {
      const data = await decodeImage(file, [12, 10, 3], defaultLimits);
      const scores = model.predictSync({ shape: [1, 12, 10, 3], data }).data;
      const { score, class: best } = answers[i]!.body as Classification;
      // Sums of 27 and 640 terms of no more than 20, in the order of another plan.
      const tolerance = 700 * 2 ** -24 * 20;
      expect(Math.abs(score - scores[best]!)).toBeLessThanOrEqual(tolerance);
      expect(Math.max(...scores) - scores[best]!).toBeLessThanOrEqual(tolerance);
    }
  });
});

test("a micro-batch is what came in while others were computed, up to its limit", async () => {
  const gate = new Gate(await striateEngine(newModel(), "striate", 4));
  const batcher = new Batcher(gate, 4);
  const classify = () => batcher.classify(new Uint8Array(360), new AbortController().signal);
  const pending = Array.from({ length: 11 }, classify);
  for (let next = 0; next < 5; next++) {
    await eventually(() => expect(gate.calls.length).toBeGreaterThan(next));
    gate.calls[next]!.open();
  }
  for (const scores of await Promise.all(pending)) expect(scores).toHaveLength(5);
  expect(gate.calls.map(({ rows }) => rows)).toEqual([1, 1, 4, 4, 1]);
  await gate.close();
});

test("batches under way at once have memory of their own, which the next ones use again", async () => {
  const gate = new Gate(await striateEngine(newModel(), "striate", 4));
  const seen: { buffer: ArrayBufferLike; bytes: number[] }[] = [];
  const batcher = new Batcher(
    {
      description: gate.description,
      inputShape: gate.inputShape,
      scores: gate.scores,
      classify: (images, rows, signal) => {
        seen.push({ buffer: images.buffer, bytes: Array.from({ length: rows }, (_, i) => images[i * 360]!) });
        return gate.classify(images, rows, signal);
      },
      close: () => {},
    },
    4,
  );
  const pending = Array.from({ length: 8 }, (_, i) =>
    batcher.classify(new Uint8Array(360).fill(i), new AbortController().signal),
  );
  for (let next = 0; next < 4; next++) {
    await eventually(() => expect(gate.calls.length).toBeGreaterThan(next));
    gate.calls[next]!.open();
  }
  await Promise.all(pending);
  expect(seen.map(({ bytes }) => bytes)).toEqual([[0], [1], [2, 3, 4, 5], [6, 7]]);
  expect(seen[0]!.buffer).not.toBe(seen[1]!.buffer);
  expect(new Set(seen.map(({ buffer }) => buffer)).size).toBe(2);
  await gate.close();
});

test("works wait in line, and one whose client leaves does not", async () => {
  const line = new Line(2);
  const started: number[] = [];
  const ends: (() => void)[] = [];
  const leaving = new AbortController();
  const stays = new AbortController().signal;
  const pending = [0, 1, 2, 3].map((i) =>
    line.through(i === 2 ? leaving.signal : stays, () => {
      started.push(i);
      return new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  expect(started).toEqual([0, 1]);
  leaving.abort(new Error("gone"));
  await expect(pending[2]).rejects.toThrow("gone");
  ends[0]!();
  await pending[0];
  await eventually(() => expect(started).toEqual([0, 1, 3]));
  for (const end of ends) end();
  await Promise.all([pending[1], pending[3]]);
  await line.through(stays, () => Promise.resolve());
});

describe("the bound", () => {
  test("beyond it a request is told 503, when to come again, and why; inside it is answered", async () => {
    const { url, gate, status } = await gated({ capacity: 2 });
    const file = await picture("jpeg");
    const inside = [post(url, file), post(url, file)];
    await eventually(() => expect(gate.calls).toHaveLength(2));
    const refused = await post(url, file);
    expect(refused.status).toBe(503);
    expect(refused.response.headers.get("retry-after")).toBe("1");
    expect(refused.body).toEqual({ error: "classify: 2 images are in work already, come again in 1 s" });
    expect(await status()).toMatchObject({ inside: 2, capacity: 2, answered: 0, refused: 1 });
    for (const { open } of gate.calls) open();
    for (const { status } of await Promise.all(inside)) expect(status).toBe(200);
    await eventually(async () => expect(await status()).toMatchObject({ inside: 0, answered: 2 }));
    const again = post(url, file);
    await eventually(() => expect(gate.calls).toHaveLength(3));
    gate.calls[2]!.open();
    expect((await again).status).toBe(200);
  });

  test("a request is refused before its body is read", async () => {
    const { url, gate } = await gated({ capacity: 1 });
    const first = startPost(url, await picture("png"));
    await eventually(() => expect(gate.calls).toHaveLength(1));
    const client = httpRequest(`${url}/classify`, {
      method: "POST",
      headers: { "content-type": "image/png", "content-length": 10_000 },
    });
    client.on("error", () => {});
    client.write("the beginning");
    const [response] = (await once(client, "response")) as [IncomingMessage];
    expect(response.statusCode).toBe(503);
    client.destroy();
    first.destroy();
  });

  test.each([[1], [4]])("a client that leaves gives its place back (batches of %i)", async (batch) => {
    const { url, gate, status } = await gated({ capacity: 1, batch });
    const leaving = startPost(url, await picture("png"));
    await eventually(() => expect(gate.calls).toHaveLength(1));
    expect((await post(url, await picture("jpeg"))).status).toBe(503);
    leaving.destroy();
    await eventually(async () => expect(await status()).toMatchObject({ inside: 0, left: 1 }));
    expect(gate.calls[0]!.signal.aborted).toBe(true);
    const next = post(url, await picture("jpeg"));
    await eventually(() => expect(gate.calls).toHaveLength(2));
    gate.calls[1]!.open();
    expect((await next).status).toBe(200);
  });

  test("so does one that leaves in the middle of its upload", async () => {
    const { url, status } = await plain({ capacity: 1 });
    const { port } = new URL(url);
    const socket = connect(Number(port), "127.0.0.1");
    socket.write("POST /classify HTTP/1.1\r\nhost: x\r\ncontent-type: image/png\r\ncontent-length: 1000\r\n\r\nabc");
    await eventually(async () => expect(await status()).toMatchObject({ inside: 1 }));
    socket.destroy();
    await eventually(async () => expect(await status()).toMatchObject({ inside: 0, left: 1 }));
    expect((await post(url, await picture("jpeg"))).status).toBe(200);
  });

  test("a batch goes on for those who stay", async () => {
    const { url, gate, status } = await gated({ batch: 8 });
    const file = await picture("png");
    const first = [startPost(url, file), startPost(url, file)];
    await eventually(() => expect(gate.calls.reduce((sum, { rows }) => sum + rows, 0)).toBe(2));
    const staying = post(url, file, "image/png");
    const leaving = startPost(url, file);
    await eventually(async () => expect(await status()).toMatchObject({ inside: 4 }));
    leaving.destroy();
    for (const client of first) client.destroy();
    // Both calls stop, the next begins.
    await eventually(async () => expect(await status()).toMatchObject({ left: 3 }));
    await eventually(() => expect(gate.calls.some(({ signal }) => !signal.aborted)).toBe(true));
    for (const { open } of gate.calls) open();
    expect((await staying).status).toBe(200);
  });
});

describe("what is refused for good", () => {
  const limits = { bytes: 50_000, pixels: 10_000 };
  const jpeg = picture("jpeg");
  const cases: [string, () => Promise<Buffer>, string, number, RegExp][] = [
    [
      "no image",
      async () => Promise.resolve(Buffer.from("hello")),
      "image/png",
      415,
      /^image: must be a JPEG or PNG file/,
    ],
    [
      "an empty body",
      async () => Promise.resolve(Buffer.alloc(0)),
      "image/png",
      415,
      /^image: must be a JPEG or PNG file/,
    ],
    [
      "another type",
      () => jpeg,
      "text/plain",
      415,
      /^image: must be sent as image\/jpeg or image\/png, got text\/plain$/,
    ],
    [
      "a GIF that calls itself a PNG",
      () =>
        sharp({ create: { width: 4, height: 4, channels: 3, background: "red" } })
          .gif()
          .toBuffer(),
      "image/png",
      415,
      /first bytes are of neither/,
    ],
    ["a truncated JPEG", async () => (await jpeg).subarray(0, -200), "image/jpeg", 400, /^image: cannot be decoded: /],
    [
      "the first bytes of a PNG only",
      async () => (await picture("png")).subarray(0, 8),
      "image/png",
      400,
      /^image: cannot be decoded: /,
    ],
    ["too many pixels", () => picture("png", 0, 200, 51), "image/png", 413, /^image: must have at most 10000 pixels$/],
    [
      "too many bytes",
      async () => Promise.resolve(Buffer.alloc(50_001)),
      "image/png",
      413,
      /^image: must be at most 50000 bytes$/,
    ],
  ];

  test.each(cases)("%s", async (_, body, type, status, message) => {
    const { url, status: ask } = await plain({ limits });
    const answer = await post(url, await body(), type);
    expect(answer.status).toBe(status);
    const { error } = answer.body as { error: string };
    expect(error).toMatch(message);
    expect(error).not.toContain("\n");
    await eventually(async () => expect(await ask()).toMatchObject({ inside: 0 }));
    expect((await post(url, await jpeg)).status).toBe(200);
  });

  test("a header that promises 60,000 x 60,000 pixels costs no memory", async () => {
    const { url } = await plain();
    const file = await picture("png");
    const lying = Buffer.from(file);
    lying.writeUInt32BE(60_000, 16);
    lying.writeUInt32BE(60_000, 20);
    const { crc32 } = await import("node:zlib");
    lying.writeUInt32BE(crc32(lying.subarray(12, 29)), 29);
    const before = process.memoryUsage.rss();
    const { status, body } = await post(url, lying, "image/png");
    expect({ status, body }).toEqual({
      status: 413,
      body: { error: "image: must have at most 16000000 pixels" },
    });
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 2 ** 20);
  });

  test("an engine that fails tells the client nothing of itself", async () => {
    const engine: Engine = {
      description: "",
      inputShape: [12, 10, 3],
      scores: 5,
      classify: () => Promise.reject(new Error("secret")),
      close() {},
    };
    const { url } = await serve({ engine });
    expect(await post(url, await jpeg)).toMatchObject({ status: 500, body: { error: "classify: failed" } });
  });

  test("an engine whose own queue is full is a 503 as well", async () => {
    const busy = Object.assign(new Error("run: 1024 runs are under way already; await some first"), {
      code: "ERR_STRIATE_BUSY",
    });
    const engine: Engine = {
      description: "",
      inputShape: [12, 10, 3],
      scores: 5,
      classify: () => Promise.reject(busy),
      close() {},
    };
    const { url } = await serve({ engine });
    const { status, response } = await post(url, await jpeg);
    expect(status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("1");
  });
});

test("close() lets in nobody, answers what is under way, and frees the model then", async () => {
  const { app, url, gate } = await gated();
  const pending = post(url, await picture("jpeg"));
  await eventually(() => expect(gate.calls).toHaveLength(1));
  const closing = app.close();
  await eventually(async () => expect(fetch(`${url}/status`)).rejects.toThrow("fetch failed"));
  expect(gate.closed).toBe(0);
  gate.calls[0]!.open();
  expect((await pending).status).toBe(200);
  await closing;
  expect(gate.closed).toBe(1);
});
