/** What the bench asks its processes, and what they answer: one answer for each question, in order. */
import type { ContenderRequest, PeerFiles, Variant } from "../contenders/contender.js";
import type { StepCost } from "../roofline.js";
import type { Expectation } from "../verify/expectation.js";
import type { CalledWork, ContenderName, MemoryWork } from "../work.js";

/** What a result must be; of a model: where to look, and how many terms lead to an element of what ours gives there. */
export type Expected =
  Expectation | { readonly judge: "striate's own result"; readonly indices: Int32Array; readonly terms: number };

export interface Questions {
  /** Computes what results must be and writes the files that contenders ask for, into `folder`. */
  prepare: {
    readonly asked: {
      readonly work: CalledWork;
      readonly variant: Variant;
      readonly folder: string;
      readonly wanted: readonly (keyof PeerFiles)[];
    };
    readonly answer: { readonly flops: number; readonly expected: Expected; readonly files: PeerFiles };
  };
  /** Loads the contender's code, so that the first `open` need not. */
  load: { readonly asked: { readonly contender: ContenderName | "prepare" }; readonly answer: null };
  /** Builds the contender under a name; it is asked for the rest by that. */
  open: {
    readonly asked: ContenderRequest & { readonly contender: ContenderName; readonly key: string };
    readonly answer: {
      readonly description: string;
      readonly explained: string | undefined;
      readonly costs: readonly StepCost[] | undefined;
    };
  };
  /** Computes once; answers the elements at `indices`. */
  verify: { readonly asked: { readonly key: string; readonly indices: Int32Array }; readonly answer: Float32Array };
  /** Calls for so long, twice at least; answers the milliseconds of each call but the first. */
  measure: {
    readonly asked: {
      readonly key: string;
      readonly threads: number;
      readonly awaited: boolean;
      readonly milliseconds: number;
    };
    readonly answer: Float64Array;
  };
  close: { readonly asked: { readonly key: string }; readonly answer: null };
  /** Predicts one image in a process that did nothing else; answers bytes. */
  memory: {
    readonly asked: { readonly work: MemoryWork };
    readonly answer: {
      readonly weights: number;
      readonly held: number;
      readonly scratch: number;
      readonly resident: number;
    };
  };
}

export type QuestionName = keyof Questions;
export type Question = { [Name in QuestionName]: { readonly name: Name } & Questions[Name]["asked"] }[QuestionName];
export type Answer = { readonly answer: Questions[QuestionName]["answer"] } | { readonly error: string };
