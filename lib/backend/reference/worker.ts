/** The worker_thread of the reference backend: runs the jobs of one thread's Executables, one after the other. */
import { parentPort } from "node:worker_threads";
import { jobHolds, jobPhase, sendError, type Reply, type Request } from "./protocol.js";
import { AbortedRun, Runner } from "./runner.js";
import { StateMemory } from "./state.js";

if (parentPort === null) throw new Error("striate: this file runs as a worker_thread only");
const port = parentPort;

const runners = new Map<number, { readonly runner: Runner; readonly state: number }>();
/** Shared by the Executables of a State. */
const memories = new Map<number, StateMemory>();

function memoryOf(request: Extract<Request, { kind: "compile" }>): StateMemory {
  const { state } = request;
  let memory = memories.get(state.id);
  if (memory === undefined) memories.set(state.id, (memory = new StateMemory(state)));
  return memory;
}

function forget(executable: number): void {
  const state = runners.get(executable)?.state;
  runners.delete(executable);
  if (state === undefined || [...runners.values()].some((other) => other.state === state)) return;
  memories.delete(state);
}

function run({ executable, job, inputs, scalars, words }: Extract<Request, { kind: "run" }>): void {
  let reply: Reply;
  try {
    const outputs = runners.get(executable)!.runner.run(inputs, scalars, {
      aborted: () => jobPhase.isAborted(words),
      enterCommit: () => jobPhase.commit(words),
      holds: (held) => jobHolds.set(words, held),
    });
    reply = { job, outputs };
  } catch (error) {
    reply = error instanceof AbortedRun ? { job, aborted: true } : { job, error: sendError(error) };
  }
  port.postMessage(reply, "outputs" in reply ? reply.outputs.map(({ buffer }) => buffer as ArrayBuffer) : []);
}

port.on("message", (request: Request) => {
  if (request.kind === "run") run(request);
  else if (request.kind === "forget") forget(request.executable);
  else {
    const { executable, program, state, checkMode } = request;
    runners.set(executable, { runner: new Runner(program, memoryOf(request), checkMode), state: state.id });
  }
});
