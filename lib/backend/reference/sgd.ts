/** Stochastic gradient descent with PyTorch's momentum, in place on State. */
import type { Attributes, KernelContext, Operands, ReferenceKernel } from "./kernel.js";
import { indexOf } from "./tensor.js";

/**
 * g = gradient + weightDecay * parameter; velocity = momentum * velocity + g;
 * parameter -= learningRate * (nesterov ? g + momentum * velocity : velocity). Without velocity: learningRate * g.
 */
function run(
  { parameter, gradient, velocity, newParameter, newVelocity }: Operands<"sgd">,
  { momentum, nesterov, weightDecay }: Attributes<"sgd">,
  { learningRate }: KernelContext,
): void {
  const elements = parameter.pixels * parameter.channels;
  for (let i = 0; i < elements; i++) {
    const value = parameter.data[indexOf(parameter, i)]!;
    const g = gradient.data[indexOf(gradient, i)]! + weightDecay * value;
    let step = g;
    if (velocity !== undefined && newVelocity !== undefined) {
      const v = momentum * velocity.data[indexOf(velocity, i)]! + g;
      newVelocity.data[indexOf(newVelocity, i)] = v;
      step = nesterov !== 0 ? g + momentum * v : v;
    }
    newParameter.data[indexOf(newParameter, i)] = value - learningRate * step;
  }
}

export const sgdKernel: ReferenceKernel<"sgd"> = { run };
