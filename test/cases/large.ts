/** Steps with enough work for two threads: a small case of each op, repeated along the batch. */
import type { OpName } from "../../lib/graph/opSchema.js";
import { sizeOf } from "../support/oracle/index.js";
import { normal } from "../support/random.js";
import type { StepCase } from "../support/stepCase.js";
import { rooms } from "./index.js";

/** The case with `times` as many rows. */
function repeated(stepCase: StepCase, times: number): StepCase {
  const more = <Spec extends { readonly shape: readonly number[]; readonly batched?: boolean }>(
    spec: Spec | undefined,
  ): Spec | undefined =>
    spec?.batched === true ? { ...spec, shape: [spec.shape[0]! * times, ...spec.shape.slice(1)] } : spec;
  return {
    ...stepCase,
    name: `${stepCase.name}, ${String(times)} times`,
    operands: stepCase.operands.map(more),
    results: stepCase.results.map(more),
    rows: stepCase.rows * times,
  };
}

function find(op: OpName, name: string): StepCase {
  const found = Object.values(rooms)
    .flatMap(({ cases }) => cases)
    .find((stepCase) => stepCase.op === op && stepCase.name === name);
  if (found === undefined) throw new Error(`large cases: ${op} has no case ${name}`);
  return found;
}

/** As often as it takes to have `elements` of them in the first batched tensor. */
function enlarged(op: OpName, name: string, elements: number): StepCase {
  const stepCase = find(op, name);
  const batched = [...stepCase.operands, ...stepCase.results].find((spec) => spec?.batched === true)!;
  return repeated(stepCase, Math.ceil(elements / sizeOf(batched.shape)));
}

/** Names of convolutions, one for each algorithm, with elements of x and of dy that make some 5 million products. */
const convolutions: readonly (readonly [name: string, x: number, dy: number])[] = [
  ["2 groups of 17 to 9", 70_000, 40_000],
  ["stride 2, wide", 500_000, 40_000],
  ["16 filters", 90_000, 250_000],
  ["1x1, 9 to 17 channels", 300_000, 600_000],
  ["depthwise, 17 channels", 600_000, 600_000],
  ["depthwise, stride 2, same, multiplier 2", 600_000, 300_000],
  ["im2col: 2 groups", 100_000, 150_000],
  ["winograd: 33 input channels", 300_000, 90_000],
  ["im2col: dilation [2, 1], asymmetric padding", 80_000, 130_000],
];

const convolutionOps: readonly OpName[] = ["conv2d", "conv2d.backwardInput", "conv2d.backwardFilter"];

/** Element-wise work is a fraction of a nanosecond each, and a step is split above 50 microseconds. */
const elementwise = 600_000;

const plain: readonly (readonly [op: OpName, name: string, elements: number])[] = [
  ["im2col", "9 channels", 100_000],
  ["col2im", "9 channels", 700_000],
  ["matmul", "31 columns", 100_000],
  ["matmul", "33 columns, b transposed", 200_000],
  ["matmul", "33 rows, a transposed", 400_000],
  ["maxPool2d", "17 channels", elementwise],
  ["maxPool2d.backward", "17 channels", elementwise],
  ["maxPool2d", "overlapping: 3, stride 2", elementwise],
  ["avgPool2d", "overlapping: 3, stride 2", elementwise],
  ["avgPool2d.backward", "overlapping: 3, stride 2", 200_000],
  ["avgPool2d", "global", elementwise],
  ["batchNorm.inference", "9 channels", elementwise],
  ["batchNorm.inferenceBackward", "17 channels", elementwise],
  ["batchNorm.train", "17 channels", elementwise],
  ["batchNorm.train", "3 channels", elementwise],
  ["batchNorm.trainBackward", "17 channels", elementwise],
  ["batchNorm.trainBackward", "5 channels", elementwise],
  ["add", "9 channels", elementwise],
  ["copy", "9 channels", 1_500_000],
  ["rescale", "u8, 9 channels", elementwise],
  ["rescale", "f32, 5 channels", elementwise],
  ["channelSum", "9 channels", elementwise],
  ["channelSum", "33 channels", elementwise],
  ["activation", "sigmoid, 9 channels", elementwise],
  ["activation", "relu, 9 channels", elementwise],
  ["activation.backward", "tanh, 9 channels", elementwise],
  ["softmax", "10 classes", 300_000],
  ["softmax.backward", "10 classes", elementwise],
  ["softmaxCrossEntropy", "10 classes", 300_000],
  ["softmaxCrossEntropy.backward", "10 classes", elementwise],
  ["meanSquaredError", "17 channels", elementwise],
  ["meanSquaredError.backward", "17 channels", elementwise],
  ["fill", "seventeen", 1_500_000],
  ["filter2d", "sparse", 300_000],
  ["filter2d", "2 terms, sparse", 300_000],
  ["filter2d.backwardInput", "sparse", 300_000],
  ["filter2d.backwardKernel", "sparse", 300_000],
];

const parameters = { shape: [600_000], values: normal };
const sgd: StepCase = {
  ...find("sgd", "nesterov"),
  name: "nesterov, 600000 numbers",
  operands: [parameters, parameters, parameters],
  results: [parameters, parameters],
};

export const largeCases: readonly StepCase[] = [
  ...convolutions.flatMap(([name, x, dy]) =>
    convolutionOps.map((op) => enlarged(op, name, op === "conv2d.backwardInput" ? dy : x)),
  ),
  ...plain.map(([op, name, elements]) => enlarged(op, name, elements)),
  sgd,
];

/** Ops that work on one vector of channels: never worth a second thread. */
export const serialOps: readonly OpName[] = ["batchNorm.updateStatistics", "batchNorm.fold"];
