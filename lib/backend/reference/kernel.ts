/** What a reference kernel is: a function of named tensors, typed by the op vocabulary. */
import { opSchemas, type OpName } from "../../graph/opSchema.js";
import type { Tensor } from "./tensor.js";

type Schema<Op extends OpName> = (typeof opSchemas)[Op];
type Plain<Name extends string> = Name extends `${infer Base}?` ? Base : Name;
type OperandName<Op extends OpName> = Schema<Op>["operands"][number] | Schema<Op>["results"][number];
type Operand<Name extends string> = Name extends "labels" ? Tensor<Int32Array> : Tensor;

/** Operands and results of an op by the names of its schema; a name that ends in "?" there may be undefined here. */
export type Operands<Op extends OpName> = {
  readonly [Name in OperandName<Op> as Plain<Name>]: Operand<Name> | (Name extends `${string}?` ? undefined : never);
};

export type Attributes<Op extends OpName> = { readonly [Name in Schema<Op>["attributes"][number]]: number };

/** The scalars of a run. */
export interface KernelContext {
  /** Live rows of the batch. */
  readonly rows: number;
  readonly learningRate: number;
}

/** For explain(): which algorithm, and why those before it in the list declined. */
export interface AlgorithmChoice {
  readonly algorithm: string;
  readonly declined: readonly string[];
  /** Bytes of scratch at the shapes given; shared by all steps of a thread. */
  readonly scratchBytes?: number;
}

/**
 * One op. Shapes were verified; only what depends on data (a label out of range) may throw. Element-wise ops are safe
 * with the result in place of an operand.
 */
export interface ReferenceKernel<Op extends OpName = OpName> {
  readonly run: (operands: Operands<Op>, attributes: Attributes<Op>, context: KernelContext) => void;
  /** Absent: plain loops. */
  readonly choose?: (operands: Operands<Op>, attributes: Attributes<Op>) => AlgorithmChoice;
}

/** Attributes of a step as a record: `values` in the order of the schema. */
export function attributesOf<Op extends OpName>(op: Op, values: readonly number[]): Attributes<Op> {
  const names: readonly string[] = opSchemas[op].attributes;
  return Object.fromEntries(names.map((name, i) => [name, values[i]!])) as Attributes<Op>;
}

/** Operands and results of a step as a record: `tensors` in the order of the schema, undefined where absent. */
export function operandsOf<Op extends OpName>(op: Op, tensors: readonly (Tensor | undefined)[]): Operands<Op> {
  const schema = opSchemas[op];
  const names: readonly string[] = [...schema.operands, ...schema.results];
  return Object.fromEntries(names.map((name, i) => [name.replace("?", ""), tensors[i]])) as Operands<Op>;
}
