/**
 * The roofline of a model: the time that no arrangement of its kernels can beat on this machine. Each step takes at least its
 * arithmetic at the FMA peak and at least one reading of its weights from memory. Arithmetic is what its algorithm leaves of the
 * nominal one: Winograd's F(4x4, 3x3) multiplies 36 times where the definition does 144 times; its transforms are not counted,
 * nor are images, which may stay in the caches.
 */
import type { RunPlan } from "../lib/training/explain.js";
import { product } from "./work.js";

/** What a step cannot do without. */
export interface StepCost {
  readonly flops: number;
  /** Of the weights. */
  readonly bytes: number;
}

/** Multiplications of the definition for each one of the algorithm's. */
const savings: Readonly<Record<string, number>> = { winograd4x4: 144 / 36, winograd2x2: 36 / 16 };
const opsWithWeights = /: (conv2d|matmul)/;

export function stepCosts({ steps }: Pick<RunPlan, "steps">): StepCost[] {
  return steps
    .filter(({ phase }) => phase !== "prepare")
    .map(({ name, algorithm, flops, inputs }) => ({
      flops: flops / (savings[algorithm] ?? 1),
      bytes: opsWithWeights.test(name) ? 4 * product(inputs[1] ?? []) : 0,
    }));
}

/** Milliseconds at GFLOP/s and GB/s. */
export function roofline(costs: readonly StepCost[], fmaPeak: number, readBandwidth: number): number {
  return costs.reduce((sum, { flops, bytes }) => sum + Math.max(flops / fmaPeak, bytes / readBandwidth), 0) / 1e6;
}
