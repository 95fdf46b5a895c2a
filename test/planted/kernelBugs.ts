/** Bugs of kernels: each wraps a kernel of the reference backend and spoils what it does. */
import type { Attributes, KernelContext, Operands } from "../../lib/backend/reference/kernel.js";
import type { Tensor } from "../../lib/backend/reference/tensor.js";
import type { OpName } from "../../lib/graph/opSchema.js";

type AnyOperands = Readonly<Record<string, Tensor | undefined>>;
type AnyAttributes = Readonly<Record<string, number>>;
export type Run = (operands: Operands<OpName>, attributes: Attributes<OpName>, context: KernelContext) => void;
/** Called in place of the kernel, which is `real`. */
type Spoiled = (
  real: () => void,
  operands: AnyOperands,
  attributes: AnyAttributes,
  context: KernelContext,
  run: Run,
) => void;

export interface PlantedKernel {
  readonly name: string;
  readonly ops: readonly OpName[];
  readonly spoiled: Spoiled;
}

const at = (t: Tensor, pixel: number, channel: number): number => t.offset + pixel * t.pixelStride + channel;

function forEach(t: Tensor, visit: (index: number, pixel: number, channel: number) => void): void {
  for (let p = 0; p < t.pixels; p++) for (let c = 0; c < t.channels; c++) visit(at(t, p, c), p, c);
}

/** The result that a bug shows in: the first one present. */
function resultOf(operands: AnyOperands): Tensor {
  for (const name of [
    "y",
    "dx",
    "dfilter",
    "dkernel",
    "columns",
    "dlogits",
    "dprediction",
    "loss",
    "shift",
    "newParameter",
  ]) {
    const tensor = operands[name];
    if (tensor !== undefined) return tensor;
  }
  throw new Error("planted bug: no result");
}

const elementwise: readonly OpName[] = [
  "add",
  "activation",
  "activation.backward",
  "copy",
  "rescale",
  "batchNorm.inference",
];
const widths: readonly OpName[] = [...elementwise, "conv2d", "filter2d", "matmul", "maxPool2d", "avgPool2d", "softmax"];

const tail = (width: number): PlantedKernel => ({
  name: `channels after the last ${String(width)} left out`,
  ops: widths,
  spoiled: (real, operands) => {
    const y = resultOf(operands);
    const before = new Map<number, number>();
    forEach(y, (i, _, c) => {
      if (c >= Math.floor(y.channels / width) * width) before.set(i, y.data[i]!);
    });
    real();
    for (const [i, value] of before) y.data[i] = value;
  },
});

/** One pixel of six lost, as a tile's remainder might be. */
const lostPixels: PlantedKernel = {
  name: "pixels after the last 6 left out",
  ops: ["conv2d", "conv2d.backwardInput", "matmul", "maxPool2d"],
  spoiled: (real, operands) => {
    const y = resultOf(operands);
    real();
    forEach(y, (i, p) => {
      if (p >= Math.floor(y.pixels / 6) * 6) y.data[i] = 0;
    });
  },
};

/** Both 0 * NaN: a guard band next to an operand is NaN. */
const readsTooFar: PlantedKernel = {
  name: "reads one element after each pixel",
  ops: widths,
  spoiled: (real, operands) => {
    real();
    const x = operands["x"] ?? operands["a"] ?? operands["y"]!;
    const y = resultOf(operands);
    y.data[y.offset]! += 0 * (x.data[at(x, 0, x.channels)] ?? 0);
  },
};

const writesTooFar: PlantedKernel = {
  name: "writes whole vectors: beyond the last channel",
  ops: [...widths, "conv2d.backwardInput", "maxPool2d.backward", "channelSum"],
  spoiled: (real, operands) => {
    const y = resultOf(operands);
    for (let p = 0; p < y.pixels; p++) {
      // the next pixel repairs what a dense buffer loses, as it would in vector code
      if (y.pixelStride > y.channels || p + 1 === y.pixels) {
        const after = at(y, p, y.channels);
        if (after < y.data.length) y.data[after] = 0;
      }
    }
    real();
  },
};

const writesDeadRows: PlantedKernel = {
  name: "writes rows that are not live",
  ops: ["conv2d", "maxPool2d", "activation", "batchNorm.train"],
  spoiled: (real, operands) => {
    const y = resultOf(operands);
    const dead = at(y, y.pixels, 0);
    if (dead < y.data.length) y.data[dead] = 0;
    real();
  },
};

const clearsFirst: PlantedKernel = {
  name: "clears the result before it has read the operands",
  ops: ["add", "activation", "activation.backward", "batchNorm.inference"],
  spoiled: (real, operands) => {
    const y = resultOf(operands);
    forEach(y, (i) => (y.data[i] = 0));
    real();
  },
};

const lowPrecision: PlantedKernel = {
  name: "rounds to bfloat16",
  ops: [
    "conv2d",
    "conv2d.backwardInput",
    "conv2d.backwardFilter",
    "filter2d",
    "filter2d.backwardInput",
    "filter2d.backwardKernel",
    "matmul",
    "avgPool2d",
    "batchNorm.train",
    "softmax",
    "channelSum",
    "activation",
  ],
  spoiled: (real, operands) => {
    real();
    const y = resultOf(operands);
    const word = new DataView(new ArrayBuffer(4));
    forEach(y, (i) => {
      word.setFloat32(0, y.data[i]!);
      word.setUint16(2, 0);
      y.data[i] = word.getFloat32(0);
    });
  },
};

/** Edits operands for the time of the kernel, then puts them back. */
const withOperand = (tensor: Tensor | undefined, edit: (value: number) => number, body: () => void): void => {
  if (tensor === undefined) {
    body();
    return;
  }
  const saved = tensor.data.slice();
  forEach(tensor, (i) => (tensor.data[i] = edit(tensor.data[i]!)));
  body();
  tensor.data.set(saved);
};

const ignores = (operand: string, ops: readonly OpName[]): PlantedKernel => ({
  name: `${operand} ignored`,
  ops,
  spoiled: (real, operands) => withOperand(operands[operand], () => 0, real),
});

const window: readonly PlantedKernel[] = [
  {
    name: "the window ends one column early",
    ops: ["maxPool2d", "avgPool2d"],
    spoiled: (_, operands, attributes, context, run) =>
      run(operands as never, { ...attributes, kernelW: Math.max(1, attributes["kernelW"]! - 1) } as never, context),
  },
  {
    name: "padding wins over negative numbers",
    ops: ["maxPool2d"],
    spoiled: (real, operands, attributes) => {
      real();
      if (attributes["padTop"]! + attributes["padLeft"]! === 0) return;
      const y = resultOf(operands);
      forEach(y, (i, p) => {
        if (p === 0) y.data[i] = Math.max(0, y.data[i]!);
      });
    },
  },
  {
    name: "NaN loses every comparison",
    ops: ["maxPool2d"],
    spoiled: (real, operands) => withOperand(operands["x"], (v) => (Number.isNaN(v) ? -Infinity : v), real),
  },
  {
    // mirroring the image and the windows turns the first maximum into the last
    name: "of equal values the last wins",
    ops: ["maxPool2d.backward"],
    spoiled: (_real, operands, attributes, context, run) => {
      const mirrored = (t: Tensor): Tensor => {
        const data = t.data.slice();
        const [rows, ...rest] = t.shape as [number, number, number, number];
        const perRow = rest[0] * rest[1];
        for (let n = 0; n < rows; n++) {
          for (let p = 0; p < perRow; p++) {
            for (let c = 0; c < t.channels; c++)
              data[at(t, n * perRow + p, c)] = t.data[at(t, n * perRow + perRow - 1 - p, c)]!;
          }
        }
        return { ...t, data };
      };
      const span = (size: number, out: number, kernel: number, stride: number): number =>
        (out - 1) * stride + kernel - size;
      const [, height, width] = operands["dx"]!.shape as [number, number, number];
      const [, outH, outW] = operands["dy"]!.shape as [number, number, number];
      const { kernelH, kernelW, strideH, strideW, padTop, padLeft } = attributes as Record<string, number>;
      const padBottom = span(height, outH, kernelH!, strideH!) - padTop!;
      const padRight = span(width, outW, kernelW!, strideW!) - padLeft!;
      const dx = mirrored(operands["dx"]!);
      const turned = { ...attributes, padTop: padBottom, padLeft: padRight };
      run({ x: mirrored(operands["x"]!), dy: mirrored(operands["dy"]!), dx } as never, turned as never, context);
      operands["dx"]!.data.set(mirrored(dx).data);
    },
  },
];

/** The filter's taps, inputs or outputs read in another order. */
const filterOrder = (name: string, order: (shape: readonly number[], index: number) => number): PlantedKernel => ({
  name,
  ops: ["conv2d", "conv2d.backwardInput"],
  spoiled: (real, operands) => {
    const filter = operands["filter"]!;
    const size = filter.pixels * filter.channels;
    const place = (i: number): number => at(filter, Math.floor(i / filter.channels), i % filter.channels);
    const saved = filter.data.slice();
    for (let i = 0; i < size; i++) filter.data[place(i)] = saved[place(order(filter.shape, i))]!;
    real();
    filter.data.set(saved);
  },
});

const convolution: readonly PlantedKernel[] = [
  filterOrder("convolution where cross-correlation is meant", ([kh, kw, c, o], i) => {
    const tap = Math.floor(i / (c! * o!));
    return (kh! * kw! - 1 - tap) * c! * o! + (i % (c! * o!));
  }),
  filterOrder("outputs of a group in the order of another", ([, , , o], i) => i - (i % o!) + (((i % o!) + 1) % o!)),
  ignores("bias", ["conv2d", "matmul"]),
  ignores("residual", ["conv2d", "matmul"]),
  ignores("scale", ["conv2d", "matmul"]),
  {
    name: "activation before the residual",
    ops: ["conv2d", "matmul"],
    spoiled: (_, operands, attributes, context, run) => {
      run({ ...operands, residual: undefined } as never, attributes as never, context);
      const { residual } = operands;
      const y = resultOf(operands);
      if (residual !== undefined) forEach(y, (i, p, c) => (y.data[i]! += residual.data[at(residual, p, c)]!));
    },
  },
  {
    name: "padding of ones",
    ops: ["im2col"],
    spoiled: (real, operands, attributes) => {
      real();
      const y = resultOf(operands);
      if (attributes["padTop"]! > 0) forEach(y, (i, p) => (p === 0 && y.data[i] === 0 ? (y.data[i] = 1) : 0));
    },
  },
  {
    name: "overlapping patches overwrite",
    ops: ["col2im"],
    spoiled: (real, operands, attributes) => {
      real();
      const x = operands["x"]!;
      if (attributes["strideW"]! < attributes["kernelW"]!) forEach(x, (i) => (x.data[i] = x.data[i]! / 2));
    },
  },
  {
    name: "the filter's gradient of the last row alone",
    ops: ["conv2d.backwardFilter"],
    spoiled: (_, operands, attributes, context, run) => {
      const lastRow = (t: Tensor): Tensor => {
        const [rows, ...rest] = t.shape as [number, ...number[]];
        const pixels = t.pixels / rows;
        return { ...t, offset: at(t, (rows - 1) * pixels, 0), shape: [1, ...rest], pixels };
      };
      run({ ...operands, x: lastRow(operands["x"]!), dy: lastRow(operands["dy"]!) } as never, attributes as never, {
        ...context,
        rows: 1,
      });
    },
  },
];

const statistics: readonly PlantedKernel[] = [
  {
    name: "one-pass variance in float32",
    ops: ["batchNorm.train"],
    spoiled: (real, operands) => {
      real();
      const x = operands["x"]!;
      const variance = operands["variance"]!;
      for (let c = 0; c < x.channels; c++) {
        let sum = 0;
        let squares = 0;
        for (let p = 0; p < x.pixels; p++) {
          const value = x.data[at(x, p, c)]!;
          sum = Math.fround(sum + value);
          squares = Math.fround(squares + Math.fround(value * value));
        }
        const mean = Math.fround(sum / x.pixels);
        variance.data[variance.offset + c] = Math.max(0, Math.fround(squares / x.pixels) - Math.fround(mean * mean));
      }
    },
  },
  {
    name: "unbiased variance normalises",
    ops: ["batchNorm.train"],
    spoiled: (real, operands) => {
      real();
      const { pixels } = operands["x"]!;
      const variance = operands["variance"]!;
      forEach(variance, (i) => (variance.data[i]! *= pixels / (pixels - 1)));
    },
  },
  {
    name: "the mean's part of the gradient forgotten",
    ops: ["batchNorm.trainBackward"],
    spoiled: (real, operands) => {
      real();
      const { dx, dy, gamma, variance } = operands as Record<string, Tensor>;
      const mean = (c: number): number => {
        let sum = 0;
        for (let p = 0; p < dy!.pixels; p++) sum += dy!.data[at(dy!, p, c)]!;
        return (
          (sum / dy!.pixels) *
          (gamma!.data[gamma!.offset + c]! / Math.sqrt(variance!.data[variance!.offset + c]! + 1e-5))
        );
      };
      forEach(dx!, (i, _, c) => (dx!.data[i]! += mean(c)));
    },
  },
  {
    name: "statistics count the whole capacity",
    ops: ["batchNorm.updateStatistics"],
    spoiled: (_, operands, attributes, context, run) =>
      run(operands as never, attributes as never, { ...context, rows: context.rows + 1 }),
  },
  ignores("beta", ["batchNorm.inference", "batchNorm.train", "batchNorm.trainBackward", "batchNorm.fold"]),
  ignores("mean", ["batchNorm.inference", "batchNorm.inferenceBackward", "batchNorm.trainBackward", "batchNorm.fold"]),
  ignores("bias", ["batchNorm.fold"]),
];

const scaledLoss: PlantedKernel = {
  name: "the mean divides by one too many",
  ops: ["softmaxCrossEntropy", "softmaxCrossEntropy.backward", "meanSquaredError", "meanSquaredError.backward"],
  spoiled: (real, operands, _attributes, { rows }) => {
    real();
    const result = operands["loss"] ?? resultOf(operands);
    forEach(result, (i) => (result.data[i]! *= rows / (rows + 1)));
  },
};

const others: readonly PlantedKernel[] = [
  {
    name: "relu of NaN is 0",
    ops: ["conv2d", "activation"],
    spoiled: (real, operands, attributes) => {
      real();
      const y = resultOf(operands);
      if (attributes["activation"] === 1) forEach(y, (i) => (Number.isNaN(y.data[i]!) ? (y.data[i] = 0) : 0));
    },
  },
  {
    name: "the slope at 0 is that of the positive side",
    ops: ["activation.backward"],
    spoiled: (real, operands, attributes) => {
      real();
      const { y, dy, dx } = operands as Record<string, Tensor>;
      if (attributes["activation"]! > 2) return;
      forEach(dx!, (i, p, c) => {
        if (y!.data[at(y!, p, c)] === 0) dx!.data[i] = dy!.data[at(dy!, p, c)]!;
      });
    },
  },
  {
    name: "softmax without its maximum",
    ops: ["softmax"],
    spoiled: (_, operands) => {
      const { x, y } = operands as Record<string, Tensor>;
      for (let p = 0; p < x!.pixels; p++) {
        let sum = 0;
        for (let c = 0; c < x!.channels; c++) sum += Math.fround(Math.exp(x!.data[at(x!, p, c)]!));
        for (let c = 0; c < x!.channels; c++)
          y!.data[at(y!, p, c)] = Math.fround(Math.exp(x!.data[at(x!, p, c)]!)) / sum;
      }
    },
  },
  scaledLoss,
  ignores("target", ["meanSquaredError", "meanSquaredError.backward"]),
  ignores("dloss", ["softmaxCrossEntropy.backward", "meanSquaredError.backward"]),
  {
    name: "a label one too small",
    ops: ["softmaxCrossEntropy", "softmaxCrossEntropy.backward"],
    spoiled: (real, operands) => withOperand(operands["labels"], (v) => Math.max(0, v - 1), real),
  },
  {
    name: "u8 read as signed",
    ops: ["rescale"],
    spoiled: (real, operands, attributes) => {
      real();
      const { x, y } = operands as Record<string, Tensor>;
      if (!((x!.data as unknown) instanceof Uint8Array)) return;
      forEach(y!, (i, p, c) => {
        const value = x!.data[at(x!, p, c)]!;
        y!.data[i] = (value > 127 ? value - 256 : value) * attributes["scale"]! + attributes["offset"]!;
      });
    },
  },
  {
    name: "the last pixel missing from a sum",
    ops: ["channelSum"],
    spoiled: (_, operands, attributes, context, run) => {
      const x = operands["x"]!;
      run(
        { ...operands, x: { ...x, pixels: x.pixels - 1, shape: [x.pixels - 1, x.channels] } } as never,
        attributes as never,
        context,
      );
    },
  },
  {
    name: "the first row missing from fused channel sums",
    ops: ["activation.backward", "maxPool2d.backward", "batchNorm.trainBackward"],
    spoiled: (real, operands, _attributes, { rows }) => {
      real();
      const { dx, sums } = operands as { dx: Tensor; sums: Tensor | undefined };
      if (sums === undefined) return;
      forEach({ ...dx, pixels: dx.pixels / rows }, (i, _, c) => (sums.data[sums.offset + c]! -= dx.data[i]!));
    },
  },
  {
    name: "velocity not kept",
    ops: ["sgd"],
    spoiled: (real, operands) => {
      const { velocity } = operands;
      const saved = velocity?.data.slice();
      real();
      if (saved !== undefined) velocity!.data.set(saved);
    },
  },
  {
    name: "learning rate inside the velocity",
    ops: ["sgd"],
    spoiled: (real, operands, _attributes, { learningRate }) => {
      real();
      const { velocity } = operands;
      if (velocity !== undefined) forEach(velocity, (i) => (velocity.data[i]! *= learningRate));
    },
  },
];

export const kernelBugs: readonly PlantedKernel[] = [
  tail(4),
  tail(8),
  tail(16),
  lostPixels,
  readsTooFar,
  writesTooFar,
  writesDeadRows,
  clearsFirst,
  lowPrecision,
  ...window,
  ...convolution,
  ...statistics,
  ...others,
];
