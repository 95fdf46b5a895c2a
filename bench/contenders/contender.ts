/** What a process that is measured can do. */
import type { LayerGraph } from "../../lib/layers/graph.js";
import type { StepCost } from "../roofline.js";
import type { CalledWork } from "../work.js";

/** How a work is put to a contender. */
export interface Variant {
  /** So many identical layers (for pairs: pairs) in a row. */
  readonly repeats: number;
  /** Of our convolutions. */
  readonly algorithm: "auto" | "im2col";
}

export interface ContenderRequest {
  readonly work: CalledWork;
  readonly threads: number;
  readonly variant: Variant;
  readonly files: PeerFiles;
}

/** Files that were prepared, where the work has them. Numbers in them are float32 (class numbers int32), little-endian. */
export interface PeerFiles {
  /** The model, for peers that read ONNX. */
  readonly onnx?: string;
  /** A net, and all its parameters one after the other, in the order of `tensors`, in striate's layouts and by its names. */
  readonly weights?: {
    readonly graph: LayerGraph;
    readonly file: string;
    readonly tensors: readonly { readonly name: string; readonly shape: readonly number[] }[];
  };
  /** The arrays of the call that is verified, for peers that cannot draw them; as inputsOf(work) lists them. */
  readonly inputs?: readonly string[];
}

/** An array of a call, in striate's layout; class numbers are Int32Array. */
export type InputArray = Float32Array | Int32Array;

export interface Contender {
  /** Name, version, instruction set: for the report. */
  readonly description: string;
  /**
   * The result of one call in striate's layout, for verification; not measured. Of a training step: the losses of two
   * steps on the same inputs, so that the second one sees the gradients of the first.
   */
  verify(inputs: readonly InputArray[]): Promise<Float32Array>;
  /** Wraps inputs, random ones of the same sizes in any layout, before the clock starts. */
  wrap(inputs: readonly InputArray[]): unknown;
  /** One call as users make it, on what `wrap` gave; a promise where `isAwaited`. */
  call(wrapped: unknown): unknown;
  readonly isAwaited: boolean;
  /** The same, awaited, where `call` is not and there is such a form. */
  callAwaited?(wrapped: unknown): Promise<unknown>;
  /** Where the number of threads can be changed after opening; else it is opened once for each. */
  setThreads?(threads: number): void;
  /** How it is computed, where the contender tells. */
  explain?(): string | undefined;
  /** What the steps of a model cost at least. */
  costs?(): readonly StepCost[];
  close(): void | Promise<void>;
}

/** One that times its own calls, on inputs of its own that change from call to call; opened for one number of threads. */
export interface SelfTimedContender extends Pick<Contender, "description" | "verify" | "explain" | "costs" | "close"> {
  /** As timeCalls: milliseconds of each call but the first. */
  measure(milliseconds: number): Promise<Float64Array>;
}

/** Two steps, as `Contender.verify` says, and the hyperparameters of every training step. */
export const training = { verifiedSteps: 2, learningRate: 0.01, momentum: 0.9 } as const;
