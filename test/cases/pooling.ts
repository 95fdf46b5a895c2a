/** The windows that both poolings are tried on. */
import { both, measure, type MeasuredWindow, type WindowSpec, windowAttributes } from "../support/windows.js";

export interface Pooling {
  readonly name: string;
  readonly rows?: number;
  readonly image: readonly [number, number, number];
  readonly size: number | readonly [number, number];
  readonly stride?: WindowSpec["stride"];
  readonly padding?: WindowSpec["padding"];
  readonly rounding?: WindowSpec["rounding"];
}

export const poolings: readonly Pooling[] = [
  ...[1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33].map((channels): Pooling => ({
    name: `${String(channels)} channels`,
    image: [4, 6, channels],
    size: 2,
  })),
  { name: "overlapping: 3, stride 2", image: [7, 9, 5], size: 3, stride: 2 },
  { name: "overlapping: 3, stride 1", image: [5, 4, 3], size: 3, stride: 1 },
  { name: "padded: 3, stride 2, padding 1", image: [5, 7, 4], size: 3, stride: 2, padding: 1 },
  {
    name: "asymmetric padding",
    image: [5, 6, 3],
    size: [3, 2],
    stride: 1,
    padding: [
      [1, 0],
      [0, 1],
    ],
  },
  { name: "same, stride 2", image: [5, 8, 9], size: 3, stride: 2, padding: "same" },
  { name: "same, stride 1, even window", image: [4, 5, 3], size: 2, stride: 1, padding: "same" },
  { name: "rectangular [2, 3], stride [1, 3]", image: [4, 9, 7], size: [2, 3], stride: [1, 3] },
  { name: "stride larger than the window", image: [7, 8, 3], size: [1, 2], stride: 3 },
  { name: "global", image: [5, 7, 17], size: [5, 7] },
  { name: "global, one channel", rows: 1, image: [3, 4, 1], size: [3, 4] },
  { name: "1x1", image: [3, 4, 5], size: 1, stride: 1 },
  { name: "floor drops the rest", image: [5, 7, 3], size: 2, rounding: "floor" },
  { name: "ceil overhangs", image: [5, 7, 4], size: 2, rounding: "ceil" },
  { name: "ceil, padded: 3, stride 2", image: [6, 8, 5], size: 3, stride: 2, padding: 1, rounding: "ceil" },
  {
    name: "ceil, asymmetric padding",
    image: [6, 5, 3],
    size: 3,
    stride: 2,
    padding: [
      [1, 0],
      [0, 1],
    ],
    rounding: "ceil",
  },
  {
    name: "ceil drops a window that starts in the padding",
    image: [5, 5, 3],
    size: 2,
    stride: 3,
    padding: 1,
    rounding: "ceil",
  },
  { name: "five rows", rows: 5, image: [4, 4, 6], size: 2 },
  {
    name: "ResNet's: 3, stride 2, padding 1, floor",
    image: [8, 6, 16],
    size: 3,
    stride: 2,
    padding: 1,
    rounding: "floor",
  },
];

export interface SizedPooling {
  readonly window: MeasuredWindow;
  readonly attributes: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/** Pooling keeps the declared padding: only that counts in an average. */
export function sizePooling(c: Pooling): SizedPooling {
  const [height, width, channels] = c.image;
  const kernel = both(c.size);
  const { stride = kernel, padding, rounding, rows = 3 } = c;
  const window = measure({ image: [height, width], kernel, stride, padding, rounding });
  return {
    window,
    attributes: { kernelH: kernel[0], kernelW: kernel[1], ...windowAttributes(window, window.pads) },
    rows,
    x: [rows, height, width, channels],
    y: [rows, ...window.out, channels],
  };
}
