/** A case: one op of the schema with concrete operands, as data. Runners, planted bugs and benches share the tables. */
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import type { Dtype } from "../../lib/graph/program.js";
import type { Value } from "../../lib/graph/value.js";
import { type Distribution, Random } from "./random.js";
import { type Bounded, oracles, type Rounding, sizeOf, tensor, type Tensor } from "./oracle/index.js";

export interface OperandSpec {
  readonly shape: readonly number[];
  readonly values: Distribution;
  readonly dtype?: Dtype;
  /** shape[0] counts rows. */
  readonly batched?: boolean;
  /** A parameter: also tried as a State tensor, which backends may pack. */
  readonly parameter?: boolean;
}

export interface ResultShape {
  readonly shape: readonly number[];
  readonly batched?: boolean;
  /** Default f32. What is u8 can only be an output, never lie in an arena. */
  readonly dtype?: Dtype;
}

export interface StepCase {
  readonly name: string;
  readonly op: OpName;
  /** In the order of the schema; undefined where an optional one is absent. */
  readonly operands: readonly (OperandSpec | undefined)[];
  readonly results: readonly (ResultShape | undefined)[];
  /** By the names of the schema. */
  readonly attributes: Readonly<Record<string, number>>;
  /** Capacity; 1 where nothing is batched. */
  readonly rows: number;
  /** Live rows to try; default: the capacity and, if it is more than 1, one row less. */
  readonly live?: readonly number[];
  readonly learningRate?: number;
  /** The algorithm that the native backend must choose: a silent fallback is a failure. */
  readonly algorithm?: string | RegExp;
  /** [result, operand] pairs that the planner may place in the same memory: also tried so. */
  readonly inPlace?: readonly (readonly [number, number])[];
  /** The same by the functions of lib/ops, from the operands as Values: must lower to this very step. */
  readonly build?: (operands: readonly (Value | undefined)[]) => Value | readonly Value[];
  /** The gradient that flows into the first result, from Values. Default: normal. */
  readonly dy?: Distribution;
  /**
   * All operands are small whole numbers, so sums of products are exact in any order and any algorithm that only adds and
   * multiplies: however long they are, one lost or doubled term shows.
   */
  readonly whole?: boolean;
  /** Multiplies the derived tolerance, with the reason (an algorithm with another error constant). */
  readonly slack?: { readonly factor: number; readonly reason: string };
}

export function attributeList(op: OpName, attributes: Readonly<Record<string, number>>): number[] {
  return opSchemas[op].attributes.map((name) => {
    const value = attributes[name];
    if (value === undefined) throw new Error(`${op}: the case lacks attribute ${name}`);
    return value;
  });
}

export function liveRowsOf(stepCase: StepCase): readonly number[] {
  return stepCase.live ?? (stepCase.rows > 1 ? [stepCase.rows, stepCase.rows - 1] : [stepCase.rows]);
}

/** The shape with only `rows` of its rows. */
export function liveShape(
  spec: { readonly shape: readonly number[]; readonly batched?: boolean },
  rows: number,
): readonly number[] {
  return spec.batched === true ? [rows, ...spec.shape.slice(1)] : spec.shape;
}

let drawn: { readonly stepCase: StepCase; readonly values: (Float64Array | undefined)[] } | undefined;

/** The operand's values at full capacity, rounded to what its dtype can hold. Not to be changed: the next call returns them too. */
export function drawOperands(stepCase: StepCase): readonly (Float64Array | undefined)[] {
  if (drawn?.stepCase === stepCase) return drawn.values;
  const values = stepCase.operands.map((spec, i) => {
    if (spec === undefined) return undefined;
    const random = new Random(`${stepCase.op} ${stepCase.name} ${String(i)}`);
    const size = sizeOf(spec.shape);
    return Float64Array.from({ length: size }, (_, index) => Math.fround(spec.values(random, index, size)));
  });
  drawn = { stepCase, values };
  return values;
}

/** The oracle's answers about the case asked last: layouts and thread counts ask the same again. */
let remembered: { readonly stepCase: StepCase; readonly answers: Map<string, Bounded[]> } | undefined;

/** What the oracle says for `rows` live rows; `algorithm` is what the backend reports to have used. */
export function expectation(
  stepCase: StepCase,
  values: readonly (Float64Array | undefined)[],
  rows: number,
  rounding: Rounding,
  algorithm?: string,
): Bounded[] {
  if (remembered?.stepCase !== stepCase) remembered = { stepCase, answers: new Map() };
  const key = `${String(rows)} ${String(rounding.sum)} ${algorithm ?? ""}`;
  const known = remembered.answers.get(key);
  if (known !== undefined) return known;
  const answer = ask(stepCase, values, rows, rounding, algorithm);
  remembered.answers.set(key, answer);
  return answer;
}

function ask(
  stepCase: StepCase,
  values: readonly (Float64Array | undefined)[],
  rows: number,
  rounding: Rounding,
  algorithm: string | undefined,
): Bounded[] {
  const operands = stepCase.operands.map((spec, i): Tensor | undefined => {
    if (spec === undefined) return undefined;
    const shape = liveShape(spec, rows);
    return tensor(shape, values[i]!.subarray(0, sizeOf(shape)));
  });
  const shapes = stepCase.results.flatMap((result) => (result === undefined ? [] : [liveShape(result, rows)]));
  const context = {
    rounding: stepCase.whole === true ? { ...rounding, sum: 0 } : rounding,
    shapes,
    rows,
    learningRate: stepCase.learningRate ?? 0,
    algorithm,
  };
  const results = oracles[stepCase.op]!(operands, stepCase.attributes, context);
  const factor = stepCase.slack?.factor ?? 1;
  return results.map((result, i) => {
    if (result.shape.join() !== shapes[i]!.join()) {
      throw new Error(
        `${stepCase.name}: the oracle made [${result.shape.join()}], the case says [${shapes[i]!.join()}]`,
      );
    }
    return factor === 1 ? result : { ...result, tolerance: result.tolerance.map((t) => t * factor) };
  });
}
