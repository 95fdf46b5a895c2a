/** PyTorch's SGD with momentum, Nesterov and weight decay. */
import { flushed, type Oracle, zeros } from "./tensor.js";

export const sgd: Oracle = ([parameter, gradient, velocity], attributes, { rounding, learningRate }) => {
  const momentum = attributes["momentum"]!;
  const nesterov = attributes["nesterov"] === 1;
  const weightDecay = attributes["weightDecay"]!;
  const newParameter = zeros(parameter!.shape);
  const newVelocity = zeros(parameter!.shape);
  for (let i = 0; i < newParameter.data.length; i++) {
    const g = gradient!.data[i]! + weightDecay * parameter!.data[i]!;
    const gTerms = Math.abs(gradient!.data[i]!) + Math.abs(weightDecay * parameter!.data[i]!);
    const v = momentum * (velocity?.data[i] ?? 0) + g;
    const vTerms = Math.abs(momentum * (velocity?.data[i] ?? 0)) + gTerms;
    const direction = velocity === undefined ? g : nesterov ? g + momentum * v : v;
    const terms = velocity === undefined ? gTerms : nesterov ? gTerms + momentum * vTerms : vTerms;
    newVelocity.data[i] = v;
    newVelocity.tolerance[i] = 5 * rounding.store * vTerms + flushed;
    newParameter.data[i] = parameter!.data[i]! - learningRate * direction;
    newParameter.tolerance[i] =
      9 * rounding.store * learningRate * terms + rounding.store * Math.abs(newParameter.data[i]!) + flushed;
  }
  return velocity === undefined ? [newParameter] : [newParameter, newVelocity];
};
