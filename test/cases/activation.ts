/** Activations and their gradients, at their kinks, in their tails and beyond float32. */
import { leakyRelu, relu, relu6, sigmoid, tanh } from "../../lib/ops/index.js";
import type { Value } from "../../lib/graph/value.js";
import { type Distribution, fewValues, normal, scaled, sprinkled } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";

interface Activation {
  readonly name: string;
  readonly code: number;
  readonly slope?: number;
  readonly build: (x: Value) => Value;
  /** Draws what the function can return: the gradient is computed from that. */
  readonly results: Distribution;
}

const activations: readonly Activation[] = [
  { name: "relu", code: 1, build: relu, results: (random) => Math.max(0, random.normal()) },
  { name: "leaky relu", code: 2, slope: 0.1, build: (x) => leakyRelu(x), results: normal },
  { name: "leaky relu 0.01", code: 2, slope: 0.01, build: (x) => leakyRelu(x, { slope: 0.01 }), results: normal },
  {
    name: "leaky relu 0",
    code: 2,
    slope: 0,
    build: (x) => leakyRelu(x, { slope: 0 }),
    results: (random) => Math.max(0, random.normal()),
  },
  { name: "leaky relu 2", code: 2, slope: 2, build: (x) => leakyRelu(x, { slope: 2 }), results: normal },
  { name: "sigmoid", code: 3, build: sigmoid, results: (random) => random.unit() },
  { name: "tanh", code: 4, build: tanh, results: (random) => random.uniform(-1, 1) },
  // exactly 0 and exactly 6 among them: there it is flat
  { name: "relu6", code: 5, build: relu6, results: (random) => Math.min(6, Math.max(0, random.uniform(-3, 9))) },
];

const inputs: readonly (readonly [string, Distribution])[] = [
  ["small", scaled(1e-3)],
  ["tiny", scaled(1e-7)],
  ["tails", scaled(20)],
  ["beyond float32's exp", scaled(200)],
  ["kinks", fewValues],
  ["specials", sprinkled(normal, NaN, Infinity, -Infinity, 0, -0)],
];

function forward(a: Activation, shape: readonly number[], name: string, values: Distribution): StepCase {
  const x = { shape, batched: true, values };
  return {
    name: `${a.name}, ${name}`,
    op: "activation",
    operands: [x],
    results: [x],
    attributes: { activation: a.code, slope: a.slope ?? 0 },
    rows: shape[0]!,
    inPlace: [[0, 0]],
    build: ([v]) => a.build(v!),
  };
}

function backward(a: Activation, shape: readonly number[], name: string, values: Distribution): StepCase[] {
  const step: StepCase = {
    name: `${a.name}, ${name}`,
    op: "activation.backward",
    operands: [
      { shape, batched: true, values },
      { shape, batched: true, values: normal },
    ],
    results: [{ shape, batched: true }, undefined],
    attributes: { activation: a.code, slope: a.slope ?? 0 },
    rows: shape[0]!,
  };
  return [
    { ...step, inPlace: [[0, 1]] },
    { ...step, name: `${step.name}, over y`, inPlace: [[0, 0]] },
  ];
}

/** With the channel sums of dx: the gradient of a bias, fused. */
function backwardWithSums(a: Activation, shape: readonly number[]): StepCase {
  const [step] = backward(a, shape, `${shape.join("x")}, sums`, a.results);
  return { ...step!, results: [step!.results[0], { shape: [shape.at(-1)!] }] };
}

const widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33];

export const cases: readonly StepCase[] = activations.flatMap((a) => [
  ...widths.map((channels) => forward(a, [3, 2, channels], `${String(channels)} channels`, normal)),
  ...inputs.map(([name, values]) => forward(a, [3, 5, 4, 7], name, values)),
  forward(a, [5, 9], "features", normal),
  ...widths
    .slice(4, 11)
    .flatMap((channels) => backward(a, [3, 2, channels], `${String(channels)} channels`, a.results)),
  ...backward(a, [3, 4, 4, 5], "at zero", (random, index, size) =>
    random.integer(3) === 0 ? 0 : a.results(random, index, size),
  ),
  ...[
    [3, 4, 5, 3],
    [3, 4, 4, 16],
    [3, 33, 37, 6],
    [2, 3, 3, 33],
    [5, 9],
  ].map((shape) => backwardWithSums(a, shape)),
]);

export const errors: readonly ErrorCase[] = [
  {
    name: "a negative slope",
    build: () => leakyRelu(placeholder([2, 3]), { slope: -0.5 }),
    code: "ERR_STRIATE_GRAPH",
    message: "leakyRelu: slope must be 0 or more, got -0.5",
  },
  {
    name: "an integer operand",
    build: () => relu(placeholder([2], { dtype: "i32" })),
    code: "ERR_STRIATE_GRAPH",
    message: "relu: x must be f32, got i32; use rescale() on images",
  },
];
