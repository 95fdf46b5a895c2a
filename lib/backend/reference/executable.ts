/** Executables of the reference backend: here or in the worker, the same Runner. */
import { StriateError } from "../../errors.js";
import { allocated } from "../../memory.js";
import type { Program, RunScalars } from "../../graph/program.js";
import type { Executable, InputArray, OutputArray, RunOptions, RunProfile, StepExplanation } from "../backend.js";
import { checkModeFromEnvironment } from "./poison.js";
import { Runner } from "./runner.js";
import type { ReferenceState } from "./state.js";
import { verify } from "./verify.js";
import { forgetRemote, workerClient, type RemoteExecutable } from "./workerClient.js";

let lastId = 0;
/** Executables by State, to be dropped with it. */
const byState = new Map<number, Set<number>>();
/** An Executable that was collected instead of disposed leaves a copy in the worker. */
const collected = new FinalizationRegistry(forget);

function forget({ id, state }: { readonly id: number; readonly state: number }): void {
  byState.get(state)?.delete(id);
  forgetRemote(id);
}

/** The State is gone: the worker drops all that was compiled for it, and with that the State's memory. */
export function forgetState(state: number): void {
  for (const executable of byState.get(state) ?? []) forgetRemote(executable);
  byState.delete(state);
}

export class ReferenceExecutable implements Executable {
  private runner: Runner | undefined;
  private readonly remote: RemoteExecutable;

  constructor(
    readonly program: Program,
    state: ReferenceState,
  ) {
    const memory = state.usable();
    verify(program, (name) => (memory.has(name) ? memory.tensor(name).length : undefined));
    const checkMode = checkModeFromEnvironment();
    this.remote = { id: ++lastId, program, memory, checkMode };
    this.runner = new Runner(program, memory, checkMode);
    const held = { id: this.remote.id, state: memory.shared.id };
    collected.register(this, held, this);
    const siblings = byState.get(held.state) ?? new Set();
    byState.set(held.state, siblings.add(held.id));
  }

  private usable(): Runner {
    if (this.runner !== undefined) return this.runner;
    throw new StriateError("ERR_STRIATE_DISPOSED", "executable: it was disposed and cannot run any more");
  }

  run<Output extends OutputArray = Float32Array>(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    into: readonly Output[] = [],
  ): Output[] {
    const runner = this.usable();
    runner.checkArguments(inputs, scalars);
    return runner.run(inputs, scalars).map((output, i) => {
      into[i]?.set(output);
      return into[i] ?? (output as Output);
    });
  }

  async runAsync<Output extends OutputArray = Float32Array>(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    { signal }: RunOptions = {},
  ): Promise<Output[]> {
    signal?.throwIfAborted();
    this.usable().checkArguments(inputs, scalars);
    return (await workerClient().run(this.remote, copiesOf(inputs), { ...scalars }, signal)) as Output[];
  }

  profile(inputs: readonly InputArray[], scalars: RunScalars): RunProfile {
    const runner = this.usable();
    runner.checkArguments(inputs, scalars);
    const { prepare, steps, commit } = this.program;
    const times = new Float64Array(prepare.length + steps.length + commit.length);
    const start = performance.now();
    runner.run(inputs, scalars, undefined, times);
    return { milliseconds: performance.now() - start, steps: times };
  }

  explain(): readonly StepExplanation[] {
    return this.usable().explain();
  }

  dispose(): void {
    if (this.runner === undefined) return;
    this.runner = undefined;
    collected.unregister(this);
    forget({ id: this.remote.id, state: this.remote.memory.shared.id });
  }
}

/** @throws StriateError ERR_STRIATE_MEMORY */
function copiesOf(inputs: readonly InputArray[]): InputArray[] {
  return inputs.map((input) => allocated("run", input.byteLength, () => copyOf(input)));
}

/** A copy in a buffer of its own, for transfer: slice() of a Node Buffer would share memory. */
function copyOf(input: InputArray): InputArray {
  // By name: arrays from another realm (a test runner's, say) have other constructors.
  switch (input[Symbol.toStringTag]) {
    case "Float32Array":
      return new Float32Array(input);
    case "Int32Array":
      return new Int32Array(input);
    default:
      return new Uint8Array(input);
  }
}
