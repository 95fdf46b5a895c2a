/**
 * An image classifier behind HTTP: `POST /classify` with a JPEG or PNG as the body answers `{ class, name, score }`.
 *
 * - So many requests are in the house at most, from their first header to their answer; the next one is told 503 and when
 *   to come again, before its body is read. Memory is bounded by that.
 * - A client that leaves gives its place back: what it waits for is taken out of the queue, or stops before its next step.
 * - Everything heavy happens on other threads: sharp decodes on libuv's, striate computes on its own.
 */
import { availableParallelism } from "node:os";
import fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from "fastify";
import { Batcher } from "./batcher.js";
import type { Engine } from "./engine.js";
import { Line } from "./line.js";
import { decodeImage, defaultLimits, type ImageLimits } from "./image.js";

export interface ServerOptions {
  /** Closed with the server. */
  readonly engine: Engine;
  /** Names of the classes. Default: their numbers. */
  readonly classes?: readonly string[];
  /** Requests in the house at once. Default 128. */
  readonly capacity?: number;
  /** The most images in one call of the engine. Default 1: every image on its own. */
  readonly batch?: number;
  readonly limits?: ImageLimits;
}

export interface Classification {
  readonly class: number;
  readonly name: string;
  readonly score: number;
}

/** Requests since the start, and those in the house now. */
export interface Status {
  readonly inside: number;
  readonly capacity: number;
  readonly answered: number;
  readonly refused: number;
  readonly left: number;
}

/** A request in the house. Its place is free when both the client is gone and the work for it has ended, or was stopped. */
class Guest {
  private readonly controller = new AbortController();
  private holds = 1;

  constructor(private readonly onFree: () => void) {}

  /** Works for the client; the signal is aborted when it leaves. */
  async served<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    this.holds++;
    try {
      return await work(this.controller.signal);
    } finally {
      this.release();
    }
  }

  leave(): void {
    this.controller.abort();
    this.release();
  }

  private release(): void {
    if (--this.holds === 0) this.onFree();
  }
}

/** Seconds after which a client that was refused may come again. */
const retryAfter = 1;

/** @returns a server that listens when it is told to; `close()` answers what is under way first */
export function imageServer(options: ServerOptions): FastifyInstance {
  const { engine, classes, capacity = 128, batch = 1, limits = defaultLimits } = options;
  const batcher = batch > 1 ? new Batcher(engine, batch) : undefined;
  // A core is left to the event loop where there are several: decoders are its equals when cores are given out.
  const decoders = new Line(Math.max(1, availableParallelism() - 1));
  const count = { inside: 0, answered: 0, refused: 0, left: 0 };
  const guests = new WeakMap<FastifyRequest, Guest>();

  const app = fastify({ bodyLimit: limits.bytes, requestTimeout: 10_000, forceCloseConnections: "idle" });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(["image/jpeg", "image/png"], { parseAs: "buffer" }, (_, body, done) => done(null, body));

  app.post("/classify", {
    onRequest(request, reply, done) {
      if (count.inside >= capacity) {
        count.refused++;
        const message = `classify: ${capacity} images are in work already, come again in ${retryAfter} s`;
        void reply.code(503).header("retry-after", retryAfter).send({ error: message });
        return;
      }
      count.inside++;
      const guest = new Guest(() => count.inside--);
      guests.set(request, guest);
      // The response's: the request's own "close", and Fastify's request.signal with it, come when the body has been read.
      reply.raw.once("close", () => {
        if (reply.raw.writableFinished) count.answered++;
        else count.left++;
        guest.leave();
      });
      done();
    },
    async handler(request): Promise<Classification> {
      const scores = await guests.get(request)!.served(async (signal) => {
        const decode = () => decodeImage(request.body as Buffer, engine.inputShape, limits);
        const image = await decoders.through(signal, decode);
        signal.throwIfAborted();
        return batcher?.classify(image, signal) ?? engine.classify(image, 1, signal);
      });
      const best = scores.reduce((most, score, i) => (score > scores[most]! ? i : most), 0);
      return { class: best, name: classes?.[best] ?? String(best), score: scores[best]! };
    },
  });

  app.get("/status", (): Status => ({ ...count, capacity }));

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const { status, message } = explain(error, request, limits);
    if (status === 503) void reply.header("retry-after", retryAfter);
    return reply.code(status).send({ error: message });
  });
  // A connection that is kept alive would keep a server that closes alive as well.
  let closing = false;
  app.addHook("preClose", (done) => {
    closing = true;
    done();
  });
  app.addHook("onSend", async (_, reply) => void (closing && reply.header("connection", "close")));
  app.addHook("onClose", () => engine.close());
  return app;
}

/** One sentence for the client, with what would have been accepted; nothing of the inside of the server. */
function explain(
  error: FastifyError,
  request: FastifyRequest,
  limits: ImageLimits,
): { status: number; message: string } {
  if (error.code === "FST_ERR_CTP_BODY_TOO_LARGE") {
    return { status: 413, message: `image: must be at most ${limits.bytes} bytes` };
  }
  if (error.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") {
    const got = request.headers["content-type"] ?? "no content-type";
    return { status: 415, message: `image: must be sent as image/jpeg or image/png, got ${got}` };
  }
  if (error.code === "ERR_STRIATE_BUSY") return { status: 503, message: error.message };
  const status = error.statusCode ?? 500;
  if (status < 500) return { status, message: error.message };
  request.log.error(error);
  return { status, message: "classify: failed" };
}
