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
    { name, op: "maxPool2d.backward", operands: [image, gradient], results: [image], attributes, rows },
  ];
}

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
];

export const errors: readonly ErrorCase[] = [
  {
    name: "a window that does not tile",
    build: () => maxPool2d(placeholder([1, 5, 6, 3], { batched: true }), { size: 2 }),
    code: "ERR_STRIATE_SHAPE",
    message:
      "maxPool2d: stride 2 does not fit the height: (5 + 0 - 2) = 3 is not a multiple of 2. Use stride 1, pad 1 more row, or set rounding: 'floor'",
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
