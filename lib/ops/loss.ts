/** Losses: means over the live rows, shape [1]. */
import { GraphError } from "../errors.js";
import { makeNode, type OpDefinition, type Value } from "../graph/value.js";
import { showShape, sizeOf } from "../shape/values.js";
import { makeOne, requireF32, requireShape, secondOrder } from "./define.js";

const crossEntropyBackwardDefinition: OpDefinition = {
  name: "softmaxCrossEntropy.backward",
  gradient: secondOrder,
};
const crossEntropyDefinition: OpDefinition = {
  name: "softmaxCrossEntropy",
  gradient: ({ operands: [logits, labels], results: [, probabilities] }, [dloss, dProbabilities]) => {
    if (dProbabilities !== undefined) {
      throw new GraphError("softmaxCrossEntropy: its probabilities have no gradient; use softmax()");
    }
    return [
      makeOne(crossEntropyBackwardDefinition, [probabilities, labels, dloss], {}, logits!.shape, logits!.batched),
      undefined,
    ];
  },
  flops: ([logits]) => 5 * sizeOf(logits!),
};

const squaredErrorBackwardDefinition: OpDefinition = {
  name: "meanSquaredError.backward",
  gradient: secondOrder,
};
const squaredErrorDefinition: OpDefinition = {
  name: "meanSquaredError",
  // The loss is symmetric, so the target's gradient is the same op with the operands exchanged.
  gradient: ({ operands: [prediction, target] }, [dloss]) => [
    makeOne(squaredErrorBackwardDefinition, [prediction, target, dloss], {}, prediction!.shape, prediction!.batched),
    makeOne(squaredErrorBackwardDefinition, [target, prediction, dloss], {}, target!.shape, target!.batched),
  ],
  flops: ([prediction]) => 3 * sizeOf(prediction!),
};

export const lossDefinitions = [
  crossEntropyDefinition,
  crossEntropyBackwardDefinition,
  squaredErrorDefinition,
  squaredErrorBackwardDefinition,
];

/**
 * Cross-entropy of a softmax, in the log-sum-exp form that cannot overflow.
 * @param logits [rows, ..., classes]
 * @param labels i32 [rows, ...]: class numbers; one out of range is an error of the run
 * @returns loss [1], the mean over all labels; probabilities like logits
 */
export function softmaxCrossEntropy(logits: Value, labels: Value): { loss: Value; probabilities: Value } {
  requireF32("softmaxCrossEntropy", "logits", logits);
  const expected = logits.shape.slice(0, -1);
  if (labels.dtype !== "i32") throw new GraphError(`softmaxCrossEntropy: labels must be i32, got ${labels.dtype}`);
  if (showShape(labels.shape) !== showShape(expected) || labels.batched !== logits.batched) {
    throw new GraphError(
      `softmaxCrossEntropy: labels must have the shape ${showShape(expected)} (logits ${showShape(logits.shape)}), got ${showShape(labels.shape)}`,
    );
  }
  const results = [
    { shape: [1], batched: false },
    { shape: logits.shape, batched: logits.batched },
  ];
  const [loss, probabilities] = makeNode(crossEntropyDefinition, [logits, labels], {}, results);
  return { loss: loss!, probabilities: probabilities! };
}

/** The mean of (prediction - target)^2 over all live elements. @returns [1] */
export function meanSquaredError(prediction: Value, target: Value): Value {
  requireF32("meanSquaredError", "prediction", prediction);
  requireShape("meanSquaredError", "target", target, prediction.shape);
  if (prediction.batched !== target.batched)
    throw new GraphError("meanSquaredError: both operands must be batched, or none");
  return makeOne(squaredErrorDefinition, [prediction, target], {}, [1], false);
}
