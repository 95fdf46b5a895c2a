/** OpenBLAS and oneDNN: small C++ programs (compiled/), built here where Debian's packages are installed. They time themselves. */
import { spawn } from "node:child_process";
import { compile } from "../compile.js";
import { buildNet } from "../net.js";
import { opProgram } from "../program.js";
import type { CalledWork } from "../work.js";
import type { ContenderRequest, SelfTimedContender } from "./contender.js";

export type CompiledPeer = "openblas" | "onednn";

const peers: { readonly [Name in CompiledPeer]: { readonly flags: readonly string[]; readonly debian: string } } = {
  openblas: { flags: ["-lopenblas"], debian: "libopenblas-dev" },
  onednn: { flags: ["-ldnnl"], debian: "libdnnl-dev" },
};

function program(peer: CompiledPeer): string {
  const folder = new URL("../compiled/", import.meta.url);
  return compile(new URL(`${peer}.cc`, folder), peers[peer].flags, [new URL("peer.h", folder)]);
}

/** @returns what to do so that the peer can be measured, or undefined where it can */
export function missingCompiled(peer: CompiledPeer): string | undefined {
  try {
    program(peer);
    return undefined;
  } catch {
    return `it does not compile here: on Debian apt install g++ ${peers[peer].debian}`;
  }
}

/** @throws Error where the program ends, RangeError for a work that is none of the peer's */
export async function compiledContender(peer: CompiledPeer, request: ContenderRequest): Promise<SelfTimedContender> {
  const { work, threads } = request;
  const count = String(threads);
  const child = spawn(program(peer), argumentsOf(work), {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, OMP_NUM_THREADS: count, OPENBLAS_NUM_THREADS: count },
  });
  const frames = readFrames(child.stdout);
  const read = async (): Promise<ArrayBuffer> => {
    const { value, done } = await frames.next();
    if (done === true) throw new Error(`${peer} ended (${argumentsOf(work).join(" ")})`);
    return value;
  };
  const ask = (question: 1 | 2, arrays: readonly (Float32Array | Float64Array)[]): Promise<ArrayBuffer> => {
    const bytes = arrays.reduce((sum, { byteLength }) => sum + byteLength, 0);
    child.stdin.write(new Uint8Array(BigInt64Array.of(BigInt(question), BigInt(bytes)).buffer));
    for (const { buffer, byteOffset, byteLength } of arrays) {
      child.stdin.write(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength));
    }
    return read();
  };
  const description = new TextDecoder().decode(await read());
  return {
    description,
    verify: async (inputs) => new Float32Array(await ask(1, [...(inputs as Float32Array[]), ...weightsOf(request)])),
    measure: async (milliseconds) => new Float64Array(await ask(2, [Float64Array.of(milliseconds)])),
    close: () => {
      child.stdin.end();
    },
  };
}

function argumentsOf(work: CalledWork): string[] {
  if (work.kind === "gemm") return [work.m, work.n, work.k].map(String);
  if (work.kind !== "conv") throw new RangeError(`bench: ${work.id} has no compiled peer`);
  const { input, filters, kernel, stride, padding, groups } = work.shape;
  return [work.direction, ...[work.batch, ...input, filters, kernel, stride, padding, groups].map(String)];
}

/** What stands behind the inputs of a call that is verified. */
function weightsOf({ work, variant }: ContenderRequest): Float32Array[] {
  if (work.kind === "conv" && work.direction === "backwardFilter") return [];
  if (work.kind === "gemm" && !work.packed) return [];
  if (work.kind === "conv" && work.direction === "backwardInput") {
    return [opProgram(work, variant).weights.get("filter")!.data];
  }
  const model = buildNet(work, variant);
  const weights = [...model.parameters().values()].map(({ data }) => data);
  model.dispose();
  return weights;
}

/** The answers of a program: a count of bytes, and so many bytes. */
async function* readFrames(stream: AsyncIterable<Buffer>): AsyncGenerator<ArrayBuffer, void> {
  let pending: Buffer[] = [];
  let held = 0;
  let wanted: number | undefined;
  const take = (size: number): Uint8Array => {
    const all = Buffer.concat(pending);
    pending = [all.subarray(size)];
    held -= size;
    // A copy in a buffer of its own: numbers need alignment.
    return Uint8Array.from(all.subarray(0, size));
  };
  for await (const chunk of stream) {
    pending.push(chunk);
    held += chunk.length;
    for (;;) {
      if (wanted === undefined) {
        if (held < 8) break;
        wanted = Number(new BigInt64Array(take(8).buffer as ArrayBuffer)[0]);
      }
      if (held < wanted) break;
      yield take(wanted).buffer as ArrayBuffer;
      wanted = undefined;
    }
  }
}
