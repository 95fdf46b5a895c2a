/** Stochastic gradient descent, plain, with momentum, or Nesterov's. */
import { OptionError } from "../errors.js";
import type { Value } from "../graph/value.js";
import { sgdUpdate } from "../ops/sgd.js";
import { requireOptions, showValue } from "../shape/values.js";

/** How parameters follow their gradients. Its slots live in the State beside the parameters. */
export interface Optimizer {
  readonly name: string;
  /** Of the first epoch; fit's `learningRate` option can change it from epoch to epoch. */
  readonly learningRate: number;
  /** Tensors kept for each parameter, zero at first: "velocity". */
  readonly slots: readonly string[];
  /**
   * Emits the update of one parameter.
   * @param slots as many as `slots`, shaped like the parameter
   * @param decays false for biases and normalisation parameters, which weight decay leaves alone
   */
  update(
    parameter: Value,
    gradient: Value,
    slots: readonly Value[],
    decays: boolean,
  ): { readonly parameter: Value; readonly slots: readonly Value[] };
}

export interface SgdOptions {
  readonly learningRate: number;
  /** From 0 to below 1. Default 0. */
  readonly momentum?: number;
  /** Default false. */
  readonly nesterov?: boolean;
  /** L2 penalty on weights (not on biases, gamma and beta). Default 0. */
  readonly weightDecay?: number;
}

/**
 * PyTorch's SGD: velocity = momentum * velocity + gradient; parameter -= learningRate * velocity.
 * @throws OptionError for a learning rate that is not positive, or another option that is no number at all; GraphError for one out of range, when the step is built
 * @example
 * ```ts
 * await model.fit(train, { epochs: 10, optimizer: sgd({ learningRate: 0.05, momentum: 0.9 }), loss: "crossEntropy" });
 * ```
 */
export function sgd(options: SgdOptions): Optimizer {
  requireOptions("sgd", options);
  const { learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = options;
  checkLearningRate("sgd", learningRate);
  for (const [name, value] of Object.entries({ momentum, weightDecay })) {
    if (!Number.isFinite(value)) throw new OptionError(name, `sgd: ${name} must be a number, got ${showValue(value)}`);
  }
  if (typeof nesterov !== "boolean")
    throw new OptionError("nesterov", `sgd: nesterov must be true or false, got ${showValue(nesterov)}`);
  const slots = momentum > 0 ? ["velocity"] : [];
  return {
    name: "sgd",
    learningRate,
    slots,
    update(parameter, gradient, [velocity], decays) {
      const decay = decays ? weightDecay : 0;
      const updated = sgdUpdate(parameter, gradient, velocity, { momentum, nesterov, weightDecay: decay });
      return { parameter: updated.parameter, slots: updated.velocity ? [updated.velocity] : [] };
    },
  };
}

/** Throws unless a learning rate is positive and finite. */
export function checkLearningRate(owner: string, learningRate: number): number {
  if (!Number.isFinite(learningRate) || learningRate <= 0) {
    throw new OptionError("learningRate", `${owner}: learningRate must be positive, got ${showValue(learningRate)}`);
  }
  return learningRate;
}
