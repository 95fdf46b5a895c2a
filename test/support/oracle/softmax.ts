/** Softmax along the last axis, and softmax cross-entropy on top of it. */
import {
  type Bounded,
  channelsOf,
  flushed,
  type Oracle,
  pixelsOf,
  type Rounding,
  type Tensor,
  zeros,
} from "./tensor.js";

interface SoftmaxRow {
  readonly probabilities: readonly number[];
  /** Relative errors of the probabilities. */
  readonly relative: readonly number[];
  readonly logSumExp: number;
  /** Absolute error of logSumExp. */
  readonly logError: number;
}

function softmaxRow(x: Tensor, row: number, rounding: Rounding): SoftmaxRow {
  const channels = channelsOf(x);
  const values = x.data.subarray(row * channels, (row + 1) * channels);
  let maximum = -Infinity;
  for (const value of values) maximum = Number.isNaN(value) || Number.isNaN(maximum) ? NaN : Math.max(maximum, value);
  const exponentials = Array.from(values, (value) => Math.exp(value - maximum));
  const total = exponentials.reduce((sum, value) => sum + value, 0);
  // exp is good to 2 units and turns the rounding of its argument, unit * |x - maximum|, into a relative error
  const argument = Array.from(values, (value, i) =>
    exponentials[i] === 0 ? 0 : Math.abs(value - maximum) * rounding.store,
  );
  const relativeTotal =
    channels * rounding.sum +
    4 * rounding.store +
    exponentials.reduce((sum, value, i) => sum + (value === 0 ? 0 : value * argument[i]!), 0) / total;
  return {
    probabilities: exponentials.map((value) => value / total),
    relative: argument.map((error) => error + 5 * rounding.store + relativeTotal),
    logSumExp: maximum + Math.log(total),
    logError: relativeTotal + 3 * rounding.store * (Math.abs(maximum) + Math.log(total)),
  };
}

function softmaxOf(x: Tensor, rounding: Rounding): Bounded {
  const y = zeros(x.shape);
  const channels = channelsOf(x);
  for (let row = 0; row < pixelsOf(x); row++) {
    const { probabilities, relative } = softmaxRow(x, row, rounding);
    for (let c = 0; c < channels; c++) {
      y.data[row * channels + c] = probabilities[c]!;
      y.tolerance[row * channels + c] = relative[c]! * probabilities[c]! + flushed;
    }
  }
  return y;
}

export const softmax: Oracle = ([x], _attributes, { rounding }) => [softmaxOf(x!, rounding)];

export const softmaxBackward: Oracle = ([y, dy], _attributes, { rounding }) => {
  const dx = zeros(y!.shape);
  const channels = channelsOf(y!);
  for (let row = 0; row < pixelsOf(y!); row++) {
    let inner = 0;
    let magnitude = 0;
    for (let i = row * channels; i < (row + 1) * channels; i++) {
      inner += y!.data[i]! * dy!.data[i]!;
      magnitude += Math.abs(y!.data[i]! * dy!.data[i]!);
    }
    for (let i = row * channels; i < (row + 1) * channels; i++) {
      dx.data[i] = y!.data[i]! * (dy!.data[i]! - inner);
      const error =
        (channels + 1) * rounding.sum * magnitude + 3 * rounding.store * (Math.abs(dy!.data[i]!) + Math.abs(inner));
      dx.tolerance[i] = Math.abs(y!.data[i]!) * error + flushed;
    }
  }
  return [dx];
};

export const softmaxCrossEntropy: Oracle = ([logits, labels], _attributes, { rounding }) => {
  const loss = zeros([1]);
  const pixels = pixelsOf(logits!);
  const channels = channelsOf(logits!);
  let magnitude = 0;
  for (let row = 0; row < pixels; row++) {
    const { logSumExp, logError } = softmaxRow(logits!, row, rounding);
    const chosen = logits!.data[row * channels + labels!.data[row]!]!;
    loss.data[0]! += (logSumExp - chosen) / pixels;
    loss.tolerance[0]! += (logError + 2 * rounding.store * (Math.abs(logSumExp) + Math.abs(chosen))) / pixels;
    magnitude += Math.abs(logSumExp - chosen) / pixels;
  }
  loss.tolerance[0]! += (pixels * rounding.sum + 2 * rounding.store) * magnitude;
  return [loss, softmaxOf(logits!, rounding)];
};

export const softmaxCrossEntropyBackward: Oracle = ([probabilities, labels, dloss], _attributes, { rounding }) => {
  const dlogits = zeros(probabilities!.shape);
  const pixels = pixelsOf(probabilities!);
  const channels = channelsOf(probabilities!);
  for (let i = 0; i < dlogits.data.length; i++) {
    const hot = labels!.data[Math.floor(i / channels)] === i % channels ? 1 : 0;
    const scale = dloss!.data[0]! / pixels;
    dlogits.data[i] = (probabilities!.data[i]! - hot) * scale;
    dlogits.tolerance[i] = 4 * rounding.store * Math.abs(dlogits.data[i]!) + flushed;
  }
  return [dlogits];
};
