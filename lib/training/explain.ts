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

/** The text of `model.explain()`. */
export function explainProgram(executable: Executable): string {
  const { program } = executable;
  const explanations = executable.explain();
  const lines: string[] = [];
  let index = 0;
  let total = 0;
  for (const list of ["prepare", "steps", "commit"] as const) {
    if (program[list].length === 0) continue;
    lines.push(headings[list]);
    for (const step of program[list]) {
      const flops = stepFlops(program, step);
      if (list !== "prepare") total += flops;
      lines.push(...describeStep(program, step, explanations[index++]!, flops));
    }
  }
  const arena = program.storages.find((storage) => storage.kind === "arena")?.size ?? 0;
  const packed = explanations.reduce((sum, { packedBytes }) => sum + packedBytes, 0);
  const scratch = explanations.reduce((largest, { scratchBytes }) => Math.max(largest, scratchBytes), 0);
  lines.push(
    `${program.rows} row${program.rows === 1 ? "" : "s"}: ${amount(total)}FLOP a run`,
    `arena ${bytes(4 * arena)} (${bytes(4 * program.arenaBeforeReuse)} before reuse), packed weights ${bytes(packed)}, scratch ${bytes(scratch)}`,
  );
  return lines.join("\n");
}

const headings = {
  prepare: "prepare (once per version of the parameters)",
  steps: "steps",
  commit: "commit (together, under the writer lock)",
} as const;

function describeStep(program: Program, step: Step, how: StepExplanation, flops: number): string[] {
  const shape = (buffer: number): string => (buffer < 0 ? "" : `[${program.buffers[buffer]!.shape.join(", ")}]`);
  const inputs = step.inputs.map(shape).filter((text) => text !== "");
  const outputs = step.outputs.map(shape).filter((text) => text !== "");
  return [
    `  ${stepName(step)}  ${inputs.join(" ")} -> ${outputs.join(" ")}`,
    `      ${how.algorithm}, ${how.kernel}, ${amount(flops)}FLOP`,
    ...how.declined.map((reason) => `      declined ${reason}`),
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
function amount(count: number): string {
  if (count >= 1e9) return `${(count / 1e9).toFixed(2)} G`;
  if (count >= 1e6) return `${(count / 1e6).toFixed(2)} M`;
  if (count >= 1e3) return `${(count / 1e3).toFixed(1)} k`;
  return `${count} `;
}

function bytes(count: number): string {
  return count >= 2 ** 20 ? `${(count / 2 ** 20).toFixed(1)} MiB` : `${(count / 2 ** 10).toFixed(1)} KiB`;
}
