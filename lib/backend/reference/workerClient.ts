/** This thread's side of its worker: started by the first asynchronous run, shared by all Executables. */
import { createRequire } from "node:module";
import type { Worker } from "node:worker_threads";
import { StriateError } from "../../errors.js";
import type { Program, RunScalars } from "../../graph/program.js";
import type { InputArray, OutputArray } from "../backend.js";
import { jobHolds, jobPhase, jobWords, receiveError, type Reply, type Request } from "./protocol.js";
import type { StateMemory } from "./state.js";

/** What the worker must know of an Executable to run it. */
export interface RemoteExecutable {
  readonly id: number;
  readonly program: Program;
  readonly memory: StateMemory;
  readonly checkMode: boolean;
}

interface Job {
  readonly words: Int32Array;
  readonly memory: StateMemory;
  readonly resolve: (outputs: OutputArray[]) => void;
  readonly reject: (error: Error) => void;
}

class WorkerClient {
  private readonly worker: Worker;
  private readonly known = new Set<number>();
  private readonly jobs = new Map<number, Job>();
  private lastJob = 0;

  constructor(onExit: () => void) {
    // Not imported: a program that needs no worker starts 2 ms sooner.
    const { Worker } = process.getBuiltinModule("node:worker_threads");
    // No execArgv of the parent's: its loaders and inspectors are not for this file, and cost a second to start.
    this.worker = new Worker(workerFile(), { execArgv: [], name: "striate" });
    this.worker.unref();
    this.worker.on("message", (reply: Reply) => this.settle(reply));
    this.worker.on("error", (error) => this.fail(error, onExit));
    this.worker.on("exit", (code) => this.fail(new Error(`the worker exited with code ${code}`), onExit));
  }

  run(
    executable: RemoteExecutable,
    inputs: InputArray[],
    scalars: RunScalars,
    signal?: AbortSignal,
  ): Promise<OutputArray[]> {
    return new Promise((resolve, reject) => {
      const job = ++this.lastJob;
      const words = new Int32Array(new SharedArrayBuffer(4 * jobWords));
      const onAbort = (): void => {
        if (jobPhase.abort(words)) reject(signal!.reason as Error);
      };
      const settled = (): void => signal?.removeEventListener("abort", onAbort);
      signal?.addEventListener("abort", onAbort, { once: true });
      this.jobs.set(job, {
        words,
        memory: executable.memory,
        resolve: (outputs) => {
          settled();
          resolve(outputs);
        },
        reject: (error) => {
          settled();
          reject(error);
        },
      });
      if (this.jobs.size === 1) this.worker.ref();
      this.introduce(executable);
      const transfers = inputs.map(({ buffer }) => buffer as ArrayBuffer);
      this.post({ kind: "run", executable: executable.id, job, inputs, scalars, words }, transfers);
    });
  }

  private introduce({ id, program, memory, checkMode }: RemoteExecutable): void {
    if (this.known.has(id)) return;
    this.known.add(id);
    this.post({ kind: "compile", executable: id, program, state: memory.shared, checkMode });
  }

  forget(executable: number): void {
    if (this.known.delete(executable)) this.post({ kind: "forget", executable });
  }

  private post(request: Request, transfers: ArrayBuffer[] = []): void {
    this.worker.postMessage(request, transfers);
  }

  private settle(reply: Reply): void {
    const job = this.jobs.get(reply.job)!;
    this.jobs.delete(reply.job);
    if (this.jobs.size === 0) this.worker.unref();
    if ("outputs" in reply) job.resolve(reply.outputs);
    else if ("error" in reply) job.reject(receiveError(reply.error));
    // An aborted job was rejected when its signal fired.
  }

  /** The worker is gone: gives back the locks it held, and rejects what it can no longer answer. */
  private fail(cause: Error, onExit: () => void): void {
    onExit();
    for (const job of this.jobs.values()) {
      job.memory.lock.releaseAll(jobHolds.get(job.words));
      job.reject(
        new StriateError("ERR_STRIATE_WORKER", `runAsync: the worker thread died: ${cause.message}`, { cause }),
      );
    }
    this.jobs.clear();
  }
}

/** The built file, from the sources as well as from the package: tests and tools run the sources in TypeScript. */
function workerFile(): string {
  try {
    return createRequire(import.meta.url).resolve("#reference-worker");
  } catch (cause) {
    const rule = "runAsync: the worker's file is missing; run `npm run build:ts`, or keep striate out of the bundle";
    throw new StriateError("ERR_STRIATE_WORKER", rule, { cause });
  }
}

let client: WorkerClient | undefined;

/** The client of this thread's worker; a new one where there is none, or where it died. */
export function workerClient(): WorkerClient {
  if (client !== undefined) return client;
  const started = new WorkerClient(() => {
    if (client === started) client = undefined;
  });
  client = started;
  return started;
}

/** Lets the worker, if there is one, drop an Executable. */
export function forgetRemote(executable: number): void {
  client?.forget(executable);
}
