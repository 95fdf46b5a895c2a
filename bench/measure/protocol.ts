/** What the bench asks its processes, and what they answer: one answer for each question, in order. */
import type { ContenderRequest } from "../contenders/contender.js";
import type { Expectation } from "../verify/expectation.js";
import type { Work } from "../works.js";

export type ContenderName = "striate" | "onnxruntime";

export interface Questions {
  /** Writes the ONNX file and computes what results must be. */
  prepare: {
    readonly asked: { readonly work: Work; readonly repeats: number; readonly onnxFile: string | undefined };
    readonly answer: { readonly flops: number; readonly expected: Expectation };
  };
  /** Builds the contender; it is asked for the rest afterwards. */
  open: {
    readonly asked: ContenderRequest & { readonly contender: ContenderName };
    readonly answer: { readonly description: string; readonly explained: string | undefined };
  };
  /** Computes once; answers the elements at `indices`. */
  verify: { readonly asked: { readonly indices: Int32Array }; readonly answer: Float32Array };
  /** Calls for so long, twice at least; answers the milliseconds of each call but the first. */
  measure: { readonly asked: { readonly milliseconds: number }; readonly answer: Float64Array };
}

export type QuestionName = keyof Questions;
export type Question = { [Name in QuestionName]: { readonly name: Name } & Questions[Name]["asked"] }[QuestionName];
export type Answer = { readonly answer: Questions[QuestionName]["answer"] } | { readonly error: string };
