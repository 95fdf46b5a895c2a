/** Softmax along the last axis. */
import { softmax } from "../../lib/ops/index.js";
import { constant, type Distribution, normal, offsetBy, scaled, sprinkled } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";

function pair(name: string, shape: readonly number[], values: Distribution): StepCase[] {
  const x = { shape, batched: true, values };
  const channels = shape[shape.length - 1]!;
  const share: Distribution = (random) => random.unit() / channels;
  const rows = shape[0]!;
  return [
    { name, op: "softmax", operands: [x], results: [x], attributes: {}, rows, build: ([v]) => softmax(v!) },
    {
      name,
      op: "softmax.backward",
      operands: [
        { ...x, values: share },
        { ...x, values: normal },
      ],
      results: [x],
      attributes: {},
      rows,
    },
  ];
}

export const cases: readonly StepCase[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 33, 100].flatMap((classes) =>
    pair(`${String(classes)} classes`, [4, classes], normal),
  ),
  ...pair("per pixel", [3, 4, 5, 7], normal),
  ...pair("far from zero", [4, 10], offsetBy(1000)),
  ...pair("far below zero", [4, 10], offsetBy(-1000)),
  ...pair("wide spread: probabilities underflow", [5, 12], scaled(60)),
  ...pair("all equal", [3, 9], constant(3)),
  ...pair("minus infinity has no share", [6, 9], sprinkled(normal, -Infinity)),
  ...pair("NaN and infinity spoil their row only", [9, 17], sprinkled(normal, NaN, Infinity)),
];

export const errors: readonly ErrorCase[] = [
  {
    name: "labels",
    build: () => softmax(placeholder([2, 3], { dtype: "i32" })),
    code: "ERR_STRIATE_GRAPH",
    message: "softmax: x must be f32, got i32; use rescale() on images",
  },
];
