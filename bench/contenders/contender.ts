/** What a process that is measured can do. */
import type { Work } from "../works.js";

export interface ContenderRequest {
  readonly work: Work;
  readonly threads: number;
  /** The model for peers that read ONNX. */
  readonly onnxFile: string;
}

export interface Contender {
  /** Name, version, instruction set: for the report. */
  readonly description: string;
  /** Elements of one input, in the contender's own layout. */
  readonly inputSize: number;
  /** The result for an input [batch, height, width, channels], in that layout. For verification; not measured. */
  verify(input: Float32Array): Promise<Float32Array>;
  /** Wraps an input before the clock starts. */
  wrap(input: Float32Array): unknown;
  /** One call as users make it, on what `wrap` gave. */
  call(wrapped: unknown): unknown;
  /** Whether `call` returns a promise to wait for. */
  readonly isAsync: boolean;
  /** How it is computed, where the contender tells. */
  explain(): string | undefined;
}
