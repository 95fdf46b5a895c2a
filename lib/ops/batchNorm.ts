/** Batch normalisation with PyTorch's meaning: biased variance normalises, unbiased variance is remembered. */
import { GraphError } from "../errors.js";
import { makeNode, type Attributes, type OpDefinition, type Value } from "../graph/value.js";
import { isPositive, sizeOf } from "../shape/values.js";
import { epilogue, makeOne, requireF32, requireNumber, requireShape, secondOrder } from "./define.js";

/** (x - mean) * scale + shift, an inverse square root per channel aside. */
const flopsPerElement = 2;

const inferenceBackwardDefinition: OpDefinition = {
  name: "batchNorm.inferenceBackward",
  gradient: secondOrder,
  flops: ([x]) => 5 * sizeOf(x!),
};
const trainBackwardDefinition: OpDefinition = {
  name: "batchNorm.trainBackward",
  gradient: secondOrder,
  flops: ([x]) => 9 * sizeOf(x!),
};

/** dx like x, dgamma and dbeta like gamma. */
function emitBackward(definition: OpDefinition, operands: readonly Value[], attributes: Attributes): readonly Value[] {
  const [x, gamma] = operands as [Value, Value];
  const perChannel = { shape: gamma.shape, batched: false };
  const results = [{ shape: x.shape, batched: x.batched }, perChannel, perChannel];
  return makeNode(definition, operands, attributes, results);
}

const inferenceDefinition: OpDefinition = {
  name: "batchNorm.inference",
  gradient: (node, [dy]) => {
    const [x, gamma, , mean, variance] = node.operands as Value[];
    const epsilon = node.attributes["epsilon"]!;
    return [...emitBackward(inferenceBackwardDefinition, [x!, gamma!, mean!, variance!, dy!], { epsilon })];
  },
  flops: ([x]) => flopsPerElement * sizeOf(x!),
};

const trainDefinition: OpDefinition = {
  name: "batchNorm.train",
  gradient: (node, [dy, dMean, dVariance]) => {
    if (dMean !== undefined || dVariance !== undefined) {
      throw new GraphError("batchNorm: the batch statistics have no gradient; they only update the running ones");
    }
    const [x, gamma] = node.operands as Value[];
    const [, mean, variance] = node.results;
    const attributes = { epsilon: node.attributes["epsilon"]!, ...epilogue() };
    return [...emitBackward(trainBackwardDefinition, [x!, gamma!, mean!, variance!, dy!], attributes)];
  },
  flops: ([x]) => (flopsPerElement + 3) * sizeOf(x!),
};

const updateStatisticsDefinition: OpDefinition = {
  name: "batchNorm.updateStatistics",
  gradient: { none: "it updates the State" },
};

/** Made by the fusion pass only; listed so that explain() knows it. */
const foldDefinition: OpDefinition = {
  name: "batchNorm.fold",
  gradient: { none: "folding comes after differentiation" },
};

export const batchNormDefinitions = [
  inferenceDefinition,
  inferenceBackwardDefinition,
  trainDefinition,
  trainBackwardDefinition,
  updateStatisticsDefinition,
  foldDefinition,
];

export interface BatchNormParameters {
  /** Scale, shape [channels]. */
  readonly gamma: Value;
  /** Shift, shape [channels]. */
  readonly beta: Value;
}

function checkParameters(op: string, x: Value, parameters: Readonly<Record<string, Value>>): void {
  requireF32(op, "x", x);
  for (const [name, value] of Object.entries(parameters)) requireShape(op, name, value, [x.shape.at(-1)!]);
}

/**
 * Normalises each channel (the last dimension) by given statistics.
 * @returns act like x
 */
export function batchNorm(
  x: Value,
  parameters: BatchNormParameters & { readonly mean: Value; readonly variance: Value },
  options: { readonly epsilon?: number } = {},
): Value {
  const { gamma, beta, mean, variance } = parameters;
  checkParameters("batchNorm", x, { gamma, beta, mean, variance });
  const attributes = { epsilon: checkEpsilon(options.epsilon), ...epilogue() };
  return makeOne(inferenceDefinition, [x, gamma, beta, mean, variance], attributes, x.shape, x.batched);
}

/**
 * Normalises each channel by the mean and the biased variance of the live rows.
 * @returns y like x; mean and variance [channels], to be given to updateStatistics
 */
export function batchNormTrain(
  x: Value,
  parameters: BatchNormParameters,
  options: { readonly epsilon?: number } = {},
): { y: Value; mean: Value; variance: Value } {
  const { gamma, beta } = parameters;
  checkParameters("batchNorm", x, { gamma, beta });
  const attributes = { epsilon: checkEpsilon(options.epsilon), ...epilogue() };
  const perChannel = { shape: gamma.shape, batched: false };
  const results = [{ shape: x.shape, batched: x.batched }, perChannel, perChannel];
  const [y, mean, variance] = makeNode(trainDefinition, [x, gamma, beta], attributes, results);
  return { y: y!, mean: mean!, variance: variance! };
}

/**
 * The new running statistics: (1 - momentum) * running + momentum * batch, the variance unbiased.
 * @param options.pixelsPerRow values of each channel in one row of the batch: height * width
 * @returns Values that must update the State tensors `runningMean` and `runningVariance`
 */
export function updateStatistics(
  batch: { readonly mean: Value; readonly variance: Value },
  running: { readonly mean: Value; readonly variance: Value },
  options: { readonly momentum?: number; readonly pixelsPerRow: number },
): { mean: Value; variance: Value } {
  const { momentum = 0.1, pixelsPerRow } = options;
  const shape = batch.mean.shape;
  for (const value of [batch.variance, running.mean, running.variance]) {
    requireShape("batchNorm.updateStatistics", "statistics", value, shape);
  }
  requireNumber("batchNorm", "momentum", momentum, "from 0 to 1", (value) => value >= 0 && value <= 1);
  requireNumber("batchNorm", "pixelsPerRow", pixelsPerRow, "a positive whole number", isPositive);
  const result = { shape, batched: false };
  const [mean, variance] = makeNode(
    updateStatisticsDefinition,
    [batch.mean, batch.variance, running.mean, running.variance],
    { momentum, pixelsPerRow },
    [result, result],
  );
  return { mean: mean!, variance: variance! };
}

function checkEpsilon(epsilon = 1e-5): number {
  requireNumber("batchNorm", "epsilon", epsilon, "positive", (value) => value > 0 && value !== Infinity);
  return epsilon;
}
