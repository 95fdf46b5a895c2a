/** Max pooling: the first maximum wins, padding never does, NaN always does. */
import { maxPool2d } from "../../lib/ops/index.js";
import { constant, type Distribution, fewValues, normal, sprinkled } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";
import { type Pooling, poolings, sizePooling } from "./pooling.js";

/** Forward and backward op of one pooling. */
export function pool(c: Pooling, name: string, values: Distribution): StepCase[] {
  const { attributes, rows, x, y } = sizePooling(c);
  const options = { size: c.size, stride: c.stride, padding: c.padding, rounding: c.rounding };
  const image = { shape: x, batched: true, values };
  const gradient = { shape: y, batched: true, values: normal };
  return [
    {
      name,
      op: "maxPool2d",
      operands: [image],
      results: [gradient],
      attributes,
      rows,
      build: ([v]) => maxPool2d(v!, options),
    },
    {
      name,
      op: "maxPool2d.backward",
      operands: [image, gradient],
      results: [image, undefined],
      attributes: { ...attributes, activation: 0, slope: 0 },
      rows,
    },
  ];
}

/** The backward op with what fusion adds: the gradient of the activation that made x, and the channel sums of dx. */
function fused(c: Pooling, activation: number, values: Distribution, sums: boolean): StepCase {
  const { attributes, rows, x, y } = sizePooling(c);
  return {
    name: `${c.name}: behind activation ${String(activation)}${sums ? ", sums" : ""}`,
    op: "maxPool2d.backward",
    operands: [
      { shape: x, batched: true, values },
      { shape: y, batched: true, values: normal },
    ],
    results: [{ shape: x, batched: true }, sums ? { shape: [x[3]!] } : undefined],
    attributes: { ...attributes, activation, slope: activation === 2 ? 0.1 : 0 },
    rows,
  };
}

const clipped =
  (most: number): Distribution =>
  (random) =>
    Math.min(most, Math.max(0, random.uniform(-4, 9)));
const activated: readonly (readonly [number, Distribution])[] = [
  [0, normal],
  [1, clipped(Infinity)],
  [2, normal],
  [3, (random) => random.unit()],
  [4, (random) => random.uniform(-1, 1)],
  [5, clipped(6)],
];
/** More pixels in an image than are summed at once, and rows both few and many. */
const large: readonly Pooling[] = [
  { name: "many pixels", rows: 2, image: [38, 34, 5], size: 2 },
  { name: "many pixels, 70 channels", rows: 3, image: [34, 36, 70], size: 2 },
  { name: "17 rows", rows: 17, image: [4, 6, 9], size: 2 },
];

const chosen = (fragment: string): Pooling => poolings.find(({ name }) => name.startsWith(fragment))!;
const variants: readonly (readonly [string, Distribution])[] = [
  ["ties", fewValues],
  ["all equal", constant(0.5)],
  ["all negative", (random) => -1 - random.unit()],
  ["NaN and infinities", sprinkled(normal, NaN, Infinity, -Infinity)],
  ["minus infinity everywhere", constant(-Infinity)],
  ["signed zeros", (random) => (random.integer(2) === 0 ? 0 : -0)],
];

export const cases: readonly StepCase[] = [
  ...poolings.flatMap((c) => pool(c, c.name, normal)),
  ...["9 channels", "overlapping: 3, stride 2", "padded", "global", "ceil, padded"].flatMap((fragment) =>
    variants.flatMap(([name, values]) => pool(chosen(fragment), `${chosen(fragment).name}: ${name}`, values)),
  ),
  ...["3 channels", "16 channels", "33 channels", "overlapping: 3, stride 2", "ceil, padded"].flatMap((fragment) =>
    activated.flatMap(([activation, values]) =>
      [false, true].map((sums) => fused(chosen(fragment), activation, values, sums)),
    ),
  ),
  ...large.flatMap((c) => activated.slice(0, 2).map(([activation, values]) => fused(c, activation, values, true))),
];

export const errors: readonly ErrorCase[] = [
  {
    name: "a window that does not tile",
    build: () => maxPool2d(placeholder([1, 5, 6, 3], { batched: true }), { size: 2 }),
    code: "ERR_STRIATE_SHAPE",
    message:
      "maxPool2d: stride 2 does not fit the height: (5 + 0 - 2) / 2 + 1 = 2.5, not a whole number. Use stride 1, pad 1 more row, or set rounding: 'floor'",
  },
  {
    name: "a window larger than the image",
    build: () => maxPool2d(placeholder([1, 5, 6, 3], { batched: true }), { size: 7 }),
    code: "ERR_STRIATE_SHAPE",
    message: "maxPool2d: the window covers 7 but the padded height is only 5 (5 + 0)",
  },
  {
    name: "windows that lie in the padding",
    build: () => maxPool2d(placeholder([1, 2, 2, 3], { batched: true }), { size: 2, padding: 3 }),
    code: "ERR_STRIATE_SHAPE",
    message: "maxPool2d: padding must be smaller than the window, got 3 on the top for a window of 2",
  },
  {
    name: "windows that lie in the padding of one side",
    build: () => maxPool2d(placeholder([1, 6, 6, 3], { batched: true }), { size: [3, 2], padding: [2, 2], stride: 1 }),
    code: "ERR_STRIATE_SHAPE",
    message: "maxPool2d: padding must be smaller than the window, got 2 on the left for a window of 2",
  },
  {
    name: "vectors",
    build: () => maxPool2d(placeholder([1, 5], { batched: true }), { size: 7 }),
    code: "ERR_STRIATE_GRAPH",
    message: "maxPool2d: x must be [rows, height, width, channels], got [1, 5]",
  },
];
