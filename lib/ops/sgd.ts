/** The update of stochastic gradient descent, one parameter at a time. */
import { GraphError } from "../errors.js";
import { makeNode, type OpDefinition, type Value } from "../graph/value.js";
import { sizeOf } from "../shape/values.js";
import { requireNumber, requireShape } from "./define.js";

const definition: OpDefinition = {
  name: "sgd",
  gradient: { none: "it updates the State" },
  flops: ([parameter, , velocity]) => (velocity === undefined ? 2 : 4) * sizeOf(parameter!),
};

export const sgdDefinitions = [definition];

export interface SgdOpOptions {
  /** Default 0. */
  readonly momentum?: number;
  /** Looks ahead along the velocity; needs momentum. Default false. */
  readonly nesterov?: boolean;
  /** Adds weightDecay * parameter to the gradient. Default 0. */
  readonly weightDecay?: number;
}

/**
 * PyTorch's SGD (dampening 0). The learning rate is an argument of the run.
 * @param velocity a State tensor that starts at zero; needed where momentum is not 0
 * @returns Values that must update the State tensors of parameter and velocity
 * @throws GraphError where an option is out of range
 */
export function sgdUpdate(
  parameter: Value,
  gradient: Value,
  velocity: Value | undefined,
  options: SgdOpOptions = {},
): { parameter: Value; velocity: Value | undefined } {
  const { momentum = 0, nesterov = false, weightDecay = 0 } = options;
  requireNumber("sgd", "momentum", momentum, "from 0 to below 1", (value) => value >= 0 && value < 1);
  requireNumber("sgd", "weightDecay", weightDecay, "0 or more", (value) => value >= 0 && value !== Infinity);
  if (nesterov && momentum === 0) throw new GraphError("sgd: nesterov needs a momentum above 0, got 0");
  if (momentum > 0 !== (velocity !== undefined)) {
    throw new GraphError(`sgd: velocity must be given exactly where momentum is above 0, got momentum ${momentum}`);
  }
  requireShape("sgd", "gradient", gradient, parameter.shape);
  if (velocity !== undefined) requireShape("sgd", "velocity", velocity, parameter.shape);
  const result = { shape: parameter.shape, batched: false };
  const attributes = { momentum, nesterov: nesterov ? 1 : 0, weightDecay };
  const results = makeNode(
    definition,
    [parameter, gradient, velocity],
    attributes,
    velocity ? [result, result] : [result],
  );
  return { parameter: results[0]!, velocity: results[1] };
}
