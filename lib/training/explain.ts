/** A compiled Program as text: what runs, how, and what it costs. */
import type { Executable, StepExplanation } from "../backend/backend.js";
import { activationCodes, opSchemas } from "../graph/opSchema.js";
import type { Program, Step } from "../graph/program.js";
import { opDefinitions } from "../ops/table.js";
import { sizeOf } from "../shape/values.js";

/** Floating-point operations of a step at capacity. */
export function stepFlops(program: Program, step: Step): number {
  const shapeOf = (buffer: number) => (buffer < 0 ? undefined : program.buffers[buffer]!.shape);
  const results = step.outputs.filter((buffer) => buffer >= 0).map((buffer) => program.buffers[buffer]!.shape);
  const flops = opDefinitions.get(step.op)?.flops;
  return flops ? flops(step.inputs.map(shapeOf), results) : sizeOf(results[0] ?? []);
}

/** One step of a run, and how it is computed. */
export interface StepPlan {
  /** "prepare": once per version of the parameters; "commit": together, under the writer lock. */
  readonly phase: "prepare" | "step" | "commit";
  /** The layer it comes from: "conv2d1". */
  readonly layer: string;
  /** The op and what is fused with it: "conv2d1: conv2d + bias + relu". */
  readonly name: string;
  /** Shapes, rows first. */
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
  readonly algorithm: string;
  readonly kernel: string;
  /** Algorithms that come first and why they were not taken. */
  readonly declined: readonly string[];
  /** Nominal operations: 2 for each multiply-add, padding included. */
  readonly flops: number;
}

/** What {@link Model.plan} gives: how a run is executed. `String(plan)` is the text of `model.explain()`. */
export interface RunPlan {
  /** The most images in a run. */
  readonly rows: number;
  readonly steps: readonly StepPlan[];
  /** Of a run; what is prepared once is left out. */
  readonly flops: number;
  /** Bytes beside the parameters. */
  readonly memory: {
    /** What steps pass to each other, and what that would take if nothing were used twice. */
    readonly arena: number;
    readonly arenaBeforeReuse: number;
    readonly packedWeights: number;
    readonly scratch: number;
  };
  toString(): string;
}

/** How a Program is executed. */
export function planOf(executable: Executable): RunPlan {
  const { program } = executable;
  const explanations = executable.explain();
  const lists = [
    ["prepare", program.prepare],
    ["step", program.steps],
    ["commit", program.commit],
  ] as const;
  const steps = lists
    .flatMap(([phase, list]) => list.map((step) => ({ phase, step })))
    .map(({ phase, step }, index) => stepPlan(program, step, phase, explanations[index]!));
  const arena = program.storages.find((storage) => storage.kind === "arena")?.size ?? 0;
  const plan = {
    rows: program.rows,
    steps,
    flops: steps.reduce((sum, { phase, flops }) => sum + (phase === "prepare" ? 0 : flops), 0),
    memory: {
      arena: 4 * arena,
      arenaBeforeReuse: 4 * program.arenaBeforeReuse,
      packedWeights: explanations.reduce((sum, { packedBytes }) => sum + packedBytes, 0),
      scratch: explanations.reduce((largest, { scratchBytes }) => Math.max(largest, scratchBytes), 0),
    },
  };
  return { ...plan, toString: () => planText(plan) };
}

function stepPlan(program: Program, step: Step, phase: StepPlan["phase"], how: StepExplanation): StepPlan {
  const shapes = (buffers: readonly number[]) =>
    buffers.filter((buffer) => buffer >= 0).map((buffer) => program.buffers[buffer]!.shape);
  return {
    ...{ phase, layer: step.label, name: stepName(step) },
    ...{ inputs: shapes(step.inputs), outputs: shapes(step.outputs) },
    ...{ algorithm: how.algorithm, kernel: how.kernel, declined: how.declined },
    flops: stepFlops(program, step),
  };
}

const headings = {
  prepare: "prepare (once per version of the parameters)",
  step: "steps",
  commit: "commit (together, under the writer lock)",
} as const;

function planText({ rows, steps, flops, memory }: Omit<RunPlan, "toString">): string {
  const lines: string[] = [];
  for (const phase of ["prepare", "step", "commit"] as const) {
    const own = steps.filter((step) => step.phase === phase);
    if (own.length > 0) lines.push(headings[phase], ...own.flatMap(stepLines));
  }
  lines.push(
    `${rows} row${rows === 1 ? "" : "s"}: ${amount(flops)}FLOP a run`,
    `arena ${bytes(memory.arena)} (${bytes(memory.arenaBeforeReuse)} before reuse), packed weights ${bytes(memory.packedWeights)}, scratch ${bytes(memory.scratch)}`,
  );
  return lines.join("\n");
}

function stepLines({ name, inputs, outputs, algorithm, kernel, flops, declined }: StepPlan): string[] {
  const list = (shapes: readonly (readonly number[])[]) => shapes.map((shape) => `[${shape.join(", ")}]`).join(" ");
  return [
    `  ${name}  ${list(inputs)} -> ${list(outputs)}`,
    `      ${algorithm}, ${kernel}, ${amount(flops)}FLOP`,
    ...declined.map((reason) => `      declined ${reason}`),
  ];
}

/** Layer, op, and what is computed along with it: "conv2d1: conv2d + bias + relu". */
export function stepName(step: Step): string {
  return `${step.label === "" ? "" : `${step.label}: `}${[step.op, ...fusedParts(step)].join(" + ")}`;
}

/** What a step with an epilogue computes beside its op. */
function fusedParts(step: Step): string[] {
  const schema = opSchemas[step.op];
  const position = (schema.attributes as readonly string[]).indexOf("activation");
  if (position < 0 || step.op.startsWith("activation")) return [];
  const parts: string[] = [];
  schema.operands.forEach((operand, i) => {
    if ((operand === "bias?" || operand === "residual?") && step.inputs[i]! >= 0) parts.push(operand.slice(0, -1));
  });
  const code = step.attributes[position];
  const kind = Object.entries(activationCodes).find(([, value]) => value === code)?.[0];
  if (kind !== undefined && kind !== "none") parts.push(kind);
  return parts;
}

/** 1,234,567 as "1.2 M". */
export function amount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} G`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  if (count >= 1e3) return `${(count / 1e3).toFixed(1)} k`;
  return `${count} `;
}

/** 1,572,864 as "1.5 MiB". */
export function bytes(count: number): string {
  return count >= 2 ** 20 ? `${(count / 2 ** 20).toFixed(1)} MiB` : `${(count / 2 ** 10).toFixed(1)} KiB`;
}
