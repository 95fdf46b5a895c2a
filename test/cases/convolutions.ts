/** The convolutions that all three ops of the room are tried on: every option, sizes around every tile edge. */
import { type Distribution, normal, scaled, sprinkled } from "../support/random.js";
import { both, type WindowSpec } from "../support/windows.js";

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
  readonly scale?: boolean;
  readonly activation?: number;
  readonly slope?: number;
  readonly algorithm?: "auto" | "im2col" | "winograd";
  /** What the native backend must choose for each of the three ops. */
  readonly native?: {
    readonly forward?: string | RegExp;
    readonly input?: string | RegExp;
    readonly filter?: string | RegExp;
  };
  readonly values?: Distribution;
  /** Small whole numbers: sums are exact, and so must the result be. */
  readonly whole?: boolean;
}

const edges = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33];

const implicitGemm = { forward: "implicitGemm", input: "implicitGemm", filter: "implicitGemm" };

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
  ...[1, 2].map((stride): Convolution => ({
    name: `3x3 over RGB, stride ${String(stride)}`,
    image: [9, 13 * stride, 3],
    kernel: 3,
    out: 32,
    stride,
    padding: 1,
    rounding: "floor",
    bias: true,
    activation: 5,
    native: { forward: /^(stem3x3|smallChannel)$/ }, // the latter between guards, where pixels are not dense
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

/** Convolutions that differ in their epilogue, or in the scale of their filters, only. */
export const epilogues: readonly Convolution[] = [
  ...edges.map((out): Convolution => ({
    name: `scaled, ${String(out)} filters`,
    image: [4, 5, 18],
    kernel: 3,
    out,
    bias: true,
    scale: true,
    native: { forward: /^(fewChannels|implicitGemm)$/ }, // which of the two, the lanes of the instruction set decide
  })),
  {
    name: "scaled, 3 input channels",
    image: [5, 6, 3],
    kernel: 3,
    out: 32,
    scale: true,
    native: { forward: "smallChannel" },
  },
  {
    name: "scaled, 10 filters on 8 images",
    rows: 8,
    image: [5, 6, 3],
    kernel: 3,
    out: 10,
    scale: true,
    native: { forward: "fewChannels" },
  },
  { name: "scaled, 1x1, residual", image: [4, 5, 8], kernel: 1, out: 17, residual: true, scale: true },
  {
    name: "scaled, depthwise, relu",
    image: [4, 5, 9],
    kernel: 3,
    out: 9,
    groups: 9,
    bias: true,
    activation: 1,
    scale: true,
  },
  { name: "scaled, depthwise, multiplier 2", image: [4, 5, 5], kernel: 3, out: 10, groups: 5, scale: true },
  { name: "scaled, 2 groups", image: [4, 5, 6], kernel: 3, out: 10, groups: 2, bias: true, scale: true },
  {
    name: "scaled, im2col",
    image: [4, 5, 6],
    kernel: 3,
    out: 10,
    groups: 2,
    bias: true,
    scale: true,
    algorithm: "im2col",
    native: { forward: "im2col" },
  },
  { name: "bias", image: [4, 5, 3], kernel: 3, out: 9, bias: true },
  { name: "relu", image: [4, 5, 3], kernel: 3, out: 9, activation: 1 },
  { name: "bias, leaky relu", image: [4, 5, 3], kernel: 3, out: 7, bias: true, activation: 2, slope: 0.1 },
  { name: "bias, sigmoid", image: [4, 5, 3], kernel: 3, out: 17, bias: true, activation: 3 },
  { name: "bias, tanh", image: [4, 5, 3], kernel: 3, out: 5, bias: true, activation: 4 },
  // Small filters leave few sums beyond 6: values of 4 put them on every side.
  { name: "bias, relu6", image: [4, 5, 3], kernel: 3, out: 17, bias: true, activation: 5, values: scaled(4) },
  {
    name: "depthwise, bias, relu6",
    image: [4, 5, 25],
    kernel: 3,
    out: 25,
    groups: 25,
    padding: 1,
    bias: true,
    activation: 5,
    values: scaled(4),
  },
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

const winograd: Convolution[] = (
  [
    ...[1, 3, 4, 7, 8, 9, 16, 17, 33].map((channels): Convolution => ({
      name: `${String(channels)} input channels`,
      image: [5, 6, channels],
      kernel: 3,
      out: 9,
      padding: 1,
      bias: true,
    })),
    ...[1, 4, 5, 8, 15, 16, 17, 24, 33, 40].map((out): Convolution => ({
      name: `${String(out)} filters`,
      image: [6, 4, 5],
      kernel: 3,
      out,
      padding: "same",
    })),
    ...[3, 4, 5, 6, 7, 8, 9, 13].map((width): Convolution => ({
      name: `3x${String(width)} pixels`,
      rows: 2,
      image: [3, width, 6],
      kernel: 3,
      out: 5,
    })),
    ...[1, 2, 4, 5, 9].map((width): Convolution => ({
      name: `a line of ${String(width)} pixels`,
      image: [1, width, 4],
      kernel: 3,
      out: 8,
      padding: 1,
    })),
    { name: "one pixel", image: [1, 1, 7], kernel: 3, out: 5, padding: "same" },
    { name: "padding 2", image: [4, 7, 5], kernel: 3, out: 6, padding: 2 },
    { name: "padding 5, wider than the window", image: [3, 2, 8], kernel: 3, out: 8, padding: 5 },
    {
      name: "asymmetric padding",
      image: [6, 5, 4],
      kernel: 3,
      out: 7,
      padding: [
        [0, 2],
        [1, 0],
      ],
    },
    { name: "one row", rows: 1, image: [14, 14, 20], kernel: 3, out: 33, padding: 1 },
    { name: "seven rows", rows: 7, image: [7, 7, 5], kernel: 3, out: 9, padding: 1, bias: true },
    { name: "deep sums", rows: 1, image: [5, 5, 130], kernel: 3, out: 40, padding: 1 },
    { name: "residual", image: [5, 6, 3], kernel: 3, out: 9, padding: 1, residual: true },
    ...[1, 2, 3, 4, 5].map((activation): Convolution => ({
      name: `bias, residual, activation ${String(activation)}`,
      image: [5, 6, 4],
      kernel: 3,
      out: 17,
      padding: 1,
      bias: true,
      residual: true,
      activation,
      slope: activation === 2 ? 0.1 : 0,
    })),
  ] satisfies Convolution[]
).map((c) => ({
  ...c,
  name: `winograd: ${c.name}`,
  algorithm: "winograd" as const,
  native: { forward: /^winograd/, input: /^winograd/, filter: "winograd4x4" },
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

/** Few channels, few filters: lanes are pixels or images. */
const lanes = { forward: "fewChannels", input: "fewChannels", filter: "fewChannels" };
const fewChannels: Convolution[] = [
  { name: "the lecture's first layer", rows: 8, image: [32, 32, 3], kernel: 5, out: 5, bias: true, native: lanes },
  { name: "the lecture's second layer", rows: 8, image: [12, 28, 5], kernel: 5, out: 6, bias: true, native: lanes },
  { name: "5x5 to 10 filters, one image", rows: 1, image: [32, 32, 3], kernel: 5, out: 10, padding: 2, bias: true },
  {
    name: "10 filters, 7 images, asymmetric padding",
    rows: 7,
    image: [9, 11, 2],
    kernel: [4, 3],
    out: 10,
    padding: [
      [1, 0],
      [2, 1],
    ],
    native: lanes,
  },
  {
    name: "stride [1, 2], dilation [2, 1], 16 images",
    rows: 16,
    image: [7, 9, 3],
    kernel: 3,
    out: 6,
    stride: [1, 2],
    dilation: [2, 1],
    native: { forward: "fewChannels", input: "implicitGemm", filter: "fewChannels" },
  },
  {
    name: "NaN and infinities in 8 images",
    rows: 8,
    image: [6, 5, 3],
    kernel: 3,
    out: 5,
    padding: 1,
    values: sprinkled(normal, NaN, Infinity, -Infinity),
    native: lanes,
  },
];

/** Sums longer than every block of the kernels, in whole numbers. */
const long: Convolution[] = (
  [
    { name: "4500 terms to a pixel", rows: 2, image: [3, 4, 500], kernel: 3, out: 9, padding: 1 },
    { name: "5000 terms, 1x1", rows: 1, image: [2, 4, 5000], kernel: 1, out: 9 },
    { name: "2500 pixels, 1x1", rows: 2, image: [26, 49, 5], kernel: 1, out: 7 },
    { name: "3000 pixels, 3x3", rows: 2, image: [38, 41, 2], kernel: 3, out: 9, padding: 1 },
    { name: "3000 pixels, 5x5 of one channel", rows: 3, image: [33, 31, 1], kernel: 5, out: 6, padding: 2 },
    {
      name: "2000 pixels, stride 2, 8 channels",
      rows: 2,
      image: [63, 61, 8],
      kernel: 3,
      out: 5,
      stride: 2,
      padding: 1,
    },
    { name: "20 by 30 kernel, depthwise", rows: 1, image: [21, 33, 9], kernel: [20, 30], out: 9, groups: 9 },
    { name: "2500 pixels, depthwise", rows: 2, image: [37, 35, 9], kernel: 3, out: 9, groups: 9, padding: 1 },
    {
      name: "1500 pixels, depthwise, stride 2, multiplier 2",
      rows: 2,
      image: [55, 53, 5],
      kernel: 3,
      out: 10,
      groups: 5,
      padding: 1,
      stride: 2,
    },
    { name: "150 filters of 150 channels", rows: 1, image: [4, 5, 150], kernel: 3, out: 150, padding: 1 },
    { name: "2000 pixels, im2col", rows: 2, image: [33, 31, 4], kernel: 3, out: 9, padding: 1, algorithm: "im2col" },
    { name: "stride [7, 5]: many phases", rows: 1, image: [30, 33, 3], kernel: [9, 8], out: 5, stride: [7, 5] },
  ] satisfies Convolution[]
).map((c) => ({ ...c, name: `whole numbers: ${c.name}`, whole: true }));

/** The same options on 16 more channels and filters: few of either take a path of their own. */
const wide: Convolution[] = [...strides, ...paddings, ...kernels]
  .filter(({ name }) => !name.includes("1x1"))
  .map((c) => {
    const [height, width, channels] = c.image;
    return {
      ...c,
      name: `${c.name}, wide`,
      image: [height, width, channels + 16],
      out: c.out + 16,
      native: implicitGemm,
    };
  });

export const convolutions: readonly Convolution[] = [
  ...sweeps,
  ...strides,
  ...paddings,
  ...kernels,
  ...wide,
  ...groups,
  ...epilogues,
  ...im2col,
  ...winograd,
  ...rowsAndValues,
  ...fewChannels,
  ...long,
].map((c) => (c.native === undefined ? { ...c, native: expectedAlgorithms(c) } : c));

/** Where a special algorithm must not silently give way: depthwise and 1x1 always, few input channels on plain images. */
function expectedAlgorithms({
  name,
  image,
  kernel,
  groups = 1,
  stride = 1,
  padding = 0,
}: Convolution): Convolution["native"] & {} {
  const [kernelH, kernelW] = both(kernel);
  if (groups > 1 && groups === image[2] && kernelH * kernelW <= 512) {
    return { forward: "depthwise", input: "depthwise", filter: "depthwise" };
  }
  if (kernelH * kernelW === 1 && stride === 1 && padding === 0) {
    return { forward: "pointwise", input: "pointwise", filter: "pointwise" };
  }
  // which of the two, the lanes of the instruction set decide
  if (name.endsWith("filters") && kernelW === 3 && image[2] === 3) {
    const few = /^(smallChannel|fewChannels)$/;
    return { forward: few, filter: few };
  }
  return {};
}
