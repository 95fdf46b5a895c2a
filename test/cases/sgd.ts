/** Stochastic gradient descent: every combination of its options. */
import { sgdUpdate } from "../../lib/ops/index.js";
import { normal, sprinkled } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";

interface Options {
  readonly momentum: number;
  readonly nesterov: number;
  readonly weightDecay: number;
}

function step(name: string, shape: readonly number[], options: Options, values = normal): StepCase {
  const operand = { shape, values };
  const velocity = options.momentum > 0;
  return {
    name,
    op: "sgd",
    operands: [operand, operand, velocity ? operand : undefined],
    results: [operand, velocity ? operand : undefined],
    attributes: { ...options },
    rows: 1,
    learningRate: 0.05,
  };
}

const plain: Options = { momentum: 0, nesterov: 0, weightDecay: 0 };

export const cases: readonly StepCase[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33].map((size) =>
    step(`${String(size)} numbers`, [size], { momentum: 0.9, nesterov: 0, weightDecay: 1e-4 }),
  ),
  step("plain", [3, 3, 2, 5], plain),
  step("weight decay", [3, 3, 2, 5], { ...plain, weightDecay: 0.01 }),
  step("momentum", [3, 3, 2, 5], { ...plain, momentum: 0.9 }),
  step("nesterov", [3, 3, 2, 5], { ...plain, momentum: 0.9, nesterov: 1 }),
  step("nesterov and weight decay", [7, 11], { momentum: 0.5, nesterov: 1, weightDecay: 0.1 }),
  step("NaN", [7, 11], { momentum: 0.5, nesterov: 1, weightDecay: 0.1 }, sprinkled(normal, NaN, Infinity)),
];

const weights = placeholder([3, 4]);
export const errors: readonly ErrorCase[] = [
  {
    name: "nesterov without momentum",
    build: () => sgdUpdate(weights, weights, undefined, { nesterov: true }),
    code: "ERR_STRIATE_GRAPH",
    message: "sgd: nesterov needs a momentum above 0, got 0",
  },
  {
    name: "momentum 1",
    build: () => sgdUpdate(weights, weights, weights, { momentum: 1 }),
    code: "ERR_STRIATE_GRAPH",
    message: "sgd: momentum must be from 0 to below 1, got 1",
  },
  {
    name: "momentum without velocity",
    build: () => sgdUpdate(weights, weights, undefined, { momentum: 0.9 }),
    code: "ERR_STRIATE_GRAPH",
    message: "sgd: velocity must be given exactly where momentum is above 0, got momentum 0.9",
  },
  {
    name: "negative weight decay",
    build: () => sgdUpdate(weights, weights, undefined, { weightDecay: -1 }),
    code: "ERR_STRIATE_GRAPH",
    message: "sgd: weightDecay must be 0 or more, got -1",
  },
  {
    name: "a gradient of another shape",
    build: () => sgdUpdate(weights, placeholder([4, 3]), undefined),
    code: "ERR_STRIATE_GRAPH",
    message: "sgd: gradient must have the shape [3, 4], got [4, 3]",
  },
];
