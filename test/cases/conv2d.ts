/** Convolution and both of its gradients: every option, sizes around every tile edge. */
import { conv2d } from "../../lib/ops/index.js";
import type { Value } from "../../lib/graph/value.js";
import { normal, sprinkled, symmetric, wholeNumbers } from "../support/random.js";
import type { OperandSpec, StepCase } from "../support/stepCase.js";
import type { ErrorCase } from "../support/errorCase.js";
import { placeholder } from "../support/errorCase.js";
import { both, measure, type MeasuredWindow, windowAttributes } from "../support/windows.js";
import { type Convolution, convolutions, epilogues } from "./convolutions.js";

interface Sized {
  readonly window: MeasuredWindow;
  readonly attributes: Record<string, number>;
  readonly rows: number;
  readonly x: OperandSpec;
  readonly filter: OperandSpec;
  readonly y: OperandSpec;
}

function sizeUp(c: Convolution): Sized {
  const [height, width, channels] = c.image;
  const kernel = both(c.kernel);
  const { stride, padding, dilation, rounding, groups = 1, rows = 3, algorithm = "auto" } = c;
  const window = measure({ image: [height, width], kernel, stride, padding, dilation, rounding });
  const attributes = {
    ...windowAttributes(window, window.effectivePads),
    dilationH: window.dilation[0],
    dilationW: window.dilation[1],
    groups,
    algorithm: { auto: 0, im2col: 1, winograd: 2 }[algorithm],
    exact: c.whole === true ? 1 : 0,
  };
  const values = c.whole === true ? wholeNumbers : (c.values ?? symmetric);
  const weights = c.whole === true ? wholeNumbers : symmetric;
  return {
    window,
    attributes,
    rows,
    x: { shape: [rows, height, width, channels], batched: true, values },
    filter: { shape: [...kernel, channels / groups, c.out], values: weights, parameter: true },
    y: {
      shape: [rows, ...window.out, c.out],
      batched: true,
      values: c.whole === true ? wholeNumbers : c.values === undefined ? normal : sprinkled(normal, NaN, Infinity),
    },
  };
}

/** The forward op of a convolution. */
export function forward(c: Convolution): StepCase {
  const { attributes, rows, x, filter, y } = sizeUp(c);
  const { stride, padding, dilation, rounding, groups, algorithm } = c;
  const fused = c.residual === true || c.scale === true || (c.activation ?? 0) !== 0;
  const build = ([image, weights, bias]: readonly (Value | undefined)[]): Value =>
    conv2d(image!, weights!, {
      bias,
      stride,
      padding,
      dilation,
      rounding,
      groups,
      algorithm,
      precision: c.whole === true ? "exact" : "fast",
    });
  return {
    name: c.name,
    op: "conv2d",
    operands: [
      x,
      filter,
      c.bias === true ? { shape: [c.out], values: symmetric, parameter: true } : undefined,
      c.residual === true ? { ...y, values: symmetric } : undefined,
      c.scale === true ? { shape: [c.out], values: normal, parameter: true } : undefined,
    ],
    results: [y],
    attributes: { ...attributes, activation: c.activation ?? 0, slope: c.slope ?? 0 },
    rows,
    whole: c.whole ?? false,
    ...(c.native?.forward === undefined ? {} : { algorithm: c.native.forward }),
    ...(fused ? {} : { build }),
  };
}

/** The gradient by the image. */
export function backwardInput(c: Convolution): StepCase {
  const { attributes, rows, x, filter, y } = sizeUp(c);
  return {
    name: c.name,
    op: "conv2d.backwardInput",
    operands: [y, filter],
    results: [x],
    attributes,
    rows,
    whole: c.whole ?? false,
    ...(c.native?.input === undefined ? {} : { algorithm: c.native.input }),
  };
}

/** The gradient by the filter. */
export function backwardFilter(c: Convolution): StepCase {
  const { attributes, rows, x, filter, y } = sizeUp(c);
  return {
    name: c.name,
    op: "conv2d.backwardFilter",
    // dy stays finite: whether a zero of the padding meets a NaN of dy is left open
    operands: [x, { ...y, values: c.whole === true ? wholeNumbers : normal }],
    results: [filter],
    attributes,
    rows,
    whole: c.whole ?? false,
    ...(c.native?.filter === undefined ? {} : { algorithm: c.native.filter }),
  };
}

/** The epilogue has no part in the gradients, so convolutions that differ only there are left out. */
const differentiated = convolutions.filter((c) => !epilogues.includes(c));

export const cases: readonly StepCase[] = [
  ...convolutions.map(forward),
  ...differentiated.map(backwardInput),
  ...differentiated.map(backwardFilter),
];

const image = (...shape: number[]): Value => placeholder(shape, { batched: true });
const filter = (...shape: number[]): Value => placeholder(shape);

export const errors: readonly ErrorCase[] = [
  {
    name: "channels per group",
    build: () => conv2d(image(1, 32, 32, 16), filter(3, 3, 8, 32)),
    code: "ERR_STRIATE_GRAPH",
    message:
      "conv2d: filter expects 8 input channels per group, got 16 (input [1, 32, 32, 16], filter [3, 3, 8, 32], groups 1)",
  },
  {
    name: "groups that do not divide the filters",
    build: () => conv2d(image(1, 8, 8, 6), filter(3, 3, 2, 8), { groups: 3 }),
    code: "ERR_STRIATE_GRAPH",
    message:
      "conv2d: groups must be a positive whole number that divides the 8 output channels, got 3 (input [1, 8, 8, 6], filter [3, 3, 2, 8], groups 3)",
  },
  {
    name: "a stride that does not fit",
    build: () => conv2d(image(1, 8, 8, 3), filter(3, 3, 3, 8), { stride: 2 }),
    code: "ERR_STRIATE_SHAPE",
    message:
      "conv2d: stride 2 does not fit the height: (8 + 0 - 3) / 2 + 1 = 3.5, not a whole number. Use stride 1, pad 1 more row, or set rounding: 'floor'",
  },
  {
    name: "a filter larger than the padded image",
    build: () => conv2d(image(1, 5, 2, 3), filter(3, 5, 3, 8), { padding: 1 }),
    code: "ERR_STRIATE_SHAPE",
    message: "conv2d: the window covers 5 but the padded width is only 4 (2 + 2)",
  },
  {
    name: "bias of the wrong size",
    build: () => conv2d(image(1, 5, 5, 3), filter(3, 3, 3, 8), { bias: filter(7) }),
    code: "ERR_STRIATE_GRAPH",
    message: "conv2d: bias must have the shape [8], got [7]",
  },
  {
    name: "an image without rows",
    build: () => conv2d(filter(5, 5, 3), filter(3, 3, 3, 8)),
    code: "ERR_STRIATE_GRAPH",
    message: "conv2d: x must be [rows, height, width, channels], got [5, 5, 3]",
  },
  {
    name: "a filter of three dimensions",
    build: () => conv2d(image(1, 5, 5, 3), filter(3, 3, 3)),
    code: "ERR_STRIATE_GRAPH",
    message: "conv2d: filter must be [kernelHeight, kernelWidth, channels / groups, out], got [3, 3, 3]",
  },
  {
    name: "u8 images",
    build: () => conv2d(placeholder([1, 5, 5, 3], { dtype: "u8", batched: true }), filter(3, 3, 3, 8)),
    code: "ERR_STRIATE_GRAPH",
    message: "conv2d: x must be f32, got u8; use rescale() on images",
  },
  {
    name: "winograd at stride 2",
    build: () => conv2d(image(1, 5, 5, 3), filter(3, 3, 3, 8), { stride: 2, algorithm: "winograd" }),
    code: "ERR_STRIATE_GRAPH",
    message:
      "conv2d: algorithm 'winograd' computes 3x3 kernels at stride 1, dilation 1, in one group and with precision 'fast', got kernel 3x3, stride 2, dilation 1, groups 1, precision 'fast'",
  },
  {
    name: "winograd in exact precision",
    build: () => conv2d(image(1, 5, 5, 3), filter(3, 3, 3, 8), { algorithm: "winograd", precision: "exact" }),
    code: "ERR_STRIATE_GRAPH",
    message: /^conv2d: algorithm 'winograd' computes 3x3 kernels .* precision 'exact'$/,
  },
  {
    name: "stride 0",
    build: () => conv2d(image(1, 5, 5, 3), filter(3, 3, 3, 8), { stride: 0 }),
    code: "ERR_STRIATE_SHAPE",
    message: /^conv2d: stride must be .*got 0$/,
  },
];
