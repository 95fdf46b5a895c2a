/** Average pooling, with both meanings of the divisor. */
import { avgPool2d } from "../../lib/ops/index.js";
import { type Distribution, normal, sprinkled } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";
import { type Pooling, poolings, sizePooling } from "./pooling.js";

/** Forward and backward op of one pooling. */
export function pool(c: Pooling, name: string, values: Distribution, countIncludePad: boolean): StepCase[] {
  const { attributes: window, rows, x, y } = sizePooling(c);
  const attributes = { ...window, countIncludePad: countIncludePad ? 1 : 0 };
  const options = { size: c.size, stride: c.stride, padding: c.padding, rounding: c.rounding, countIncludePad };
  const image = { shape: x, batched: true, values };
  const gradient = { shape: y, batched: true, values };
  return [
    {
      name,
      op: "avgPool2d",
      operands: [image],
      results: [gradient],
      attributes,
      rows,
      build: ([v]) => avgPool2d(v!, options),
    },
    { name, op: "avgPool2d.backward", operands: [gradient], results: [image], attributes, rows },
  ];
}

export const cases: readonly StepCase[] = poolings.flatMap((c) => [
  ...pool(c, c.name, normal, true),
  ...(c.padding === undefined && c.rounding !== "ceil" ? [] : pool(c, `${c.name}, padding not counted`, normal, false)),
  ...(c.name.startsWith("padded") || c.name.startsWith("9 ")
    ? pool(c, `${c.name}: NaN and infinities`, sprinkled(normal, NaN, Infinity), true)
    : []),
]);

export const errors: readonly ErrorCase[] = [
  {
    name: "a stride that does not fit",
    build: () => avgPool2d(placeholder([1, 6, 6, 3], { batched: true }), { size: 3, stride: 2 }),
    code: "ERR_STRIATE_SHAPE",
    message:
      "avgPool2d: stride 2 does not fit the height: (6 + 0 - 3) / 2 + 1 = 2.5, not a whole number. Use stride 1, pad 1 more row, or set rounding: 'floor'",
  },
  {
    name: "a window larger than the image",
    build: () => avgPool2d(placeholder([1, 5, 6, 3], { batched: true }), { size: [5, 7] }),
    code: "ERR_STRIATE_SHAPE",
    message: "avgPool2d: the window covers 7 but the padded width is only 6 (6 + 0)",
  },
  {
    name: "windows that lie in the trailing padding",
    build: () =>
      avgPool2d(placeholder([1, 6, 6, 3], { batched: true }), {
        size: 2,
        padding: [
          [1, 3],
          [0, 2],
        ],
        rounding: "ceil",
      }),
    code: "ERR_STRIATE_SHAPE",
    message: "avgPool2d: padding must be smaller than the window, got 3 on the bottom for a window of 2",
  },
];
