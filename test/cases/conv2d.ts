/** Convolution and both of its gradients: every option, sizes around every tile edge. */
import { conv2d } from "../../lib/ops/index.js";
import type { Value } from "../../lib/graph/value.js";
import { type Distribution, normal, sprinkled, symmetric } from "../support/random.js";
import type { OperandSpec, StepCase } from "../support/stepCase.js";
import type { ErrorCase } from "../support/errorCase.js";
import { placeholder } from "../support/errorCase.js";
import { both, measure, type MeasuredWindow, type WindowSpec, windowAttributes } from "../support/windows.js";

/** One convolution: the options of lib/ops, and sizes. */
export interface Convolution {
  readonly name: string;
  readonly rows?: number;
  /** [height, width, channels] */
  readonly image: readonly [number, number, number];
  readonly kernel: number | readonly [number, number];
  readonly out: number;
  readonly stride?: WindowSpec["stride"];
  readonly padding?: WindowSpec["padding"];
  readonly dilation?: WindowSpec["dilation"];
  readonly rounding?: WindowSpec["rounding"];
  readonly groups?: number;
  readonly bias?: boolean;
  /** Fused epilogue, by code of the schema; tried on the step alone. */
  readonly residual?: boolean;
  readonly activation?: number;
  readonly slope?: number;
  readonly algorithm?: "auto" | "im2col";
  /** What the native backend must choose for each of the three ops. */
  readonly native?: {
    readonly forward?: string | RegExp;
    readonly input?: string | RegExp;
    readonly filter?: string | RegExp;
  };
  readonly values?: Distribution;
}

const edges = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33];

const sweeps: Convolution[] = [
  ...edges.map((channels): Convolution => ({
    name: `${String(channels)} input channels`,
    image: [4, 5, channels],
    kernel: 3,
    out: 8,
    padding: "same",
  })),
  ...edges.map((out): Convolution => ({
    name: `${String(out)} filters`,
    image: [5, 4, 3],
    kernel: 3,
    out,
    padding: 1,
    bias: true,
  })),
  ...edges.map((out): Convolution => ({ name: `1x1, 9 to ${String(out)} channels`, image: [3, 5, 9], kernel: 1, out })),
  // pixels around the register tile's height of 6
  ...[1, 2, 4, 5, 6, 7, 8, 11, 12, 13].map((width): Convolution => ({
    name: `1x1 over ${String(width)} pixels`,
    rows: 1,
    image: [1, width, 5],
    kernel: 1,
    out: 17,
  })),
  ...[1, 3, 5, 6, 7, 12, 13].map((width): Convolution => ({
    name: `3x3 over 2x${String(width)} pixels`,
    rows: 2,
    image: [2, width, 4],
    kernel: 3,
    out: 9,
    padding: 1,
  })),
];

const strides: Convolution[] = [
  { name: "stride 2", image: [7, 9, 3], kernel: 3, out: 5, stride: 2 },
  { name: "stride 2, padded", image: [7, 5, 4], kernel: 3, out: 6, stride: 2, padding: 1 },
  { name: "stride 3", image: [9, 12, 2], kernel: 3, out: 7, stride: 3 },
  { name: "stride larger than the kernel", image: [7, 10, 5], kernel: 1, out: 3, stride: 3 },
  { name: "stride [2, 1]", image: [7, 6, 3], kernel: 3, out: 4, stride: [2, 1] },
  { name: "stride [1, 3]", image: [5, 9, 3], kernel: 3, out: 4, stride: [1, 3] },
  { name: "stride [3, 2], kernel 2x3", image: [8, 7, 4], kernel: [2, 3], out: 9, stride: [3, 2] },
  { name: "same, stride 2, even size", image: [6, 8, 3], kernel: 3, out: 8, stride: 2, padding: "same" },
  { name: "same, stride 3", image: [8, 7, 3], kernel: 3, out: 8, stride: 3, padding: "same" },
  { name: "stride 2, 1x1 (projection)", image: [5, 7, 8], kernel: 1, out: 16, stride: 2 },
  {
    name: "the stem: 7x7, stride 2, floor",
    image: [14, 12, 3],
    kernel: 7,
    out: 8,
    stride: 2,
    padding: 3,
    rounding: "floor",
  },
];

const paddings: Convolution[] = [
  { name: "valid", image: [5, 6, 3], kernel: 3, out: 4, padding: "valid" },
  { name: "even filter, same: the extra pad at the end", image: [5, 6, 3], kernel: [2, 4], out: 5, padding: "same" },
  { name: "padding [1, 2]", image: [4, 5, 3], kernel: 3, out: 5, padding: [1, 2] },
  {
    name: "asymmetric padding",
    image: [4, 6, 3],
    kernel: 3,
    out: 7,
    padding: [
      [0, 2],
      [1, 0],
    ],
  },
  {
    name: "asymmetric padding, stride 2",
    image: [5, 4, 5],
    kernel: 3,
    out: 7,
    padding: [
      [2, 0],
      [0, 1],
    ],
    stride: 2,
  },
  { name: "padding wider than the kernel", image: [3, 2, 3], kernel: 2, out: 5, padding: 3 },
  { name: "kernel as large as the padded image", image: [3, 5, 6], kernel: [5, 7], out: 9, padding: 1 },
  { name: "kernel as large as the image (dense)", image: [4, 3, 5], kernel: [4, 3], out: 10, rows: 5 },
  { name: "one pixel, 3x3 same", image: [1, 1, 7], kernel: 3, out: 5, padding: "same" },
  { name: "floor drops the last row", image: [6, 8, 3], kernel: 3, out: 4, stride: 2, rounding: "floor" },
  { name: "ceil overhangs", image: [6, 8, 3], kernel: 3, out: 4, stride: 2, rounding: "ceil" },
  {
    name: "ceil drops a window that starts in the padding",
    image: [4, 6, 2],
    kernel: 1,
    out: 3,
    stride: 2,
    padding: [0, 1],
    rounding: "ceil",
  },
];

const kernels: Convolution[] = [
  { name: "kernel 1x3", image: [3, 7, 5], kernel: [1, 3], out: 6 },
  { name: "kernel 3x1", image: [7, 3, 5], kernel: [3, 1], out: 6, padding: [1, 0] },
  { name: "kernel 2x2", image: [5, 4, 3], kernel: 2, out: 8 },
  { name: "kernel 5x3, padded", image: [6, 7, 2], kernel: [5, 3], out: 9, padding: [2, 1] },
  { name: "kernel 5x5, the lecture's", image: [8, 8, 3], kernel: 5, out: 10, padding: 2, bias: true },
  { name: "dilation 2", image: [7, 8, 3], kernel: 3, out: 5, dilation: 2 },
  { name: "dilation [1, 3], padded", image: [4, 9, 4], kernel: 3, out: 6, dilation: [1, 3], padding: [1, 2] },
  { name: "dilation 2, stride 2", image: [9, 7, 3], kernel: 3, out: 4, dilation: 2, stride: 2 },
  {
    name: "dilation 3, stride [2, 3], same",
    image: [10, 9, 3],
    kernel: [2, 3],
    out: 4,
    dilation: 3,
    stride: [2, 3],
    padding: "same",
  },
];

const groups: Convolution[] = [
  { name: "2 groups", image: [5, 4, 6], kernel: 3, out: 4, groups: 2, padding: 1, bias: true },
  { name: "3 groups, 1x1", image: [4, 3, 9], kernel: 1, out: 15, groups: 3 },
  { name: "2 groups of 17 to 9", image: [3, 4, 34], kernel: 3, out: 18, groups: 2, padding: 1 },
  { name: "4 groups, stride 2", image: [7, 5, 8], kernel: 3, out: 12, groups: 4, stride: 2, padding: 1 },
  ...[1, 3, 4, 7, 8, 9, 16, 17, 33].map((channels): Convolution => ({
    name: `depthwise, ${String(channels)} channels`,
    image: [5, 6, channels],
    kernel: 3,
    out: channels,
    groups: channels,
    padding: 1,
  })),
  { name: "depthwise, multiplier 2", image: [5, 6, 5], kernel: 3, out: 10, groups: 5, padding: 1, bias: true },
  { name: "depthwise, multiplier 3, 9 channels", image: [4, 5, 9], kernel: 3, out: 27, groups: 9 },
  { name: "depthwise, stride 2", image: [7, 5, 9], kernel: 3, out: 9, groups: 9, stride: 2, padding: 1 },
  {
    name: "depthwise, stride 2, same, multiplier 2",
    image: [6, 8, 4],
    kernel: 3,
    out: 8,
    groups: 4,
    stride: 2,
    padding: "same",
  },
  {
    name: "depthwise, dilation 2, kernel 2x3",
    image: [6, 8, 8],
    kernel: [2, 3],
    out: 8,
    groups: 8,
    dilation: 2,
    padding: "same",
  },
  { name: "depthwise, 5x5", image: [6, 7, 17], kernel: 5, out: 17, groups: 17, padding: 2 },
];

const epilogues: Convolution[] = [
  { name: "bias", image: [4, 5, 3], kernel: 3, out: 9, bias: true },
  { name: "relu", image: [4, 5, 3], kernel: 3, out: 9, activation: 1 },
  { name: "bias, leaky relu", image: [4, 5, 3], kernel: 3, out: 7, bias: true, activation: 2, slope: 0.1 },
  { name: "bias, sigmoid", image: [4, 5, 3], kernel: 3, out: 17, bias: true, activation: 3 },
  { name: "bias, tanh", image: [4, 5, 3], kernel: 3, out: 5, bias: true, activation: 4 },
  { name: "residual", image: [4, 5, 3], kernel: 3, out: 9, residual: true, padding: 1 },
  {
    name: "bias, residual, relu",
    image: [4, 5, 8],
    kernel: 3,
    out: 17,
    bias: true,
    residual: true,
    activation: 1,
    padding: 1,
  },
  {
    name: "1x1, bias, residual, relu",
    image: [4, 5, 8],
    kernel: 1,
    out: 17,
    bias: true,
    residual: true,
    activation: 1,
  },
  {
    name: "depthwise, bias, residual, relu",
    image: [4, 5, 9],
    kernel: 3,
    out: 9,
    groups: 9,
    padding: 1,
    bias: true,
    residual: true,
    activation: 1,
  },
  {
    name: "groups, bias, residual, leaky relu",
    image: [4, 5, 6],
    kernel: 3,
    out: 10,
    groups: 2,
    bias: true,
    residual: true,
    activation: 2,
    slope: 0.3,
  },
  {
    name: "stride 2, bias, sigmoid, 1 filter",
    image: [5, 7, 2],
    kernel: 3,
    out: 1,
    stride: 2,
    bias: true,
    activation: 3,
  },
];

const im2col: Convolution[] = (
  [
    { name: "plain", image: [5, 6, 3], kernel: 3, out: 7, bias: true },
    { name: "stride 2, same", image: [7, 6, 4], kernel: 3, out: 9, stride: 2, padding: "same" },
    {
      name: "dilation [2, 1], asymmetric padding",
      image: [6, 5, 5],
      kernel: 3,
      out: 17,
      dilation: [2, 1],
      padding: [
        [1, 2],
        [0, 1],
      ],
    },
    { name: "2 groups", image: [5, 4, 6], kernel: [3, 2], out: 8, groups: 2, bias: true },
    { name: "depthwise", image: [5, 4, 7], kernel: 3, out: 14, groups: 7, padding: 1 },
    { name: "1x1", image: [5, 4, 9], kernel: 1, out: 8 },
    {
      name: "bias, residual, relu",
      image: [5, 4, 3],
      kernel: 3,
      out: 16,
      padding: 1,
      bias: true,
      residual: true,
      activation: 1,
    },
  ] satisfies Convolution[]
).map((c) => ({
  ...c,
  name: `im2col: ${c.name}`,
  algorithm: "im2col" as const,
  native: { forward: "im2col", input: "im2col", filter: "im2col" },
}));

const rowsAndValues: Convolution[] = [
  { name: "one row", rows: 1, image: [6, 7, 5], kernel: 3, out: 9 },
  { name: "seven rows", rows: 7, image: [3, 4, 3], kernel: 3, out: 9, padding: 1, bias: true },
  { name: "one row of 48 channels, deep sums", rows: 1, image: [5, 5, 48], kernel: 3, out: 40, padding: 1 },
  {
    name: "130 channels to 70: more than one depth block",
    rows: 2,
    image: [4, 4, 130],
    kernel: 3,
    out: 70,
    padding: 1,
  },
  { name: "LeNet's first layer", rows: 2, image: [28, 28, 1], kernel: 5, out: 6, padding: 2, bias: true },
  {
    name: "NaN and infinities in the image",
    image: [6, 5, 3],
    kernel: 3,
    out: 9,
    padding: 1,
    values: sprinkled(normal, NaN, Infinity, -Infinity),
  },
  {
    name: "NaN through relu",
    image: [5, 5, 4],
    kernel: 3,
    out: 9,
    activation: 1,
    bias: true,
    values: sprinkled(normal, NaN, -Infinity),
  },
  {
    name: "NaN, depthwise",
    image: [6, 5, 9],
    kernel: 3,
    out: 9,
    groups: 9,
    padding: 1,
    values: sprinkled(normal, NaN, Infinity),
  },
  { name: "NaN, 1x1", image: [6, 5, 9], kernel: 1, out: 9, values: sprinkled(normal, NaN, Infinity) },
];

export const convolutions: readonly Convolution[] = [
  ...sweeps,
  ...strides,
  ...paddings,
  ...kernels,
  ...groups,
  ...epilogues,
  ...im2col,
  ...rowsAndValues,
];

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
    algorithm: algorithm === "im2col" ? 1 : 0,
    exact: 0,
  };
  const values = c.values ?? symmetric;
  return {
    window,
    attributes,
    rows,
    x: { shape: [rows, height, width, channels], batched: true, values },
    filter: { shape: [...kernel, channels / groups, c.out], values: symmetric, parameter: true },
    y: {
      shape: [rows, ...window.out, c.out],
      batched: true,
      values: c.values === undefined ? normal : sprinkled(normal, NaN, Infinity),
    },
  };
}

/** The forward op of a convolution. */
export function forward(c: Convolution): StepCase {
  const { attributes, rows, x, filter, y } = sizeUp(c);
  const { stride, padding, dilation, rounding, groups, algorithm } = c;
  const fused = c.residual === true || (c.activation ?? 0) !== 0;
  const build = ([image, weights, bias]: readonly (Value | undefined)[]): Value =>
    conv2d(image!, weights!, { bias, stride, padding, dilation, rounding, groups, algorithm });
  return {
    name: c.name,
    op: "conv2d",
    operands: [
      x,
      filter,
      c.bias === true ? { shape: [c.out], values: symmetric, parameter: true } : undefined,
      c.residual === true ? { ...y, values: symmetric } : undefined,
    ],
    results: [y],
    attributes: { ...attributes, activation: c.activation ?? 0, slope: c.slope ?? 0 },
    rows,
    ...(c.native?.forward === undefined ? {} : { algorithm: c.native.forward }),
    ...(fused ? {} : { build }),
  };
}

function backwardInput(c: Convolution): StepCase {
  const { attributes, rows, x, filter, y } = sizeUp(c);
  return {
    name: c.name,
    op: "conv2d.backwardInput",
    operands: [y, filter],
    results: [x],
    attributes,
    rows,
    ...(c.native?.input === undefined ? {} : { algorithm: c.native.input }),
  };
}

function backwardFilter(c: Convolution): StepCase {
  const { attributes, rows, x, filter, y } = sizeUp(c);
  return {
    name: c.name,
    op: "conv2d.backwardFilter",
    // dy stays finite: whether a zero of the padding meets a NaN of dy is left open
    operands: [x, { ...y, values: normal }],
    results: [filter],
    attributes,
    rows,
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
      "conv2d: stride 2 does not fit the height: (8 + 0 - 3) = 5 is not a multiple of 2. Use stride 1, pad 1 more row, or set rounding: 'floor'",
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
    name: "stride 0",
    build: () => conv2d(image(1, 5, 5, 3), filter(3, 3, 3, 8), { stride: 0 }),
    code: "ERR_STRIATE_SHAPE",
    message: /^conv2d: stride must be .*got 0$/,
  },
];
