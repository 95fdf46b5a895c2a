/** The interface every backend implements. One call per forward pass or training step, never one per layer. */
import type { Program, RunScalars } from "../graph/program.js";

export type BackendName = "native" | "reference";
/** What a run takes: the dtype must be that of the Program's input storage (f32, i32, u8). */
export type InputArray = Float32Array | Int32Array | Uint8Array;
/** What a run returns, by the dtype of the Program's output storage. */
export type OutputArray = Float32Array | Uint8Array;

export interface StateTensorSpec {
  readonly name: string;
  readonly shape: readonly number[];
}

/**
 * Named float32 tensors: parameters, optimizer slots, running statistics. Guarded by a reader/writer lock: reads and
 * runs see whole training steps only. All methods copy.
 */
export interface State {
  readonly specs: readonly StateTensorSpec[];
  /** Counts commits and writes; prepared buffers are cached per version. */
  readonly version: number;
  /** Reads the named tensors together, from between two steps. */
  read(names: readonly string[]): Float32Array[];
  /** Writes the named tensors together. */
  write(tensors: ReadonlyMap<string, Float32Array>): void;
  /** Frees the memory now instead of when collected; further use throws. Waits for runs under way. */
  dispose(): void;
}

export interface RunOptions {
  /** Honoured between steps and before the commit: an aborted step leaves the State untouched. */
  readonly signal?: AbortSignal;
}

/** How a backend will execute one step of a Program, for explain(). */
export interface StepExplanation {
  /** e.g. "implicitGemm" */
  readonly algorithm: string;
  /** e.g. "conv2d_fwd_f32_igemm_6x16__avx2" */
  readonly kernel: string;
  /** Algorithms earlier in the ordered list, each with the reason why it declined: "winograd: stride is 2". */
  readonly declined: readonly string[];
  /** Bytes of packed weights and of scratch. */
  readonly packedBytes: number;
  readonly scratchBytes: number;
}

/** How long a run took. */
export interface RunProfile {
  /** Of the whole run, copying in and out included. */
  readonly milliseconds: number;
  /** Of each step, in the order prepare, steps, commit. */
  readonly steps: Float64Array;
}

/** A Program bound to a State. */
export interface Executable {
  readonly program: Program;
  /**
   * Runs on the calling thread (and the pool). `inputs` and the result follow the Program's input and output storages
   * in order; each input has exactly `rows` live rows (or its full size where not batched).
   * @param into arrays for the results, instead of new ones; they may share memory with the inputs and each other
   * @typeParam Output what the results are, where some output of the Program is not f32
   */
  run<Output extends OutputArray = Float32Array>(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    into?: readonly Output[],
  ): Output[];
  /** The same off the calling thread. Inputs are copied before it returns. Rejects with the signal's reason. */
  runAsync<Output extends OutputArray = Float32Array>(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    options?: RunOptions,
  ): Promise<Output[]>;
  /** One entry per step, in the order prepare, steps, commit. */
  explain(): readonly StepExplanation[];
  /** A run on the calling thread that tells what each step of explain() took; 0 for what was prepared already. */
  profile(inputs: readonly InputArray[], scalars: RunScalars): RunProfile;
  dispose(): void;
}

export interface BackendInfo {
  readonly backend: BackendName;
  /** "avx512", "avx2", "sse2", "neon"; "none" for the reference backend. */
  readonly isa: string;
  readonly threads: number;
  /**
   * Bytes outside of JavaScript's heap that the models of this thread hold now: parameters, packed weights, arenas, inputs
   * and outputs of runs. The garbage collector knows them; process.memoryUsage() shows them in `rss` only.
   */
  readonly nativeBytes: number;
  /** Why the native backend is not in use, if it is not. */
  readonly loadError: string | undefined;
}

export interface CompileOptions {
  /**
   * The State is for this Executable alone: what a backend packs, it packs at once, and it frees the tensors that it need
   * not keep as they are. Reading those, writing the State and compiling another Program for it may fail from then on.
   * Refused for a Program that changes its State, or where others were compiled for it. Default false.
   */
  readonly ownsState?: boolean;
}

export interface Backend {
  readonly name: BackendName;
  info(): BackendInfo;
  /** Tensors start as zeros. */
  createState(specs: readonly StateTensorSpec[]): State;
  /** Verifies the Program and plans its kernels. Every State storage must exist in `state` with the same size. */
  compile(program: Program, state: State, options?: CompileOptions): Executable;
}
