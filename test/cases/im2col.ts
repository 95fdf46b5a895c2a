/** The explicit pair im2col and col2im. */
import { col2im, im2col } from "../../lib/ops/index.js";
import { type Distribution, normal, sprinkled } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { StepCase } from "../support/stepCase.js";
import { both, measure, type WindowSpec, windowAttributes } from "../support/windows.js";

interface Patches {
  readonly name: string;
  readonly rows?: number;
  readonly image: readonly [number, number, number];
  readonly kernel: number | readonly [number, number];
  readonly stride?: WindowSpec["stride"];
  readonly padding?: WindowSpec["padding"];
  readonly dilation?: WindowSpec["dilation"];
  readonly rounding?: WindowSpec["rounding"];
  readonly values?: Distribution;
}

const table: readonly Patches[] = [
  ...[1, 3, 4, 7, 8, 9, 17].map((channels): Patches => ({
    name: `${String(channels)} channels`,
    image: [4, 5, channels],
    kernel: 3,
    padding: 1,
  })),
  { name: "valid", image: [4, 6, 5], kernel: [2, 3] },
  { name: "1x1", image: [3, 4, 5], kernel: 1, rows: 1 },
  { name: "stride 2, same", image: [5, 8, 3], kernel: 3, stride: 2, padding: "same" },
  {
    name: "stride [3, 2], asymmetric padding",
    image: [7, 6, 2],
    kernel: [2, 3],
    stride: [3, 2],
    padding: [
      [1, 0],
      [0, 1],
    ],
  },
  { name: "stride larger than the kernel", image: [7, 7, 3], kernel: 1, stride: 3 },
  { name: "dilation [2, 3]", image: [6, 9, 3], kernel: 3, dilation: [2, 3], padding: [0, 1] },
  { name: "padding wider than the kernel", image: [2, 3, 3], kernel: 2, padding: 3 },
  { name: "floor", image: [6, 8, 3], kernel: 3, stride: 2, rounding: "floor" },
  { name: "ceil", image: [6, 8, 3], kernel: 3, stride: 2, rounding: "ceil" },
  { name: "five rows", rows: 5, image: [3, 4, 6], kernel: 2 },
  { name: "NaN and infinities", image: [4, 5, 7], kernel: 3, padding: 1, values: sprinkled(normal, NaN, Infinity, -0) },
];

function pair(c: Patches): StepCase[] {
  const [height, width, channels] = c.image;
  const kernel = both(c.kernel);
  const { stride, padding, dilation, rounding, rows = 2 } = c;
  const window = measure({ image: [height, width], kernel, stride, padding, dilation, rounding });
  const attributes = {
    kernelH: kernel[0],
    kernelW: kernel[1],
    ...windowAttributes(window, window.effectivePads),
    dilationH: window.dilation[0],
    dilationW: window.dilation[1],
  };
  const { values = normal } = c;
  const x = { shape: [rows, height, width, channels], batched: true, values };
  const columns = { shape: [rows, ...window.out, kernel[0] * kernel[1] * channels], batched: true, values };
  const options = { kernel: c.kernel, stride, padding, dilation, rounding };
  return [
    {
      name: c.name,
      op: "im2col",
      operands: [x],
      results: [columns],
      attributes,
      rows,
      build: ([v]) => im2col(v!, options),
    },
    {
      name: c.name,
      op: "col2im",
      operands: [columns],
      results: [x],
      attributes,
      rows,
      build: ([v]) => col2im(v!, [height, width], options),
    },
  ];
}

export const cases: readonly StepCase[] = table.flatMap(pair);

export const errors: readonly ErrorCase[] = [
  {
    name: "a window larger than the image",
    build: () => im2col(placeholder([1, 2, 5, 3], { batched: true }), { kernel: 3 }),
    code: "ERR_STRIATE_SHAPE",
    message: "im2col: the window covers 3 but the padded height is only 2 (2 + 0)",
  },
  {
    name: "columns of another image",
    build: () => col2im(placeholder([1, 2, 2, 27], { batched: true }), [5, 4], { kernel: 3 }),
    code: "ERR_STRIATE_GRAPH",
    message: "col2im: columns must be [rows, 3, 2, a multiple of 9] for an image of [5, 4], got [1, 2, 2, 27]",
  },
];
