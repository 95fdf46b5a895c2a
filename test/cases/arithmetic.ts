/** add, copy, fill, rescale and channelSum. */
import { add, channelSum, fill, rescale } from "../../lib/ops/index.js";
import { byte, type Distribution, normal, offsetBy, scaled, sprinkled, wholeNumbers } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";

const widths = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33];
const none = { activation: 0, slope: 0 };

function sum(name: string, shape: readonly number[], attributes = none, values: Distribution = normal): StepCase[] {
  const operand = { shape, batched: true, values };
  const step: StepCase = {
    name,
    op: "add",
    operands: [operand, operand],
    results: [operand],
    attributes,
    rows: shape[0]!,
  };
  const build: StepCase["build"] = ([a, b]) => add(a!, b!);
  return [
    { ...step, inPlace: [[0, 0]], ...(attributes === none ? { build } : {}) },
    { ...step, name: `${name}, over b`, inPlace: [[0, 1]] },
  ];
}

const sums: readonly StepCase[] = [
  ...widths.flatMap((channels) => sum(`${String(channels)} channels`, [3, 2, 2, channels])),
  ...sum("features", [5, 11]),
  ...sum("relu", [3, 4, 5, 9], { activation: 1, slope: 0 }),
  ...sum("leaky relu", [3, 4, 5, 7], { activation: 2, slope: 0.1 }),
  ...sum("sigmoid", [3, 4, 5, 5], { activation: 3, slope: 0 }),
  ...sum("tanh", [3, 4, 5, 17], { activation: 4, slope: 0 }),
  ...sum("relu6", [3, 4, 5, 9], { activation: 5, slope: 0 }, scaled(5)),
  ...sum("NaN and infinities", [3, 4, 5, 9], none, sprinkled(normal, NaN, Infinity, -Infinity)),
];

const copies: readonly StepCase[] = [...widths, 100].map((channels) => {
  const x = { shape: [3, 4, channels], batched: true, values: sprinkled(normal, NaN, Infinity, -0) };
  return { name: `${String(channels)} channels`, op: "copy", operands: [x], results: [x], attributes: {}, rows: 3 };
});

const fills: readonly StepCase[] = [
  { name: "zeros", shape: [3, 4, 5], value: 0 },
  { name: "a third", shape: [2, 3, 9], value: 1 / 3 },
  { name: "one number", shape: [1], value: -2.5 },
  { name: "seventeen", shape: [4, 17], value: 1e-3 },
].map(({ name, shape, value }): StepCase => {
  const batched = shape.length > 1;
  return {
    name,
    op: "fill",
    operands: [],
    results: [{ shape, batched }],
    attributes: { value },
    rows: batched ? shape[0]! : 1,
    build: () => fill(shape, value, { batched }),
  };
});

const rescales: readonly StepCase[] = [...widths, 64].flatMap((channels) =>
  (["f32", "u8"] as const).map((dtype): StepCase => {
    const attributes = { scale: 1 / 255, offset: -0.5 };
    const shape = [3, 2, 3, channels];
    const values: Distribution = dtype === "u8" ? byte : normal;
    return {
      name: `${dtype}, ${String(channels)} channels`,
      op: "rescale",
      operands: [{ shape, batched: true, dtype, values }],
      results: [{ shape, batched: true }],
      attributes,
      rows: 3,
      build: ([x]) => rescale(x!, attributes),
    };
  }),
);

const channelSums: readonly StepCase[] = [
  ...widths.map((channels): readonly [string, number[], Distribution] => [
    `${String(channels)} channels`,
    [3, 4, 5, channels],
    normal,
  ]),
  ["features", [7, 10], normal] as const,
  ["many pixels", [3, 31, 29, 5], normal] as const,
  ["far from zero", [3, 9, 9, 4], offsetBy(100)] as const,
  ["NaN", [3, 4, 5, 9], sprinkled(normal, NaN)] as const,
  ...[1, 3, 5, 16, 17].map(
    (channels) =>
      [
        `whole numbers: 75000 of them, ${String(channels)} channels`,
        [3, Math.ceil(25000 / channels), channels],
        wholeNumbers,
      ] as const,
  ),
].map(([name, shape, values]): StepCase => ({
  name,
  op: "channelSum",
  operands: [{ shape, batched: true, values }],
  results: [{ shape: [shape[shape.length - 1]!] }],
  attributes: {},
  rows: shape[0],
}));

export const cases: readonly StepCase[] = [...sums, ...copies, ...fills, ...rescales, ...channelSums];

export const errors: readonly ErrorCase[] = [
  {
    name: "add: shapes",
    build: () => add(placeholder([2, 3, 4]), placeholder([2, 4, 3])),
    code: "ERR_STRIATE_GRAPH",
    message: "add: shapes [2, 3, 4] and [2, 4, 3] must be equal",
  },
  {
    name: "rescale: labels",
    build: () => rescale(placeholder([2], { dtype: "i32" })),
    code: "ERR_STRIATE_GRAPH",
    message: "rescale: x must be f32 or u8, got i32",
  },
  {
    name: "rescale: an infinite scale",
    build: () => rescale(placeholder([2]), { scale: Infinity }),
    code: "ERR_STRIATE_GRAPH",
    message: "rescale: scale and offset must be finite, got Infinity and 0",
  },
  {
    name: "channelSum: labels",
    build: () => channelSum(placeholder([2], { dtype: "i32" })),
    code: "ERR_STRIATE_GRAPH",
    message: "channelSum: x must be f32, got i32; use rescale() on images",
  },
];
