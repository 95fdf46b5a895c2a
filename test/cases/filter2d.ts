/** One kernel over every channel: sizes around every block of lanes, kernels whole and as products, floats and bytes. */
import { filter2d } from "../../lib/ops/index.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import { byte, type Distribution, normal, sprinkled, symmetric, wholeNumbers } from "../support/random.js";
import type { OperandSpec, StepCase } from "../support/stepCase.js";

interface Filtering {
  readonly name: string;
  readonly rows?: number;
  readonly image: readonly [number, number, number];
  readonly kernel: readonly [number, number];
  /** The kernel is a product of matrices with so many columns and rows. */
  readonly terms?: number;
  readonly offset?: number;
  readonly bytesIn?: boolean;
  readonly bytesOut?: boolean;
  readonly values?: Distribution;
  readonly weights?: Distribution;
  readonly whole?: boolean;
}

const sparse: Distribution = (random) => (random.integer(3) === 0 ? random.uniform(-1, 1) : 0);
/** Weights that keep sums of bytes within 0 to 255, or leave that range at times. */
const gentle: Distribution = (random) => random.uniform(-0.2, 0.4);

const table: readonly Filtering[] = [
  ...[1, 3, 7, 8, 9, 31, 47, 48, 49, 95, 96, 97, 101].map((width): Filtering => ({
    name: `rows of ${String(width)}`,
    image: [5, width + 2, 1],
    kernel: [3, 3],
  })),
  ...[1, 2, 3, 4, 5, 8, 17].map((channels): Filtering => ({
    name: `${String(channels)} channels`,
    image: [6, 9, channels],
    kernel: [3, 2],
  })),
  ...[1, 2, 3, 4, 5].map((height): Filtering => ({
    name: `${String(height)} rows of results`,
    image: [height + 2, 8, 3],
    kernel: [3, 3],
    bytesIn: true,
  })),
  { name: "1x1", image: [3, 4, 3], kernel: [1, 1], rows: 1 },
  { name: "1x7", image: [4, 20, 3], kernel: [1, 7] },
  { name: "7x1", image: [12, 5, 3], kernel: [7, 1] },
  { name: "4x6, an offset", image: [9, 20, 2], kernel: [4, 6], offset: 0.375 },
  { name: "as large as the image", image: [4, 5, 3], kernel: [4, 5] },
  { name: "a single number", image: [1, 1, 1], kernel: [1, 1], rows: 1 },
  { name: "five rows", image: [4, 6, 1], kernel: [2, 2], rows: 5 },
  { name: "many bands and strips", image: [75, 1600, 1], kernel: [3, 3], rows: 1, whole: true },
  { name: "many bands and strips of bytes", image: [75, 560, 3], kernel: [2, 3], rows: 1, whole: true, bytesIn: true },
  { name: "sparse", image: [9, 30, 3], kernel: [5, 5], weights: sparse },
  { name: "no weight", image: [4, 6, 3], kernel: [2, 2], weights: () => 0, offset: 2 },
  { name: "NaN and infinities", image: [5, 9, 3], kernel: [2, 3], values: sprinkled(normal, NaN, Infinity) },
  {
    ...{ name: "NaN under weights of 0", image: [7, 9, 3], kernel: [3, 3], weights: sparse },
    values: sprinkled(normal, NaN),
  },
  { name: "a NaN as weight", image: [4, 6, 2], kernel: [2, 2], weights: sprinkled(normal, NaN) },
  ...[1, 2, 3].map((terms): Filtering => ({
    name: `${String(terms)} terms`,
    image: [9, 21, 3],
    kernel: [3, 5],
    terms,
  })),
  { name: "1 term, wide", image: [6, 120, 1], kernel: [4, 2], terms: 1, offset: -1.5 },
  { name: "2 terms, one row of results", image: [3, 9, 4], kernel: [3, 3], terms: 2 },
  { name: "1x1 as a product", image: [3, 4, 3], kernel: [1, 1], terms: 1 },
  { name: "2 terms, sparse", image: [9, 21, 3], kernel: [5, 5], terms: 2, weights: sparse },
  { name: "1 term of bytes", image: [7, 12, 3], kernel: [3, 3], terms: 1, bytesIn: true },
  { name: "many bands and strips, 2 terms", image: [75, 1600, 1], kernel: [3, 2], terms: 2, rows: 1, whole: true },
  { name: "to bytes", image: [6, 30, 3], kernel: [3, 3], bytesIn: true, bytesOut: true },
  { name: "to bytes, even rows", image: [7, 23, 1], kernel: [2, 2], bytesIn: true, bytesOut: true, offset: 20.25 },
  { name: "floats to bytes", image: [6, 50, 1], kernel: [3, 3], bytesOut: true, offset: 3 },
  { name: "1 term to bytes", image: [6, 30, 3], kernel: [3, 3], terms: 1, bytesIn: true, bytesOut: true },
  {
    ...{
      name: "whole numbers to bytes",
      image: [6, 40, 3],
      kernel: [3, 3],
      bytesIn: true,
      bytesOut: true,
      offset: 100,
    },
    whole: true,
  },
];

function inputValues(c: Filtering): Distribution {
  if (c.values !== undefined) return c.values;
  if (c.whole === true) return c.bytesIn === true ? (random) => random.integer(8) : wholeNumbers;
  return c.bytesIn === true ? byte : normal;
}

function weightValues(c: Filtering): Distribution {
  if (c.weights !== undefined) return c.weights;
  return c.whole === true ? wholeNumbers : c.bytesOut === true && c.bytesIn === true ? gentle : symmetric;
}

function casesOf(c: Filtering): StepCase[] {
  const { rows = 2, terms, offset = 0, bytesIn = false, bytesOut = false } = c;
  const [height, width, channels] = c.image;
  const [kernelH, kernelW] = c.kernel;
  const weights = weightValues(c);
  const x: OperandSpec = {
    shape: [rows, height, width, channels],
    batched: true,
    values: inputValues(c),
    dtype: bytesIn ? "u8" : "f32",
  };
  const kernel: OperandSpec = { shape: [kernelH, terms ?? kernelW], values: weights, parameter: true };
  const right: OperandSpec | undefined =
    terms === undefined ? undefined : { shape: [terms, kernelW], values: weights, parameter: true };
  const y = {
    shape: [rows, height - kernelH + 1, width - kernelW + 1, channels],
    batched: true,
    dtype: bytesOut ? ("u8" as const) : ("f32" as const),
  };
  const dtype = y.dtype;
  const whole = c.whole ?? false;
  const forward: StepCase = {
    name: c.name,
    op: "filter2d",
    operands: [x, kernel, right],
    results: [y],
    attributes: { offset, toBytes: bytesOut ? 1 : 0 },
    rows,
    whole,
    algorithm: terms === undefined ? "direct" : "factored",
    ...(bytesOut ? {} : { build: ([v, k, r]) => filter2d(v!, k!, { right: r, offset, dtype }) }),
  };
  if (terms !== undefined || bytesIn || bytesOut) return [forward];
  const { values } = x;
  const dy: OperandSpec = { shape: y.shape, batched: true, values };
  return [
    forward,
    {
      ...{ name: c.name, op: "filter2d.backwardInput", operands: [dy, kernel], results: [x], attributes: {}, rows },
      whole,
    },
    {
      ...{ name: c.name, op: "filter2d.backwardKernel", operands: [x, dy], results: [kernel], attributes: {}, rows },
      whole,
    },
  ];
}

export const cases: readonly StepCase[] = table.flatMap(casesOf);

const image = (): ReturnType<typeof placeholder> => placeholder([1, 4, 5, 3]);

export const errors: readonly ErrorCase[] = [
  {
    name: "no image",
    build: () => filter2d(placeholder([4, 5, 3]), placeholder([3, 3])),
    code: "ERR_STRIATE_GRAPH",
    message: "filter2d: x must be [rows, height, width, channels] of f32 or u8, got [4, 5, 3] of f32",
  },
  {
    name: "labels",
    build: () => filter2d(placeholder([1, 4, 5, 3], { dtype: "i32" }), placeholder([3, 3])),
    code: "ERR_STRIATE_GRAPH",
    message: "filter2d: x must be [rows, height, width, channels] of f32 or u8, got [1, 4, 5, 3] of i32",
  },
  {
    name: "a filter of a convolution",
    build: () => filter2d(image(), placeholder([3, 3, 3, 8])),
    code: "ERR_STRIATE_GRAPH",
    message: "filter2d: kernel must be a matrix, not batched, got [3, 3, 3, 8]",
  },
  {
    name: "factors that do not meet",
    build: () => filter2d(image(), placeholder([3, 2]), { right: placeholder([1, 3]) }),
    code: "ERR_STRIATE_GRAPH",
    message: "filter2d: right must have a row for each of the 2 columns of kernel, got [1, 3]",
  },
  {
    name: "a kernel larger than the image",
    build: () => filter2d(image(), placeholder([3, 6])),
    code: "ERR_STRIATE_GRAPH",
    message: "filter2d: a kernel of 3x6 does not fit into [1, 4, 5, 3]",
  },
  {
    name: "offset",
    build: () => filter2d(image(), placeholder([3, 3]), { offset: NaN }),
    code: "ERR_STRIATE_GRAPH",
    message: "filter2d: offset must be finite, got NaN",
  },
];
