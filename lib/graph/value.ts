/**
 * Values: the symbolic tensors a graph is made of. Building a graph computes nothing; `lower.ts` turns it into a
 * Program. Every op of `lib/ops` is a function from Values to Values.
 */
import { GraphError } from "../errors.js";
import { showValue } from "../shape/values.js";
import type { Dtype } from "./program.js";
import type { OpName } from "./opSchema.js";

/** Ops that are no step of a Program: leaves, and views that the memory planner resolves. */
export type StructuralOpName = "input" | "state" | "reshape" | "concat" | "channelSlice";
export type GraphOpName = OpName | StructuralOpName;

/** Numeric only, so that they cross to a backend as they are. Keys are those of the op's schema. */
export type Attributes = Readonly<Record<string, number>>;

/**
 * Emits the gradients of a node's operands from those of its results (undefined: nothing flows there). Returns one
 * entry per operand; undefined where no gradient exists (labels) or the operand is absent.
 */
export type GradientRule = (
  node: GraphNode,
  resultGradients: readonly (Value | undefined)[],
) => readonly (Value | undefined)[];

/** What the graph knows of an op. Shape rules run in the op's function, before the node is made. */
export interface OpDefinition {
  readonly name: GraphOpName;
  /** The rule, or the reason why there is none. */
  readonly gradient: GradientRule | { readonly none: string };
  /** Floating-point operations of one execution (a multiply-add counts 2). Absent: one per result element. */
  readonly flops?: (
    operands: readonly (readonly number[] | undefined)[],
    results: readonly (readonly number[])[],
  ) => number;
}

/** One result of a node. Shapes include the batch dimension at its planned capacity. */
export interface Value {
  readonly node: GraphNode;
  /** Which of the node's results this is. */
  readonly index: number;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  /** shape[0] counts rows of the batch: a run may have fewer. */
  readonly batched: boolean;
}

export interface ResultSpec {
  readonly shape: readonly number[];
  readonly dtype?: Dtype;
  readonly batched: boolean;
}

/** One application of an op. Read-only outside `passes/`, which edit private copies. */
export class GraphNode {
  readonly results: readonly Value[];
  constructor(
    /** Increases with every node made, so operands always have smaller ids. */
    readonly id: number,
    readonly definition: OpDefinition,
    readonly operands: readonly (Value | undefined)[],
    readonly attributes: Attributes,
    results: readonly ResultSpec[],
    /** The layer this came from, for people. */
    readonly label: string,
    /** Name of an input or State tensor; empty otherwise. */
    readonly name: string,
  ) {
    this.results = results.map((r, index) => ({
      node: this,
      index,
      shape: r.shape,
      dtype: r.dtype ?? "f32",
      batched: r.batched,
    }));
  }
  get op(): GraphOpName {
    return this.definition.name;
  }
}

/**
 * Refuses what is no Value, whatever the types say.
 *
 * @throws GraphError
 */
export function requireValue(op: string, operand: string, value: unknown): asserts value is Value {
  if ((value as Partial<Value> | null | undefined)?.node instanceof GraphNode) return;
  const found = ArrayBuffer.isView(value) ? "a typed array" : showValue(value);
  throw new GraphError(`${op}: ${operand} must be a Value, as ops and run() give them, got ${found}`);
}

let nextId = 0;
let currentLabel = "";

/** Nodes made inside `build` carry `label`: the layer's name in explain(). */
export function withLabel<T>(label: string, build: () => T): T {
  const outer = currentLabel;
  currentLabel = label;
  try {
    return build();
  } finally {
    currentLabel = outer;
  }
}

/** Makes a node and returns its results. Shapes must have been checked by the caller, the op's function. */
export function makeNode(
  definition: OpDefinition,
  operands: readonly (Value | undefined)[],
  attributes: Attributes,
  results: readonly ResultSpec[],
  name = "",
): readonly Value[] {
  return new GraphNode(nextId++, definition, operands, attributes, results, currentLabel, name).results;
}

const inputDefinition: OpDefinition = { name: "input", gradient: { none: "an input has no operands" } };
const stateDefinition: OpDefinition = { name: "state", gradient: { none: "a State tensor has no operands" } };

/**
 * A tensor that each run is given.
 * @param shape with the batch dimension first (at capacity) where `batched`.
 */
export function input(
  name: string,
  shape: readonly number[],
  options: { dtype?: Dtype; batched?: boolean } = {},
): Value {
  const spec = {
    shape: [...shape],
    dtype: options.dtype ?? "f32",
    batched: options.batched ?? false,
  } as const;
  return makeNode(inputDefinition, [], {}, [spec], name)[0]!;
}

/** A named tensor of the State: a parameter, an optimizer slot, a running statistic. */
export function state(name: string, shape: readonly number[]): Value {
  return makeNode(stateDefinition, [], {}, [{ shape: [...shape], batched: false }], name)[0]!;
}
