/** Activations, element by element. */
import type { ActivationKind } from "../graph/opSchema.js";
import type { OpDefinition, Value } from "../graph/value.js";
import { requireOptions } from "../shape/values.js";
import { epilogue, makeOne, requireF32, requireNumber, secondOrder } from "./define.js";

/** The lecture's slope of leaky ReLU; PyTorch's default is 0.01, Keras's 0.3. */
export const DEFAULT_LEAKY_SLOPE = 0.1;

const backwardDefinition: OpDefinition = { name: "activation.backward", gradient: secondOrder };
const definition: OpDefinition = {
  name: "activation",
  gradient: ({ results: [y], attributes }, [dy]) => [
    makeOne(backwardDefinition, [y, dy], attributes, y!.shape, y!.batched),
  ],
};

export const activationDefinitions = [definition, backwardDefinition];

function activation(x: Value, kind: ActivationKind, slope = 0): Value {
  requireF32(kind, "x", x);
  return makeOne(definition, [x], epilogue(kind, slope), x.shape, x.batched);
}

/** max(x, 0); NaN stays NaN. Its gradient at 0 is 0. */
export function relu(x: Value): Value {
  return activation(x, "relu");
}

/** max(x, 0) up to 6: MobileNetV2's. NaN stays NaN; the gradient at 0 and at 6 is 0. */
export function relu6(x: Value): Value {
  return activation(x, "relu6");
}

/**
 * x where x > 0, else slope * x.
 * @param options.slope from 0 on, since the gradient reads the sign of the result. Default 0.1.
 */
export function leakyRelu(x: Value, options: { readonly slope?: number } = {}): Value {
  requireOptions("leakyRelu", options);
  const { slope = DEFAULT_LEAKY_SLOPE } = options;
  requireNumber("leakyRelu", "slope", slope, "0 or more", (value) => value >= 0 && value !== Infinity);
  return activation(x, "leakyRelu", slope);
}

/** 1 / (1 + exp(-x)) */
export function sigmoid(x: Value): Value {
  return activation(x, "sigmoid");
}

/** The hyperbolic tangent. */
export function tanh(x: Value): Value {
  return activation(x, "tanh");
}
