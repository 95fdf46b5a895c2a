/** Where the time of a run goes, step by step. */
import type { Executable, InputArray, StepExplanation } from "../backend/backend.js";
import type { Program, Step } from "../graph/program.js";
import { allocated, newFloats } from "../memory.js";
import { RandomStream } from "../random/philox.js";
import { stepFlops, stepName } from "./explain.js";

/** One step of a run. */
export interface StepTiming {
  /** The layer it comes from: "conv2d1"; "conv2d1 gradient" in a training step, "conv2d1.weight" for an update. */
  readonly layer: string;
  /** The op and what is fused with it: "conv2d1: conv2d + bias + relu". */
  readonly name: string;
  /** As model.explain() tells them. */
  readonly algorithm: string;
  readonly kernel: string;
  /** The shape of its first result, rows first. */
  readonly shape: readonly number[];
  /** The least of all runs. */
  readonly milliseconds: number;
  /** Nominal operations: 2 for each multiply-add, padding included. */
  readonly flops: number;
}

/** What {@link Model.profile} gives. `String(profile)` is a table. */
export interface ModelProfile {
  readonly rows: number;
  readonly runs: number;
  /** The least of all runs, with all that lies between the steps: copying in and out, locks, the call itself. */
  readonly milliseconds: number;
  /** In the order in which they run. What is prepared once for each version of the parameters is left out. */
  readonly steps: readonly StepTiming[];
  toString(): string;
}

/**
 * Runs a Program on random inputs and keeps the least time of each step. A training Program changes its State.
 *
 * @param runs that are counted; one goes before them
 */
export function profileExecutable(executable: Executable, runs: number): ModelProfile {
  const { program } = executable;
  const inputs = randomInputs(program);
  const first = program.prepare.length;
  const listed = [...program.steps, ...program.commit];
  const explanations = executable.explain().slice(first);
  const least = new Float64Array(listed.length).fill(Infinity);
  let milliseconds = Infinity;
  for (let run = 0; run <= runs; run++) {
    // A rate of 0 keeps the parameters of a training step where they are, and its numbers finite.
    const profile = executable.profile(inputs, { rows: program.rows, learningRate: 0 });
    if (run === 0) continue;
    milliseconds = Math.min(milliseconds, profile.milliseconds);
    for (let i = 0; i < least.length; i++) least[i] = Math.min(least[i]!, profile.steps[first + i]!);
  }
  const steps = listed.map((step, i) => timing(program, step, explanations[i]!, least[i]!));
  const profile = { rows: program.rows, runs, milliseconds, steps };
  return { ...profile, toString: () => profileTable(profile) };
}

function timing(program: Program, step: Step, how: StepExplanation, milliseconds: number): StepTiming {
  const result = step.outputs.find((buffer) => buffer >= 0);
  return {
    layer: step.label,
    name: stepName(step),
    algorithm: how.algorithm,
    kernel: how.kernel,
    shape: result === undefined ? [] : program.buffers[result]!.shape,
    milliseconds,
    flops: stepFlops(program, step),
  };
}

/** Floats and bytes at random; class numbers 0, which every net has. */
function randomInputs(program: Program): InputArray[] {
  const random = new RandomStream(0, "profile");
  const inputs = program.storages.filter(({ kind }) => kind === "input");
  return inputs.map(({ dtype, size }) => {
    if (dtype === "i32") return allocated("profile", 4 * size, () => new Int32Array(size));
    const bytes = dtype === "u8";
    const values = bytes ? allocated("profile", size, () => new Uint8Array(size)) : newFloats("profile", size);
    for (let i = 0; i < size; i++) values[i] = bytes ? random.integer(256) : random.float();
    return values;
  });
}

function profileTable({ rows, runs, milliseconds, steps }: Omit<ModelProfile, "toString">): string {
  const inSteps = steps.reduce((sum, step) => sum + step.milliseconds, 0);
  const cells = [
    ["step", "kernel", "result", "ms", "GFLOP/s", "%"],
    ...steps.map((step) => [
      step.name,
      step.kernel,
      step.shape.join("x"),
      step.milliseconds.toFixed(4),
      step.flops > 0 ? (step.flops / (step.milliseconds * 1e6)).toFixed(1) : "",
      ((100 * step.milliseconds) / inSteps).toFixed(1),
    ]),
  ];
  const widths = cells[0]!.map((_, column) => Math.max(...cells.map((row) => row[column]!.length)));
  const lines = cells.map((row) =>
    row.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join("  "),
  );
  const count = `${rows} row${rows === 1 ? "" : "s"}, the least of ${runs} run${runs === 1 ? "" : "s"}`;
  lines.push(`${count}: ${inSteps.toFixed(3)} ms in steps, ${milliseconds.toFixed(3)} ms a whole run`);
  return lines.join("\n");
}
