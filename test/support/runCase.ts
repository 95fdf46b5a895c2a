/** Runs one case on one backend and says what is wrong with it. */
import type { Backend, InputArray, OutputArray } from "../../lib/backend/backend.js";
import type { Dtype } from "../../lib/graph/program.js";
import { difference } from "./compare.js";
import { nativeRounding, referenceRounding, sizeOf } from "./oracle/index.js";
import { type BuiltProgram, buildProgram, type Layout, layoutsOf, type Place } from "./programs.js";
import { drawOperands, expectation, liveRowsOf, liveShape, type StepCase } from "./stepCase.js";

/** NaN shows a read outside of an operand, a number shows a write outside of a result. */
const fillers = [NaN, 12345.678];

export interface CaseOptions {
  readonly layouts?: readonly Layout[];
  /** Also returns every result, to be compared bit by bit between thread counts. */
  readonly onResult?: (key: string, result: Float32Array) => void;
}

/** All failures of the case, in every layout and with every number of live rows. Empty: it passes. */
export function failuresOf(stepCase: StepCase, backend: Backend, options: CaseOptions = {}): string[] {
  const failures: string[] = [];
  const values = drawOperands(stepCase);
  const rounding = backend.name === "native" ? nativeRounding : referenceRounding;
  for (const layout of options.layouts ?? layoutsOf(stepCase)) {
    const built = buildProgram(stepCase, layout);
    for (const rows of liveRowsOf(stepCase)) {
      const where = `${layout}, ${String(rows)} of ${String(stepCase.rows)} rows`;
      try {
        for (const filler of built.places === undefined ? [NaN] : fillers) {
          const run = runOnce(stepCase, built, backend, values, rows, filler);
          const wants = expectation(stepCase, values, rows, rounding, run.algorithm);
          failures.push(...run.failures.map((failure) => `${where}: ${failure}`));
          run.results.forEach((got, i) => {
            const failure = difference(`${where}: result ${String(i)}`, got, wants[i]!);
            if (failure !== undefined) failures.push(failure);
            options.onResult?.(`${where} ${String(i)} ${String(filler)}`, got);
          });
        }
      } catch (error) {
        failures.push(`${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
  }
  return failures;
}

interface Run {
  readonly results: readonly Float32Array[];
  readonly failures: readonly string[];
  readonly algorithm: string;
}

function runOnce(
  stepCase: StepCase,
  built: BuiltProgram,
  backend: Backend,
  values: readonly (Float64Array | undefined)[],
  rows: number,
  filler: number,
): Run {
  const { program } = built;
  const state = backend.createState(built.state);
  state.write(new Map(built.state.map(({ name, operand }) => [name, Float32Array.from(values[operand]!)])));
  const executable = backend.compile(program, state);
  try {
    const storages = program.storages.filter(({ kind }) => kind === "input");
    const inputs = built.inputs.map((source, i): InputArray => {
      if (source === "filler") return new Float32Array(storages[i]!.size).fill(filler);
      const live = sizeOf(liveShape(stepCase.operands[source]!, rows));
      return arrayOf(storages[i]!.dtype, values[source]!.subarray(0, live));
    });
    const outputs = executable
      .run<OutputArray>(inputs, { rows, learningRate: stepCase.learningRate ?? 0 })
      .map((output) => (output instanceof Float32Array ? output : Float32Array.from(output)));
    const failures: string[] = [];
    const { algorithm, kernel, declined } = executable.explain()[built.step]!;
    if (
      backend.name === "native" &&
      stepCase.algorithm !== undefined &&
      !algorithmMatches(stepCase.algorithm, algorithm)
    ) {
      failures.push(
        `algorithm ${algorithm} (${kernel}), want ${String(stepCase.algorithm)}; declined: ${declined.join("; ")}`,
      );
    }
    if (built.resultStates !== undefined) return { results: state.read(built.resultStates), failures, algorithm };
    if (built.places === undefined) return { results: outputs, failures, algorithm };
    const image = outputs[0]!;
    const results = built.places.flatMap((place) => (place === undefined ? [] : [gather(image, place, rows)]));
    return { results, failures: [...failures, ...brokenGuards(image, built.places, rows, filler)], algorithm };
  } finally {
    executable.dispose();
    state.dispose();
  }
}

function algorithmMatches(want: string | RegExp, got: string): boolean {
  return typeof want === "string" ? want === got : want.test(got);
}

function arrayOf(dtype: Dtype, values: Float64Array): InputArray {
  if (dtype === "f32") return Float32Array.from(values);
  return dtype === "i32" ? Int32Array.from(values) : Uint8Array.from(values);
}

/** Calls `visit` with every element of the place that is live: a strided slice of the arena. */
function forEachLive(place: Place, rows: number, visit: (index: number) => void): void {
  const shape = liveShape(place, rows);
  const channels = shape[shape.length - 1]!;
  const pixels = sizeOf(shape) / channels;
  for (let p = 0; p < pixels; p++) {
    for (let c = 0; c < channels; c++) visit(place.offset + p * place.pixelStride + c);
  }
}

function gather(image: Float32Array, place: Place, rows: number): Float32Array {
  const values = new Float32Array(sizeOf(liveShape(place, rows)));
  let i = 0;
  forEachLive(place, rows, (index) => (values[i++] = image[index]!));
  return values;
}

/** In check mode backends fill dead rows with NaN themselves. */
const poisonsDeadRows = ["1", "2"].includes(process.env["STRIATE_CHECK"] ?? "");

/** Between pixels, before the first, after the last and in dead rows, the pattern must still stand. */
function brokenGuards(
  image: Float32Array,
  places: readonly (Place | undefined)[],
  rows: number,
  filler: number,
): string[] {
  const pattern = Math.fround(filler);
  for (const [i, place] of places.entries()) {
    if (place === undefined) continue;
    const channels = place.shape[place.shape.length - 1]!;
    const first = place.offset - 40;
    const last = place.offset + (sizeOf(place.shape) / channels) * place.pixelStride + 40;
    const live = new Uint8Array(last - first);
    const liveRows = poisonsDeadRows && place.batched ? place.shape[0]! : rows;
    forEachLive(place, liveRows, (index) => (live[index - first] = 1));
    for (let index = first; index < last; index++) {
      if (live[index - first] === 1 || Object.is(image[index], pattern)) continue;
      const from = `${String(index - place.offset)} elements from its start (channels ${String(channels)}, pixel stride ${String(place.pixelStride)})`;
      return [`result ${String(i)}: wrote ${String(image[index])} outside of its buffer, ${from}`];
    }
  }
  return [];
}
