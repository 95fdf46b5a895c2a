/** add, copy, fill, rescale, channelSum. */
import { epilogue } from "./activation.js";
import { sumChannels } from "./channelSums.js";
import { flushed, type Oracle, zeros } from "./tensor.js";

export const add: Oracle = ([a, b], attributes, { rounding }) => {
  const y = zeros(a!.shape);
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = a!.data[i]! + b!.data[i]!;
    y.tolerance[i] = rounding.store * Math.abs(y.data[i]!) + flushed;
  }
  return [epilogue(y, attributes, rounding)];
};

export const copy: Oracle = ([x]) => {
  const y = zeros(x!.shape);
  y.data.set(x!.data);
  return [y];
};

export const fill: Oracle = (_, attributes, { shapes }) => {
  const y = zeros(shapes[0]!);
  y.data.fill(Math.fround(attributes["value"]!));
  return [y];
};

export const rescale: Oracle = ([x], attributes, { rounding }) => {
  const scale = attributes["scale"]!;
  const offset = attributes["offset"]!;
  const y = zeros(x!.shape);
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = x!.data[i]! * scale + offset;
    // scale and offset are doubles: their conversion, the product and the sum round once each
    y.tolerance[i] = 3 * rounding.store * (Math.abs(x!.data[i]! * scale) + Math.abs(offset)) + flushed;
  }
  return [y];
};

export const channelSum: Oracle = ([x], _attributes, { rounding }) => [sumChannels(x!, rounding)];
