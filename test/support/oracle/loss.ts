/** Mean squared error. (Cross-entropy lives with softmax.) */
import { flushed, type Oracle, zeros } from "./tensor.js";

export const meanSquaredError: Oracle = ([prediction, target], _attributes, { rounding }) => {
  const loss = zeros([1]);
  const count = prediction!.data.length;
  for (let i = 0; i < count; i++) loss.data[0]! += (prediction!.data[i]! - target!.data[i]!) ** 2 / count;
  loss.tolerance[0] = (count * rounding.sum + 6 * rounding.store) * loss.data[0]! + count * flushed;
  return [loss];
};

export const meanSquaredErrorBackward: Oracle = ([prediction, target, dloss], _attributes, { rounding }) => {
  const result = zeros(prediction!.shape);
  for (let i = 0; i < result.data.length; i++) {
    result.data[i] = (2 * (prediction!.data[i]! - target!.data[i]!) * dloss!.data[0]!) / result.data.length;
    result.tolerance[i] = 5 * rounding.store * Math.abs(result.data[i]!) + flushed;
  }
  return [result];
};
