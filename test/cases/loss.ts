/** Softmax cross-entropy and mean squared error. */
import { meanSquaredError, softmaxCrossEntropy } from "../../lib/ops/index.js";
import {
  constant,
  type Distribution,
  labelsBelow,
  normal,
  offsetBy,
  positive,
  scaled,
  sprinkled,
} from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { OperandSpec, StepCase } from "../support/stepCase.js";

const one = { shape: [1] };
const seed: OperandSpec = { shape: [1], values: positive };

function crossEntropy(name: string, shape: readonly number[], values: Distribution): StepCase[] {
  const classes = shape[shape.length - 1]!;
  const rows = shape[0]!;
  const logits = { shape, batched: true, values };
  const labels: OperandSpec = { shape: shape.slice(0, -1), batched: true, dtype: "i32", values: labelsBelow(classes) };
  return [
    {
      name,
      op: "softmaxCrossEntropy",
      operands: [logits, labels],
      results: [one, { shape, batched: true }],
      attributes: {},
      rows,
      build: ([x, l]) => {
        const { loss, probabilities } = softmaxCrossEntropy(x!, l!);
        return [loss, probabilities];
      },
    },
    {
      name,
      op: "softmaxCrossEntropy.backward",
      operands: [{ ...logits, values: (random) => random.unit() }, labels, seed],
      results: [{ shape, batched: true }],
      attributes: {},
      rows,
    },
  ];
}

function squaredError(name: string, shape: readonly number[], values: Distribution): StepCase[] {
  const operand = { shape, batched: true, values };
  const rows = shape[0]!;
  return [
    {
      name,
      op: "meanSquaredError",
      operands: [operand, operand],
      results: [one],
      attributes: {},
      rows,
      build: ([prediction, target]) => meanSquaredError(prediction!, target!),
    },
    {
      name,
      op: "meanSquaredError.backward",
      operands: [operand, operand, seed],
      results: [operand],
      attributes: {},
      rows,
    },
  ];
}

export const cases: readonly StepCase[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 17, 33, 100].flatMap((classes) =>
    crossEntropy(`${String(classes)} classes`, [5, classes], normal),
  ),
  ...crossEntropy("per pixel", [3, 4, 5, 7], normal),
  ...crossEntropy("one row", [1, 10], normal),
  ...crossEntropy("far from zero", [4, 10], offsetBy(500)),
  ...crossEntropy("confident", [6, 10], scaled(50)),
  ...crossEntropy("all equal", [4, 10], constant(-1)),
  ...crossEntropy("NaN", [6, 10], sprinkled(normal, NaN)),
  ...[1, 3, 8, 9, 17].flatMap((channels) => squaredError(`${String(channels)} channels`, [4, 3, channels], normal)),
  ...squaredError("features", [7, 5], normal),
  ...squaredError("many elements", [3, 30, 31, 3], normal),
  ...squaredError("far from zero", [4, 20], offsetBy(100)),
  ...squaredError("no error", [4, 5], constant(2)),
];

export const errors: readonly ErrorCase[] = [
  {
    name: "labels that are not integers",
    build: () => softmaxCrossEntropy(placeholder([4, 10], { batched: true }), placeholder([4], { batched: true })),
    code: "ERR_STRIATE_GRAPH",
    message: "softmaxCrossEntropy: labels must be i32, got f32",
  },
  {
    name: "labels of the wrong shape",
    build: () =>
      softmaxCrossEntropy(
        placeholder([4, 10], { batched: true }),
        placeholder([4, 10], { batched: true, dtype: "i32" }),
      ),
    code: "ERR_STRIATE_GRAPH",
    message: "softmaxCrossEntropy: labels must have the shape [4] (logits [4, 10]), got [4, 10]",
  },
  {
    name: "a target of the wrong shape",
    build: () => meanSquaredError(placeholder([4, 10], { batched: true }), placeholder([4, 9], { batched: true })),
    code: "ERR_STRIATE_GRAPH",
    message: "meanSquaredError: target must have the shape [4, 10], got [4, 9]",
  },
];
