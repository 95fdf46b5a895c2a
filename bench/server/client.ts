/**
 * The clients of a load, in a process of their own: each sends one image after the other over a connection that it keeps.
 * Every answer is compared with what it must be.
 */
import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { Classification } from "./app.js";

export interface LoadRequest {
  readonly url: string;
  readonly clients: number;
  readonly milliseconds: number;
  readonly images: readonly { readonly jpeg: Uint8Array; readonly expected: Classification }[];
}

export interface LoadResult {
  readonly seconds: number;
  /** Milliseconds of each request that was answered with 200. */
  readonly latencies: Float64Array;
  /** Answered with 503; the client then waits as long as Retry-After says. */
  readonly refused: number;
  /** What went wrong otherwise, in words. */
  readonly failures: readonly string[];
}

/** Scores of single images and of batches, by different packages: added up in different orders. */
const tolerance = 1e-3;

const agent = new Agent({ keepAlive: true, maxSockets: Infinity });

interface Reply {
  readonly status: number;
  readonly retryAfter: number;
  readonly body: string;
}

function post(url: string, jpeg: Uint8Array): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "image/jpeg", "content-length": jpeg.length };
    const outgoing = request(`${url}/classify`, { method: "POST", agent, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.once("error", reject);
      incoming.once("end", () => {
        const retryAfter = Number(incoming.headers["retry-after"] ?? 0);
        resolve({ status: incoming.statusCode!, retryAfter, body: Buffer.concat(chunks).toString() });
      });
    });
    outgoing.once("error", reject);
    outgoing.end(jpeg);
  });
}

function difference(got: Classification, expected: Classification): string | undefined {
  const close = Math.abs(got.score - expected.score) <= tolerance * Math.abs(expected.score);
  if (got.class === expected.class && close) return undefined;
  return `expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}`;
}

async function load({ url, clients, milliseconds, images }: LoadRequest): Promise<LoadResult> {
  const latencies: number[] = [];
  const failures: string[] = [];
  let refused = 0;
  const start = performance.now();
  const end = start + milliseconds;
  const client = async (number: number): Promise<void> => {
    for (let i = number; performance.now() < end; i++) {
      const { jpeg, expected } = images[i % images.length]!;
      const sent = performance.now();
      const { status, retryAfter, body } = await post(url, jpeg);
      if (status === 200) {
        latencies.push(performance.now() - sent);
        const wrong = difference(JSON.parse(body) as Classification, expected);
        if (wrong !== undefined) failures.push(wrong);
      } else if (status === 503 && retryAfter > 0) {
        refused++;
        await sleep(Math.min(1000 * retryAfter, Math.max(0, end - performance.now())));
      } else {
        failures.push(`${status}: ${body}`);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  const seconds = (performance.now() - start) / 1000;
  return { seconds, latencies: Float64Array.from(latencies), refused, failures: failures.slice(0, 3) };
}

process.on("message", (asked: LoadRequest) => {
  load(asked).then(
    (result) => process.send!(result),
    (error: unknown) => {
      const failures = [error instanceof Error ? error.message : String(error)];
      process.send!({ seconds: 0, latencies: new Float64Array(), refused: 0, failures } satisfies LoadResult);
    },
  );
});
