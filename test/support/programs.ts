/** Programs of one step, built by hand: what a case needs to run on a backend in each layout of its operands. */
import { opSchemas } from "../../lib/graph/opSchema.js";
import {
  type Buffer,
  type Dtype,
  type Program,
  PROGRAM_VERSION,
  type Step,
  type Storage,
  type StorageKind,
} from "../../lib/graph/program.js";
import type { StateTensorSpec } from "../../lib/backend/backend.js";
import { sizeOf } from "./oracle/index.js";
import { attributeList, type OperandSpec, type ResultShape, type StepCase } from "./stepCase.js";

/**
 * How operands lie in memory.
 * - `dense`: inputs and outputs are the caller's arrays.
 * - `constant`: parameters are State tensors that nothing updates, so that they are packed once.
 * - `guarded`: everything lies in one arena, strided and at odd offsets, between guard elements.
 * - `inPlace`: guarded, and results share the memory of operands.
 */
export type Layout = "dense" | "constant" | "guarded" | "inPlace";

/** Where an operand or result lies in the guarded arena. */
export interface Place {
  readonly offset: number;
  readonly pixelStride: number;
  readonly shape: readonly number[];
  readonly batched: boolean;
}

export interface BuiltProgram {
  readonly program: Program;
  readonly layout: Layout;
  /** State tensors to create, and the operand that each is filled from. */
  readonly state: readonly (StateTensorSpec & { readonly operand: number })[];
  /** For each input storage of the Program: the operand it takes, or "filler" for the guard pattern. */
  readonly inputs: readonly (number | "filler")[];
  /** Commit ops leave their results in these State tensors. */
  readonly resultStates: readonly string[] | undefined;
  /** Guarded: where results lie in the one output, the image of the arena. */
  readonly places: readonly (Place | undefined)[] | undefined;
  /** Index of the case's step in explain(). */
  readonly step: number;
}

class Builder {
  readonly storages: Storage[] = [];
  readonly buffers: Buffer[] = [];

  storage(kind: StorageKind, dtype: Dtype, size: number, name: string): number {
    return this.storages.push({ kind, dtype, size, name }) - 1;
  }

  dense(storage: number, { shape, batched }: ResultShape): number {
    return (
      this.buffers.push({
        storage,
        offset: 0,
        pixelStride: shape[shape.length - 1]!,
        shape,
        batched: batched ?? false,
      }) - 1
    );
  }

  at(storage: number, { offset, pixelStride, shape, batched }: Place): number {
    return this.buffers.push({ storage, offset, pixelStride, shape, batched }) - 1;
  }

  program(rows: number, lists: { prepare?: Step[]; steps?: Step[]; commit?: Step[] }): Program {
    return {
      version: PROGRAM_VERSION,
      rows,
      storages: this.storages,
      buffers: this.buffers,
      prepare: lists.prepare ?? [],
      steps: lists.steps ?? [],
      commit: lists.commit ?? [],
      arenaBeforeReuse: 0,
    };
  }
}

function copyStep(from: number, to: number): Step {
  return { op: "copy", inputs: [from], outputs: [to], attributes: [], label: "copy" };
}

function caseStep(stepCase: StepCase, inputs: readonly number[], outputs: readonly number[]): Step {
  return {
    op: stepCase.op,
    inputs,
    outputs,
    attributes: attributeList(stepCase.op, stepCase.attributes),
    label: stepCase.name,
  };
}

/** Ops that stand in the commit list: which operand each result replaces. */
const commitOps: Partial<Record<string, readonly number[]>> = { sgd: [0, 2], "batchNorm.updateStatistics": [2, 3] };

/** The layouts in which a case can be laid out. */
export function layoutsOf(stepCase: StepCase): Layout[] {
  if (stepCase.op in commitOps) return ["dense"];
  if (stepCase.op === "batchNorm.fold") return ["constant"];
  const layouts: Layout[] = ["dense"];
  if (stepCase.results.every((result) => result?.dtype !== "u8")) layouts.push("guarded");
  if (stepCase.operands.some((operand) => operand?.parameter === true)) layouts.push("constant");
  if (stepCase.inPlace !== undefined) layouts.push("inPlace");
  return layouts;
}

export function buildProgram(stepCase: StepCase, layout: Layout): BuiltProgram {
  if (stepCase.op in commitOps) return commitProgram(stepCase);
  if (layout === "guarded" || layout === "inPlace") return guardedProgram(stepCase, layout);
  return denseProgram(stepCase, layout);
}

function operandName(stepCase: StepCase, index: number): string {
  return opSchemas[stepCase.op].operands[index]!.replace("?", "");
}

function denseProgram(stepCase: StepCase, layout: "dense" | "constant"): BuiltProgram {
  const builder = new Builder();
  const inputs: number[] = [];
  const state: (StateTensorSpec & { operand: number })[] = [];
  const inPrepare = stepCase.op === "batchNorm.fold";
  const operands = stepCase.operands.map((spec, i) => {
    if (spec === undefined) return -1;
    const name = operandName(stepCase, i);
    if (layout === "constant" && (spec.parameter === true || inPrepare)) {
      state.push({ name, shape: spec.shape, operand: i });
      return builder.dense(builder.storage("state", "f32", sizeOf(spec.shape), name), spec);
    }
    inputs.push(i);
    return builder.dense(builder.storage("input", spec.dtype ?? "f32", sizeOf(spec.shape), name), spec);
  });
  const results = stepCase.results.map((spec, i) => {
    if (spec === undefined) return -1;
    return builder.dense(
      builder.storage(inPrepare ? "prepared" : "output", spec.dtype ?? "f32", sizeOf(spec.shape), `result${String(i)}`),
      spec,
    );
  });
  const step = caseStep(stepCase, operands, results);
  if (!inPrepare) {
    const program = builder.program(stepCase.rows, { steps: [step] });
    return { program, layout, state, inputs, resultStates: undefined, places: undefined, step: 0 };
  }
  const copies = stepCase.results.map((spec, i) => {
    const output = builder.storage("output", "f32", sizeOf(spec!.shape), `output${String(i)}`);
    return copyStep(results[i]!, builder.dense(output, spec!));
  });
  const program = builder.program(stepCase.rows, { prepare: [step], steps: copies });
  return { program, layout, state, inputs, resultStates: undefined, places: undefined, step: 0 };
}

/** Operands that the op updates are State; the others are inputs. Results are read back from the State. */
function commitProgram(stepCase: StepCase): BuiltProgram {
  const builder = new Builder();
  const replaced = commitOps[stepCase.op]!;
  const inputs: number[] = [];
  const state: (StateTensorSpec & { operand: number })[] = [];
  const operands = stepCase.operands.map((spec, i) => {
    if (spec === undefined) return -1;
    const name = operandName(stepCase, i);
    if (replaced.includes(i)) {
      state.push({ name, shape: spec.shape, operand: i });
      return builder.dense(builder.storage("state", "f32", sizeOf(spec.shape), name), spec);
    }
    inputs.push(i);
    return builder.dense(builder.storage("input", spec.dtype ?? "f32", sizeOf(spec.shape), name), spec);
  });
  const results = stepCase.results.map((spec, i) => (spec === undefined ? -1 : operands[replaced[i]!]!));
  const resultStates = stepCase.results.flatMap((spec, i) =>
    spec === undefined ? [] : [operandName(stepCase, replaced[i]!)],
  );
  const program = builder.program(stepCase.rows, { commit: [caseStep(stepCase, operands, results)] });
  return { program, layout: "dense", state, inputs, resultStates, places: undefined, step: 0 };
}

/** Guard elements before and after every tensor: more than the widest vector or unrolled loop reaches over. */
const guard = 40;
/** Extra elements between pixels: odd, so that no alignment survives. */
const gap = 5;

/** Everything in one arena: filled with the guard pattern, operands copied in, one step, the arena copied out. */
function guardedProgram(stepCase: StepCase, layout: "guarded" | "inPlace"): BuiltProgram {
  const builder = new Builder();
  let end = 0;
  const reserve = ({ shape, batched }: ResultShape): Place => {
    const channels = shape[shape.length - 1]!;
    const pixelStride = channels + gap;
    const offset = end + guard;
    end = offset + (sizeOf(shape) / channels) * pixelStride + guard;
    return { offset, pixelStride, shape, batched: batched ?? false };
  };
  const inArena = (spec: OperandSpec): boolean => (spec.dtype ?? "f32") === "f32";
  const operandPlaces = stepCase.operands.map((spec) =>
    spec === undefined || !inArena(spec) ? undefined : reserve(spec),
  );
  const shared = new Map(layout === "inPlace" ? stepCase.inPlace : []);
  const places = stepCase.results.map((spec, i) => {
    if (spec === undefined) return undefined;
    const operand = shared.get(i);
    return operand === undefined ? reserve(spec) : operandPlaces[operand];
  });

  const whole: ResultShape = { shape: [1, end] };
  const filler = builder.dense(builder.storage("input", "f32", end, "filler"), whole);
  const sources = stepCase.operands.map((spec, i) => {
    if (spec === undefined) return -1;
    const storage = builder.storage("input", spec.dtype ?? "f32", sizeOf(spec.shape), operandName(stepCase, i));
    return builder.dense(storage, spec);
  });
  const image = builder.dense(builder.storage("output", "f32", end, "image"), whole);
  const arena = builder.storage("arena", "f32", end, "arena");
  const arenaWhole = builder.dense(arena, whole);
  const operands = operandPlaces.map((place, i) => (place === undefined ? sources[i]! : builder.at(arena, place)));
  const results = places.map((place) => (place === undefined ? -1 : builder.at(arena, place)));
  const copies = operandPlaces.flatMap((place, i) =>
    place === undefined ? [] : [copyStep(sources[i]!, operands[i]!)],
  );
  const steps = [
    copyStep(filler, arenaWhole),
    ...copies,
    caseStep(stepCase, operands, results),
    copyStep(arenaWhole, image),
  ];
  return {
    program: builder.program(stepCase.rows, { steps }),
    layout,
    state: [],
    inputs: ["filler", ...stepCase.operands.flatMap((spec, i) => (spec === undefined ? [] : [i]))],
    resultStates: undefined,
    places,
    step: 1 + copies.length,
  };
}
