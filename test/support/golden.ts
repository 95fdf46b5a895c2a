/** Reads test/golden: what PyTorch says, written by scripts/generateGoldens.py. */
import { readFileSync } from "node:fs";
import type { Backend } from "../../lib/backend/backend.js";
import { difference } from "./compare.js";
import { type Bounded, referenceRounding } from "./oracle/index.js";
import type { Distribution } from "./random.js";
import { drawOperands, expectation, type StepCase } from "./stepCase.js";
import { gradientExpectation, roundingOf, runForward, runGradient } from "./valueCase.js";

/** An input: whole numbers over the file's denominator, exact in float32. */
export interface Exact {
  readonly shape: readonly number[];
  readonly numerators: readonly number[];
}

/** A result of float64 arithmetic, to ten digits. */
export interface Rounded {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

export const denominator = 64;

export function readGolden<Case>(name: string): readonly Case[] {
  const text = readFileSync(new URL(`../golden/${name}.json`, import.meta.url), "utf8");
  const file = JSON.parse(text) as { readonly denominator: number; readonly cases: readonly Case[] };
  if (file.denominator !== denominator) throw new Error(`${name}: denominator ${String(file.denominator)}`);
  return file.cases;
}

export function exactly({ numerators }: Exact): Distribution {
  return (_, index) => numerators[index]! / denominator;
}

export function arrayOf({ numerators }: Exact): Float32Array {
  return Float32Array.from(numerators, (n) => n / denominator);
}

/** The oracle must say what PyTorch says: ten digits are written, and cancellation in float64 costs a few of them. */
export function oracleDifference(what: string, oracle: Bounded, golden: Rounded): string | undefined {
  const largest = golden.values.reduce((worst, value) => Math.max(worst, Math.abs(value)), 1e-3);
  const tolerance = Float64Array.from(golden.values, () => 1e-9 * largest);
  return difference(`${what}: oracle and PyTorch`, oracle.data, {
    ...oracle,
    data: Float64Array.from(golden.values),
    tolerance,
  });
}

/** PyTorch's numbers with the oracle's tolerance, which adds what ten digits cannot say. */
export function bounded(golden: Rounded, oracle: Bounded): Bounded {
  const data = Float64Array.from(golden.values);
  return { shape: golden.shape, data, tolerance: oracle.tolerance.map((t, i) => t + 1e-9 * Math.abs(data[i]!)) };
}

/** A case built from Values, with PyTorch's results and gradients (by operand; absent ones are not compared). */
export function goldenFailures(
  stepCase: StepCase,
  backend: Backend,
  results: readonly (Rounded | undefined)[],
  gradients: readonly (Rounded | undefined)[],
): string[] {
  const failures: (string | undefined)[] = [];
  const judge = (
    what: string,
    golden: Rounded | undefined,
    got: Float32Array | undefined,
    exact: Bounded,
    want: Bounded,
  ): void => {
    if (golden === undefined || got === undefined) return;
    failures.push(oracleDifference(what, exact, golden), difference(what, got, bounded(golden, want)));
  };
  const { rows } = stepCase;
  const rounding = roundingOf(backend);
  const values = drawOperands(stepCase);
  const exact = expectation(stepCase, values, rows, referenceRounding);
  const wants = expectation(stepCase, values, rows, rounding);
  runForward(stepCase, backend, rows).forEach((got, i) =>
    judge(`result ${String(i)}`, results[i], got, exact[i]!, wants[i]!),
  );
  const exactGradients = gradientExpectation(stepCase, rows, referenceRounding);
  const wantGradients = gradientExpectation(stepCase, rows, rounding);
  runGradient(stepCase, backend, rows).forEach((got, i) => {
    if (got !== undefined)
      judge(`gradient of operand ${String(i)}`, gradients[i], got, exactGradients[i]!, wantGradients[i]!);
  });
  return failures.filter((failure) => failure !== undefined);
}
