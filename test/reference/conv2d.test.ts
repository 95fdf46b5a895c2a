import { describe, expect, it } from "vitest";
import { activationCodes, algorithmCodes } from "../../lib/graph/opSchema.js";
import { at, expectClose, random, runOp, zeros, type Dense } from "./naive.js";

interface Case {
  readonly x: readonly [n: number, h: number, w: number, c: number];
  /** kernelH, kernelW, output channels */
  readonly filter: readonly [number, number, number];
  readonly stride?: readonly [number, number];
  /** top, bottom, left, right */
  readonly pad?: readonly [number, number, number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
}

const cases: readonly Case[] = [
  { x: [1, 1, 1, 1], filter: [1, 1, 1] },
  { x: [2, 5, 7, 3], filter: [3, 3, 4], pad: [1, 1, 1, 1] },
  { x: [2, 6, 5, 2], filter: [2, 3, 5], stride: [2, 1], pad: [0, 1, 2, 0] },
  { x: [1, 9, 8, 1], filter: [3, 2, 6], dilation: [2, 3], pad: [2, 0, 1, 3] },
  { x: [2, 6, 6, 6], filter: [3, 3, 9], groups: 3, stride: [3, 3] },
  { x: [2, 5, 4, 4], filter: [3, 3, 4], groups: 4, pad: [1, 1, 1, 1] },
  { x: [2, 5, 6, 3], filter: [3, 2, 6], groups: 3, stride: [2, 2], pad: [2, 1, 0, 2], dilation: [1, 2] },
  { x: [3, 4, 4, 5], filter: [1, 1, 7] },
  { x: [1, 7, 7, 3], filter: [1, 1, 2], stride: [2, 3] },
  { x: [1, 3, 3, 2], filter: [5, 5, 3], pad: [3, 2, 2, 4] },
  { x: [1, 20, 20, 17], filter: [3, 3, 18], pad: [1, 1, 1, 1] },
  { x: [2, 24, 24, 70], filter: [3, 3, 6], pad: [1, 1, 1, 1], stride: [2, 2] },
];

function describeCase({ x, filter, stride, pad, dilation, groups = 1 }: Case): string {
  const option = (name: string, value?: readonly number[]): string =>
    value === undefined ? "" : ` ${name} ${value.join(",")}`;
  return `x ${x.join("x")} filter ${filter.join("x")}${option("stride", stride)}${option("pad", pad)}${option("dilation", dilation)} groups ${groups}`;
}

function layout(c: Case): {
  attributes: Record<string, number>;
  y: [number, number, number, number];
  filter: number[];
} {
  const { stride = [1, 1], pad = [0, 0, 0, 0], dilation = [1, 1], groups = 1 } = c;
  const [n, h, w, channels] = c.x;
  const [kernelH, kernelW, out] = c.filter;
  const size = (extent: number, pads: number, kernel: number, i: 0 | 1): number =>
    Math.floor((extent + pads - (dilation[i] * (kernel - 1) + 1)) / stride[i]) + 1;
  return {
    attributes: {
      ...{ strideH: stride[0], strideW: stride[1], dilationH: dilation[0], dilationW: dilation[1], groups },
      ...{ padTop: pad[0], padBottom: pad[1], padLeft: pad[2], padRight: pad[3] },
    },
    y: [n, size(h, pad[0] + pad[1], kernelH, 0), size(w, pad[2] + pad[3], kernelW, 1), out],
    filter: [kernelH, kernelW, channels / groups, out],
  };
}

/** All products of a convolution: positions in x, filter and y. */
function forEachProduct(
  attributes: Record<string, number>,
  x: Dense,
  filter: Dense,
  y: Dense,
  visit: (x: number, filter: number, y: number) => void,
): void {
  const a = attributes;
  const [kernelH, kernelW, perGroup, out] = filter.shape as [number, number, number, number];
  const [n, outH, outW] = y.shape as [number, number, number];
  const outPerGroup = out / a["groups"]!;
  for (let i = 0; i < n; i++)
    for (let oh = 0; oh < outH; oh++)
      for (let ow = 0; ow < outW; ow++)
        for (let o = 0; o < out; o++)
          for (let kh = 0; kh < kernelH; kh++)
            for (let kw = 0; kw < kernelW; kw++)
              for (let c = 0; c < perGroup; c++) {
                const h = oh * a["strideH"]! - a["padTop"]! + kh * a["dilationH"]!;
                const w = ow * a["strideW"]! - a["padLeft"]! + kw * a["dilationW"]!;
                const from = at(x, i, h, w, Math.floor(o / outPerGroup) * perGroup + c);
                if (from !== undefined) visit(from, at(filter, kh, kw, c, o)!, at(y, i, oh, ow, o)!);
              }
}

describe.each(Object.entries(algorithmCodes))("conv2d, algorithm %s", (_, algorithm) => {
  it.each(cases.map((c) => [describeCase(c), c] as const))("%s", (_name, c) => {
    const { attributes, y: yShape, filter: filterShape } = layout(c);
    const options = { ...attributes, algorithm };
    const x = random(c.x, 1);
    const filter = random(filterShape, 2);
    const dy = random(yShape, 3);
    const scalars = { rows: c.x[0], capacity: c.x[0] + 1 };
    const wide = { batched: true, pixelStride: c.x[3] + 3, offset: 2 };
    const wideY = { batched: true, pixelStride: yShape[3] + 2, offset: 1 };
    const taps = filterShape[0]! * filterShape[1]! * filterShape[2]!;

    const y = zeros(yShape);
    forEachProduct(
      attributes,
      x,
      filter,
      y,
      (from, tap, to) => (y.values[to]! += x.values[from]! * filter.values[tap]!),
    );
    const forward = runOp(
      "conv2d",
      { x: { ...x, ...wide }, filter: { ...filter, pixelStride: filterShape[3]! + 1 } },
      { y: { shape: yShape, ...wideY } },
      options,
      scalars,
    );
    expectClose(forward["y"]!, y.values, taps, taps);

    const dx = zeros(c.x);
    forEachProduct(
      attributes,
      x,
      filter,
      y,
      (from, tap, to) => (dx.values[from]! += dy.values[to]! * filter.values[tap]!),
    );
    const input = runOp(
      "conv2d.backwardInput",
      { dy: { ...dy, ...wideY }, filter },
      { dx: { shape: c.x, ...wide } },
      options,
      scalars,
    );
    expectClose(input["dx"]!, dx.values, taps * yShape[3], taps);

    const dfilter = zeros(filterShape);
    forEachProduct(
      attributes,
      x,
      filter,
      y,
      (from, tap, to) => (dfilter.values[tap]! += dy.values[to]! * x.values[from]!),
    );
    const pixels = yShape[0] * yShape[1] * yShape[2];
    const weights = runOp(
      "conv2d.backwardFilter",
      { x: { ...x, ...wide }, dy: { ...dy, ...wideY } },
      { dfilter: { shape: filterShape } },
      options,
      scalars,
    );
    expectClose(weights["dfilter"]!, dfilter.values, pixels, pixels);
  });
});

describe("conv2d epilogue", () => {
  const x = random([2, 3, 3, 2], 1);
  const filter = random([2, 2, 2, 3], 2);
  const bias = random([3], 3);
  const residual = random([2, 2, 2, 3], 4);
  const attributes = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, groups: 1 };
  const sum = zeros([2, 2, 2, 3]);
  forEachProduct({ ...attributes, padTop: 0, padLeft: 0 }, x, filter, sum, (from, tap, to) => {
    sum.values[to]! += x.values[from]! * filter.values[tap]!;
  });
  const shifted = sum.values.map((value, i) => value + bias.values[i % 3]! + residual.values[i]!);
  const functions: Record<keyof typeof activationCodes, (v: number) => number> = {
    none: (v) => v,
    relu: (v) => Math.max(v, 0),
    leakyRelu: (v) => (v < 0 ? 0.3 * v : v),
    sigmoid: (v) => 1 / (1 + Math.exp(-v)),
    tanh: Math.tanh,
    relu6: (v) => Math.min(6, Math.max(0, v)),
  };
  it.each(Object.keys(functions) as (keyof typeof activationCodes)[])("bias, residual and %s", (name) => {
    const { y } = runOp(
      "conv2d",
      { x: { ...x, batched: true }, filter, bias, residual: { ...residual, batched: true, pixelStride: 5, offset: 2 } },
      { y: { shape: residual.shape, batched: true } },
      { ...attributes, activation: activationCodes[name], slope: 0.3 },
      { rows: 2 },
    );
    expectClose(y!, shifted.map(functions[name]), 8, 8);
  });
});

describe("conv2d, NaN", () => {
  const attributes = {
    strideH: 1,
    strideW: 1,
    dilationH: 1,
    dilationW: 1,
    groups: 1,
    activation: activationCodes.relu,
  };
  it("reaches exactly the outputs that read it, through relu", () => {
    const x = random([1, 4, 4, 1], 1);
    x.values[0] = NaN;
    const { y } = runOp("conv2d", { x, filter: random([2, 2, 1, 5], 2) }, { y: { shape: [1, 3, 3, 5] } }, attributes);
    expect(y!.every((value, i) => Number.isNaN(value) === i < 5)).toBe(true);
  });
});
