// The judges of gradients, products, pooling and batch norm in the bench, against the reference backend, which is tested by
// an oracle of its own.
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import type { InputArray } from "../../bench/contenders/contender.js";
import { opProgram, epsilon } from "../../bench/program.js";
import { ChangingInputs } from "../../bench/random.js";
import { compareSample, sampleOf, type Expectation } from "../../bench/verify/expectation.js";
import { expectFilterGradient, expectInputGradient, expectProduct } from "../../bench/verify/gradients.js";
import { expectPixelwise, type ChannelParameters } from "../../bench/verify/pixelwise.js";
import { inputsOf, pixelwiseOps, type CalledWork, type ConvShape } from "../../bench/work.js";

const variant = { repeats: 1, algorithm: "auto" } as const;

function computed(work: CalledWork): {
  readonly inputs: readonly InputArray[];
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly result: Float32Array;
} {
  const { program, weights } = opProgram(work, variant);
  const inputs = new ChangingInputs(inputsOf(work), work.id).first();
  const state = referenceBackend.createState([...weights].map(([name, { shape }]) => ({ name, shape })));
  state.write(new Map([...weights].map(([name, { data }]) => [name, data])));
  const rows = work.kind === "gemm" ? 1 : work.batch;
  const [result] = referenceBackend.compile(program, state).run(inputs, { rows });
  const named = Object.fromEntries([...weights].map(([name, { data }]) => [name, data]));
  return { inputs, weights: named, result: result! };
}

/** Right results pass, and one that is off in any element of the sample does not. */
function check(result: Float32Array, expected: Expectation): void {
  expect(compareSample(sampleOf(result, expected.indices), expected)).toBeUndefined();
  const last = expected.indices.at(-1)!;
  const off = result.with(last, result[last]! + 10 * expected.tolerances.at(-1)! + 1e-3);
  expect(compareSample(sampleOf(off, expected.indices), expected)).toMatch(/^1 of/);
}

const shapes: ConvShape[] = [
  { name: "same", input: [5, 7, 4], filters: 6, kernel: 3, stride: 1, padding: 1, groups: 1 },
  { name: "strided", input: [8, 7, 4], filters: 6, kernel: 3, stride: 2, padding: 1, groups: 2 },
  { name: "depthwise", input: [6, 5, 4], filters: 4, kernel: 3, stride: 1, padding: 0, groups: 4 },
];
describe.each(shapes)("gradients of $name", (shape) => {
  const work = (direction: "backwardInput" | "backwardFilter") =>
    ({ kind: "conv", id: `${direction}/${shape.name}/2`, batch: 2, direction, shape, peers: [] }) as const;
  it("with respect to the input", () => {
    const { inputs, weights, result } = computed(work("backwardInput"));
    check(result, expectInputGradient(shape, 2, inputs[0] as Float32Array, weights["filter"]!));
  });
  it("with respect to the filter", () => {
    const { inputs, result } = computed(work("backwardFilter"));
    check(result, expectFilterGradient(shape, 2, inputs[0] as Float32Array, inputs[1] as Float32Array));
  });
});

it("a product of matrices", () => {
  const size = { m: 5, n: 6, k: 7 };
  const { inputs, result } = computed({ kind: "gemm", id: "gemm/p/both", batch: 5, ...size, packed: false, peers: [] });
  check(result, expectProduct(size, inputs[0] as Float32Array, inputs[1] as Float32Array));
});

it.each(pixelwiseOps)("%s", (op) => {
  const input = [6, 5, 4] as const;
  const { inputs, weights, result } = computed({ kind: "pixelwise", id: `${op}/i/2`, batch: 2, op, input, peers: [] });
  const parameters: Partial<ChannelParameters> = weights;
  check(result, expectPixelwise(op, input, 2, inputs as readonly Float32Array[], parameters, epsilon));
});
