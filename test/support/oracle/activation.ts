/** Activations, alone and as the epilogue of another op. */
import { withChannelSums } from "./channelSums.js";
import { type Attributes, type Bounded, flushed, type Oracle, type Rounding, zeros } from "./tensor.js";

/** 0 none, 1 relu, 2 leaky relu, 3 sigmoid, 4 tanh, 5 relu6: the codes of the schema. */
export function activate(kind: number, slope: number, x: number): number {
  if (kind === 0) return x;
  if (kind === 1) return x < 0 ? 0 : x;
  if (kind === 2) return x < 0 ? slope * x : x;
  if (kind === 3) return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
  if (kind === 4) return Math.tanh(x);
  if (kind === 5) return x < 0 ? 0 : x > 6 ? 6 : x;
  throw new Error(`oracle: no activation ${String(kind)}`);
}

/** The derivative, from the value y = act(x): at a kink it is the slope of the outer side. */
export function slopeAt(kind: number, slope: number, y: number): number {
  if (kind === 0) return 1;
  if (kind === 1) return y <= 0 ? 0 : 1;
  if (kind === 2) return y <= 0 ? slope : 1;
  if (kind === 3) return y * (1 - y);
  if (kind === 4) return 1 - y * y;
  if (kind === 5) return y <= 0 || y >= 6 ? 0 : 1;
  throw new Error(`oracle: no activation ${String(kind)}`);
}

/** How much the activation can stretch an error of its argument. */
function stretch(kind: number, slope: number): number {
  return kind === 2 ? Math.max(1, Math.abs(slope)) : kind === 3 ? 0.25 : 1;
}

/** exp is good to 2 units, and sigmoid and tanh add a division and two additions to it. */
const transcendental = 6;

/** Applies the epilogue to `pre` in place; `pre.tolerance` is the error before it. */
export function epilogue(pre: Bounded, attributes: Attributes, rounding: Rounding): Bounded {
  const kind = attributes["activation"] ?? 0;
  const slope = attributes["slope"] ?? 0;
  if (kind === 0) return pre;
  for (let i = 0; i < pre.data.length; i++) {
    const y = activate(kind, slope, pre.data[i]!);
    const clipped = kind === 1 || kind === 5;
    if ((clipped && pre.data[i]! < -pre.tolerance[i]!) || (kind === 5 && pre.data[i]! > 6 + pre.tolerance[i]!)) {
      pre.data[i] = y; // beyond the kink however it is rounded, so exactly there: the gradient reads the side
      pre.tolerance[i] = 0;
      continue;
    }
    // leaky relu rounds its slope, then the product
    const own = clipped ? 0 : (kind === 2 ? 2 : transcendental) * rounding.store;
    pre.data[i] = y;
    pre.tolerance[i] = Number.isFinite(pre.tolerance[i]!)
      ? stretch(kind, slope) * pre.tolerance[i]! + own * Math.abs(y) + flushed
      : own * Math.abs(y); // the argument was infinite: exact
  }
  return pre;
}

export const activation: Oracle = ([x], attributes, { rounding }) => {
  const y = zeros(x!.shape);
  y.data.set(x!.data);
  return [epilogue(y, attributes, rounding)];
};

export const activationBackward: Oracle = ([y, dy], attributes, context) => {
  const { rounding } = context;
  const kind = attributes["activation"] ?? 0;
  const slope = attributes["slope"] ?? 0;
  const dx = zeros(y!.shape);
  for (let i = 0; i < dx.data.length; i++) {
    const value = y!.data[i]!;
    const d = dy!.data[i]!;
    const factor = slopeAt(kind, slope, value);
    // a select keeps the other side out: relu of a dead unit gives 0 even where dy is NaN
    dx.data[i] =
      kind === 1 || kind === 5 ? (factor === 0 ? 0 : d) : kind === 2 ? (value <= 0 ? slope * d : d) : factor * d;
    // 1 - y and 1 - y*y cancel: their error is one of the terms, not of the difference
    const magnitude = kind === 3 ? Math.abs(value) * (1 + Math.abs(value)) : kind === 4 ? 1 + value * value : factor;
    const exact = kind === 0 || kind === 1 || kind === 5;
    dx.tolerance[i] = exact ? 0 : 4 * rounding.store * magnitude * Math.abs(d) + flushed;
  }
  return withChannelSums([dx], context);
};
