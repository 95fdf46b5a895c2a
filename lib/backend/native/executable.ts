/** A Program compiled by the addon. */
import { StriateError } from "../../errors.js";
import type { Program, RunScalars } from "../../graph/program.js";
import type {
  CompileOptions,
  Executable,
  InputArray,
  OutputArray,
  RunOptions,
  RunProfile,
  StepExplanation,
} from "../backend.js";
import { checkRunArguments, outputArray, portsOf, type Port } from "../ports.js";
import type { ExecutableHandle, NativeAddon } from "./addon.js";
import { encodeProgram } from "./encode.js";
import { asStriateError, calling } from "./failure.js";
import type { NativeState } from "./state.js";

let lastRun = 0;

/** STRIATE_CHECK: 1 poisons dead memory with NaN, 2 also compares what a step may not write. */
function checkModeFromEnvironment(): number {
  const mode = process.env["STRIATE_CHECK"];
  return mode === "1" || mode === "2" ? Number(mode) : 0;
}

export class NativeExecutable implements Executable {
  private readonly handle: ExecutableHandle;
  private readonly inputs: readonly Port[];
  private readonly outputs: readonly Port[];

  constructor(
    private readonly addon: NativeAddon,
    readonly program: Program,
    state: NativeState,
    { ownsState = false }: CompileOptions = {},
  ) {
    const words = encodeProgram(program, (name) => state.numberOf(name));
    this.handle = calling(() => addon.compile(words, state.handle, checkModeFromEnvironment(), ownsState ? 1 : 0));
    this.inputs = portsOf(program, "input");
    this.outputs = portsOf(program, "output");
  }

  run<Output extends OutputArray = Float32Array>(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    into: readonly Output[] = [],
  ): Output[] {
    checkRunArguments(this.program, this.inputs, inputs, scalars);
    const { rows, learningRate = 0 } = scalars;
    const outputs = this.outputs.map((port, i) => into[i] ?? outputArray(port, rows));
    calling(() => this.addon.run(this.handle, inputs, outputs, rows, learningRate));
    return outputs as Output[];
  }

  async runAsync<Output extends OutputArray = Float32Array>(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    { signal }: RunOptions = {},
  ): Promise<Output[]> {
    signal?.throwIfAborted();
    checkRunArguments(this.program, this.inputs, inputs, scalars);
    const id = ++lastRun;
    const abort = (): void => this.addon.abort(id);
    try {
      const outputs = this.addon.runAsync(this.handle, id, inputs, scalars.rows, scalars.learningRate ?? 0);
      signal?.addEventListener("abort", abort);
      return (await outputs) as Output[];
    } catch (error) {
      const known = asStriateError(error);
      throw known instanceof StriateError && known.code === "ERR_STRIATE_ABORTED" ? signal?.reason : known;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  explain(): readonly StepExplanation[] {
    return calling(() => this.addon.explain(this.handle));
  }

  profile(inputs: readonly InputArray[], scalars: RunScalars): RunProfile {
    checkRunArguments(this.program, this.inputs, inputs, scalars);
    const { rows, learningRate = 0 } = scalars;
    const { prepare, steps, commit } = this.program;
    const times = new Float64Array(prepare.length + steps.length + commit.length);
    const start = performance.now();
    const outputs = this.outputs.map((port) => outputArray(port, rows));
    calling(() => this.addon.profile(this.handle, inputs, outputs, rows, learningRate, times));
    return { milliseconds: performance.now() - start, steps: times };
  }

  dispose(): void {
    this.addon.dispose(this.handle);
  }
}
