/** Batch normalisation: training, inference, gradients, running statistics, folding. */
import { batchNorm, batchNormTrain } from "../../lib/ops/index.js";
import {
  constant,
  type Distribution,
  normal,
  offsetBy,
  positive,
  scaled,
  sprinkled,
  symmetric,
} from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { OperandSpec, StepCase } from "../support/stepCase.js";

const epsilon = 1e-5;

interface Normalised {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values?: Distribution;
  readonly mean?: Distribution;
  readonly epsilon?: number;
  readonly activation?: number;
  readonly slope?: number;
}

const table: readonly Normalised[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33].map((channels): Normalised => ({
    name: `${String(channels)} channels`,
    shape: [3, 4, 5, channels],
  })),
  { name: "features only", shape: [6, 9] },
  { name: "two values per channel", shape: [3, 1, 1, 5] },
  { name: "many pixels", shape: [3, 13, 17, 6] },
  { name: "epsilon 0.1", shape: [3, 4, 3, 8], epsilon: 0.1 },
  { name: "a mean of 1000", shape: [3, 6, 5, 9], values: offsetBy(1000), mean: offsetBy(1000) },
  { name: "a mean of -30000", shape: [3, 4, 5, 4], values: offsetBy(-30000), mean: offsetBy(-30000) },
  { name: "tiny values", shape: [3, 4, 5, 5], values: scaled(1e-4) },
  { name: "large values", shape: [3, 4, 5, 5], values: scaled(1e4) },
  { name: "constant", shape: [3, 3, 3, 4], values: constant(0.75) },
];
const fused: readonly Normalised[] = [
  { name: "relu", shape: [3, 4, 5, 9], activation: 1 },
  { name: "leaky relu", shape: [3, 4, 5, 7], activation: 2, slope: 0.2 },
  { name: "sigmoid", shape: [3, 4, 5, 8], activation: 3 },
  { name: "tanh", shape: [3, 4, 5, 3], activation: 4 },
  { name: "relu6", shape: [3, 4, 5, 9], activation: 5 },
];

function perChannel(channels: number, values: Distribution): OperandSpec {
  return { shape: [channels], values, parameter: true };
}

function variants(c: Normalised, forwardOnly: boolean): StepCase[] {
  const channels = c.shape[c.shape.length - 1]!;
  const rows = c.shape[0]!;
  const x: OperandSpec = { shape: c.shape, batched: true, values: c.values ?? normal };
  const dy: OperandSpec = { shape: c.shape, batched: true, values: normal };
  const gamma = perChannel(channels, symmetric);
  const beta = perChannel(channels, normal);
  const mean = perChannel(channels, c.mean ?? symmetric);
  const variance = perChannel(channels, positive);
  const statistics = [{ shape: [channels] }, { shape: [channels] }];
  const attributes = { epsilon: c.epsilon ?? epsilon, activation: c.activation ?? 0, slope: c.slope ?? 0 };
  const backward = { epsilon: c.epsilon ?? epsilon };
  const options = { epsilon: c.epsilon ?? epsilon };
  // the batch's own statistics are operands of trainBackward, so any will do for the kernel
  const given = [x, gamma, mean, variance, dy];
  const forward: StepCase[] = [
    {
      name: c.name,
      op: "batchNorm.inference",
      operands: [x, gamma, beta, mean, variance],
      results: [x],
      attributes,
      rows,
      inPlace: [[0, 0]],
      ...(forwardOnly
        ? {}
        : { build: ([v, g, b, m, s]) => batchNorm(v!, { gamma: g!, beta: b!, mean: m!, variance: s! }, options) }),
    },
    {
      name: c.name,
      op: "batchNorm.train",
      operands: [x, gamma, beta],
      results: [x, ...statistics],
      attributes,
      rows,
      ...(forwardOnly
        ? {}
        : {
            build: ([v, g, b]) => {
              const result = batchNormTrain(v!, { gamma: g!, beta: b! }, options);
              return [result.y, result.mean, result.variance];
            },
          }),
    },
  ];
  if (forwardOnly) return forward;
  return [
    ...forward,
    {
      name: c.name,
      op: "batchNorm.inferenceBackward",
      operands: given,
      results: [x, ...statistics],
      attributes: backward,
      rows,
    },
    {
      name: c.name,
      op: "batchNorm.trainBackward",
      operands: [...given, undefined],
      results: [x, ...statistics, undefined],
      attributes: { ...backward, activation: 0, slope: 0 },
      rows,
      inPlace: [[0, 4]],
    },
  ];
}

/** The training gradient with what fusion adds: that of an activation behind the norm, and the channel sums of dx. */
function fusedBackward(c: Normalised, sums: boolean): StepCase {
  const channels = c.shape[c.shape.length - 1]!;
  const { activation = 0, slope = 0 } = c;
  const x: OperandSpec = { shape: c.shape, batched: true, values: c.values ?? normal };
  return {
    name: `${c.name}, fused${sums ? ", sums" : ""}`,
    op: "batchNorm.trainBackward",
    operands: [
      x,
      perChannel(channels, symmetric),
      perChannel(channels, c.mean ?? symmetric),
      perChannel(channels, positive),
      { ...x, values: normal },
      activation === 0 ? undefined : perChannel(channels, normal),
    ],
    results: [x, { shape: [channels] }, { shape: [channels] }, sums ? { shape: [channels] } : undefined],
    attributes: { epsilon, activation, slope },
    rows: c.shape[0]!,
    inPlace: [[0, 4]],
  };
}
const fusedBackwards: readonly Normalised[] = [
  ...fused,
  ...[1, 2, 3, 5, 8, 17, 33].map((channels): Normalised => ({
    name: `${String(channels)} channels, relu`,
    shape: [3, 4, 5, channels],
    activation: 1,
  })),
  { name: "many pixels, relu", shape: [3, 33, 37, 6], activation: 1 },
  {
    name: "a mean of 1000, leaky relu",
    shape: [3, 6, 5, 9],
    activation: 2,
    slope: 0.1,
    values: offsetBy(1000),
    mean: offsetBy(1000),
  },
];

function updates(): StepCase[] {
  const of = (name: string, channels: number, rows: number, pixelsPerRow: number, momentum: number): StepCase => ({
    name,
    op: "batchNorm.updateStatistics",
    operands: [
      { shape: [channels], values: normal },
      { shape: [channels], values: positive },
      { shape: [channels], values: normal },
      { shape: [channels], values: positive },
    ],
    results: [{ shape: [channels] }, { shape: [channels] }],
    attributes: { momentum, pixelsPerRow },
    rows,
    live: rows > 1 && (rows - 1) * pixelsPerRow > 1 ? [rows, rows - 1] : [rows],
  });
  return [
    ...[1, 3, 4, 7, 8, 9, 16, 17, 33].map((channels) => of(`${String(channels)} channels`, channels, 4, 6, 0.1)),
    of("momentum 1: the batch alone", 5, 2, 3, 1),
    of("momentum 0: nothing changes", 5, 2, 3, 0),
    of("two values: variance doubles", 5, 2, 1, 0.25),
    of("one value: nothing to unbias", 5, 1, 1, 0.25),
  ];
}

function folds(): StepCase[] {
  const of = (name: string, channels: number, bias: boolean): StepCase => {
    return {
      name,
      op: "batchNorm.fold",
      operands: [
        bias ? perChannel(channels, normal) : undefined,
        perChannel(channels, symmetric),
        perChannel(channels, normal),
        perChannel(channels, normal),
        perChannel(channels, positive),
      ],
      results: [{ shape: [channels] }, { shape: [channels] }],
      attributes: { epsilon },
      rows: 1,
    };
  };
  return [...[1, 3, 4, 7, 8, 9, 17].map((out) => of(`${String(out)} filters`, out, true)), of("no bias", 9, false)];
}

// A mean of infinities may be infinite or NaN, as its algorithm goes, so only NaN here.
const notANumber: Normalised = {
  name: "NaN",
  shape: [3, 4, 5, 9],
  values: sprinkled(normal, NaN),
};

export const cases: readonly StepCase[] = [
  ...table.flatMap((c) => variants(c, false)),
  ...fused.flatMap((c) => variants(c, true)),
  ...fusedBackwards.flatMap((c) => [false, true].map((sums) => fusedBackward(c, sums))),
  ...[table[0]!, table[5]!].map((c) => fusedBackward(c, true)),
  ...variants(notANumber, true),
  ...updates(),
  ...folds(),
];

const channels3 = placeholder([3]);
export const errors: readonly ErrorCase[] = [
  {
    name: "gamma of the wrong size",
    build: () => batchNormTrain(placeholder([2, 4, 4, 5], { batched: true }), { gamma: channels3, beta: channels3 }),
    code: "ERR_STRIATE_GRAPH",
    message: "batchNorm: gamma must have the shape [5], got [3]",
  },
  {
    name: "epsilon 0",
    build: () =>
      batchNormTrain(
        placeholder([2, 4, 4, 3], { batched: true }),
        { gamma: channels3, beta: channels3 },
        { epsilon: 0 },
      ),
    code: "ERR_STRIATE_GRAPH",
    message: "batchNorm: epsilon must be positive, got 0",
  },
];
