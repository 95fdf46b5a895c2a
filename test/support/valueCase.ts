/** Runs a case through lib/ops, differentiation and lowering, as users do: forward and gradient. */
import type { Backend, InputArray } from "../../lib/backend/backend.js";
import { lower } from "../../lib/graph/lower.js";
import { opSchemas } from "../../lib/graph/opSchema.js";
import type { Program } from "../../lib/graph/program.js";
import { input, type Value } from "../../lib/graph/value.js";
import { gradients } from "../../lib/ops/index.js";
import { difference } from "./compare.js";
import { gradientOracles } from "./oracle/gradients.js";
import {
  type Bounded,
  nativeRounding,
  referenceRounding,
  type Rounding,
  sizeOf,
  type Tensor,
  tensor,
} from "./oracle/index.js";
import { normal, Random } from "./random.js";
import {
  attributeList,
  drawOperands,
  expectation,
  liveRowsOf,
  liveShape,
  type OperandSpec,
  type StepCase,
} from "./stepCase.js";

export function roundingOf(backend: Backend): Rounding {
  return backend.name === "native" ? nativeRounding : referenceRounding;
}

/** The operands of a case as inputs of a graph. */
export function operandValues(stepCase: StepCase): (Value | undefined)[] {
  return stepCase.operands.map((spec, i) => {
    if (spec === undefined) return undefined;
    const name = opSchemas[stepCase.op].operands[i]!.replace("?", "");
    return input(name, spec.shape, { dtype: spec.dtype ?? "f32", batched: spec.batched ?? false });
  });
}

/** What a run of `program` takes: inputs by name, cut to the live rows. */
export function runInputs(
  program: Program,
  specs: ReadonlyMap<string, { readonly spec: OperandSpec; readonly values: Float64Array }>,
  rows: number,
): InputArray[] {
  return program.storages.flatMap((storage): InputArray[] => {
    if (storage.kind !== "input") return [];
    const { spec, values } = specs.get(storage.name)!;
    const live = values.subarray(0, sizeOf(liveShape(spec, rows)));
    if (storage.dtype === "f32") return [Float32Array.from(live)];
    return [storage.dtype === "i32" ? Int32Array.from(live) : Uint8Array.from(live)];
  });
}

function run(backend: Backend, program: Program, specs: Parameters<typeof runInputs>[1], rows: number): Float32Array[] {
  const state = backend.createState([]);
  const executable = backend.compile(program, state);
  try {
    return executable.run(runInputs(program, specs, rows), { rows });
  } finally {
    executable.dispose();
    state.dispose();
  }
}

function namedSpecs(
  stepCase: StepCase,
  values: readonly (Float64Array | undefined)[],
): Map<string, { spec: OperandSpec; values: Float64Array }> {
  const names = opSchemas[stepCase.op].operands.map((name) => name.replace("?", ""));
  return new Map(
    stepCase.operands.flatMap((spec, i) =>
      spec === undefined ? [] : [[names[i]!, { spec, values: values[i]! }] as const],
    ),
  );
}

/** The graph of the case lowers to exactly the step that the table spells out. */
export function loweringFailures(stepCase: StepCase): string[] {
  const results = [stepCase.build!(operandValues(stepCase))].flat();
  const program = lower(
    { outputs: results.map((value, i) => ({ name: `result${String(i)}`, value })) },
    { rows: stepCase.rows },
  );
  const [step, ...more] = program.steps;
  if (step?.op !== stepCase.op || more.length > 0)
    return [`lowers to ${program.steps.map(({ op }) => op).join(", ")}, want ${stepCase.op}`];
  const failures: string[] = [];
  const want = attributeList(stepCase.op, stepCase.attributes);
  if (step.attributes.join() !== want.join()) {
    failures.push(
      `attributes ${step.attributes.join()}, want ${want.join()} (${opSchemas[stepCase.op].attributes.join()})`,
    );
  }
  results.forEach((value, i) => {
    const spec = stepCase.results[i]!;
    if (value.shape.join() !== spec.shape.join())
      failures.push(`result ${String(i)} is [${value.shape.join()}], want [${spec.shape.join()}]`);
    if (value.batched !== (spec.batched ?? false))
      failures.push(`result ${String(i)}: batched is ${String(value.batched)}`);
  });
  return failures;
}

/** The results of the case with `rows` live rows, through a graph. */
export function runForward(stepCase: StepCase, backend: Backend, rows: number): Float32Array[] {
  const results = [stepCase.build!(operandValues(stepCase))].flat();
  const outputs = results.map((value, i) => ({ name: `result${String(i)}`, value }));
  return run(backend, lower({ outputs }, { rows: stepCase.rows }), namedSpecs(stepCase, drawOperands(stepCase)), rows);
}

export function forwardFailures(stepCase: StepCase, backend: Backend): string[] {
  const values = drawOperands(stepCase);
  return liveRowsOf(stepCase).flatMap((rows) => {
    const wants = expectation(stepCase, values, rows, roundingOf(backend));
    return runForward(stepCase, backend, rows).flatMap(
      (got, i) => difference(`${String(rows)} rows: result ${String(i)}`, got, wants[i]!) ?? [],
    );
  });
}

/** Cases whose gradient the graph can be asked for: built from Values, finite, with a rule. */
export function hasGradient(stepCase: StepCase): boolean {
  return (
    stepCase.build !== undefined &&
    stepCase.op in gradientOracles &&
    stepCase.operands.some((spec) => spec !== undefined && (spec.dtype ?? "f32") === "f32") &&
    drawOperands(stepCase).every((values) => values?.every(Number.isFinite) ?? true)
  );
}

/** Operands that the graph differentiates by: the statistics of batch norm inference are constants by definition. */
function differentiable({ op, operands }: StepCase): number[] {
  const last = op === "batchNorm.inference" ? 3 : Infinity;
  return operands.flatMap((spec, i) => (spec === undefined || (spec.dtype ?? "f32") !== "f32" || i >= last ? [] : [i]));
}

function drawSeed(stepCase: StepCase): { readonly spec: OperandSpec; readonly values: Float64Array } {
  const spec: OperandSpec = { ...stepCase.results[0]!, values: stepCase.dy ?? normal };
  const random = new Random(`dy of ${stepCase.op} ${stepCase.name}`);
  const size = sizeOf(spec.shape);
  return { spec, values: Float64Array.from({ length: size }, (_, i) => Math.fround(spec.values(random, i, size))) };
}

/** The gradient of the first result with respect to every operand: undefined where there is none. */
export function runGradient(stepCase: StepCase, backend: Backend, rows: number): (Float32Array | undefined)[] {
  const operands = operandValues(stepCase);
  const result = [stepCase.build!(operands)].flat()[0]!;
  const seed = input("dy", result.shape, { batched: result.batched });
  const by = differentiable(stepCase);
  const found = gradients(
    result,
    by.map((i) => operands[i]!),
    seed,
  );
  const program = lower(
    { outputs: found.map((value, i) => ({ name: `d${String(by[i])}`, value })) },
    { rows: stepCase.rows },
  );
  const specs = namedSpecs(stepCase, drawOperands(stepCase)).set("dy", drawSeed(stepCase));
  const outputs = run(backend, program, specs, rows);
  return operands.map((_, i) => (by.includes(i) ? outputs[by.indexOf(i)] : undefined));
}

export function gradientFailures(stepCase: StepCase, backend: Backend): string[] {
  return liveRowsOf(stepCase).flatMap((rows) => {
    const wants = gradientExpectation(stepCase, rows, roundingOf(backend));
    return runGradient(stepCase, backend, rows).flatMap((got, i) => {
      if (got === undefined) return [];
      return difference(`${String(rows)} rows: gradient of operand ${String(i)}`, got, wants[i]!) ?? [];
    });
  });
}

/** What the oracle says about {@link runGradient}. */
export function gradientExpectation(stepCase: StepCase, rows: number, rounding: Rounding): (Bounded | undefined)[] {
  const live = (spec: OperandSpec, data: Float64Array): Tensor => {
    const shape = liveShape(spec, rows);
    return tensor(shape, data.subarray(0, sizeOf(shape)));
  };
  const values = drawOperands(stepCase);
  const seed = drawSeed(stepCase);
  const operands = stepCase.operands.map((spec, i) => spec && live(spec, values[i]!));
  const results = expectation(stepCase, values, rows, rounding);
  const context = { rounding, shapes: results.map(({ shape }) => shape), rows, learningRate: 0 };
  return gradientOracles[stepCase.op]!(operands, results, live(seed.spec, seed.values), stepCase.attributes, context);
}
