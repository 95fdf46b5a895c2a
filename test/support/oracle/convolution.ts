/** conv2d, its two gradients, im2col and col2im: seven nested loops, nothing clever. */
import { epilogue } from "./activation.js";
import { widenFilterGradient, widenProducts } from "./winograd.js";
import { type Attributes, type Bounded, flushed, type Oracle, type Rounding, type Tensor, zeros } from "./tensor.js";

interface Sites {
  readonly image: readonly number[];
  readonly output: readonly number[];
  readonly kernelH: number;
  readonly kernelW: number;
}

/** Calls `visit` for every (output pixel, tap) whose tap lies in the image, with the pixel numbers of both. */
function forEachTap(
  { image, output, kernelH, kernelW }: Sites,
  attributes: Attributes,
  visit: (outPixel: number, tap: number, inPixel: number) => void,
): void {
  const [rows, height, width] = image as [number, number, number];
  const [, outHeight, outWidth] = output as [number, number, number];
  const dilationH = attributes["dilationH"]!;
  const dilationW = attributes["dilationW"]!;
  for (let n = 0; n < rows; n++) {
    for (let oh = 0; oh < outHeight; oh++) {
      for (let ow = 0; ow < outWidth; ow++) {
        for (let kh = 0; kh < kernelH; kh++) {
          for (let kw = 0; kw < kernelW; kw++) {
            const h = oh * attributes["strideH"]! + kh * dilationH - attributes["padTop"]!;
            const w = ow * attributes["strideW"]! + kw * dilationW - attributes["padLeft"]!;
            if (h < 0 || h >= height || w < 0 || w >= width) continue;
            visit((n * outHeight + oh) * outWidth + ow, kh * kernelW + kw, (n * height + h) * width + w);
          }
        }
      }
    }
  }
}

/**
 * The three products of a convolution share their index triples (output element, filter element, image element): each
 * one sums over the third what the other two multiply to. `visit` gets a run of them: `count` neighbouring filters, so
 * that weight and output step by one while the image element stays.
 */
function forEachRun(
  x: readonly number[],
  filter: readonly number[],
  y: readonly number[],
  attributes: Attributes,
  visit: (image: number, weight: number, output: number, count: number) => void,
): void {
  const [kernelH, kernelW, perGroup, outputs] = filter as [number, number, number, number];
  const channels = x[3]!;
  const groups = attributes["groups"]!;
  const count = outputs / groups;
  forEachTap({ image: x, output: y, kernelH, kernelW }, attributes, (outPixel, tap, inPixel) => {
    for (let group = 0; group < groups; group++) {
      for (let c = 0; c < perGroup; c++) {
        const first = group * count;
        const image = inPixel * channels + group * perGroup + c;
        visit(image, (tap * perGroup + c) * outputs + first, outPixel * outputs + first, count);
      }
    }
  });
}

/** Sums a*b into `target`, and derives its tolerance: terms x unit x Σ|a||b|. */
export class ProductSums {
  readonly result: Bounded;
  private readonly terms: Float64Array;
  private readonly magnitude: Float64Array;

  constructor(shape: readonly number[]) {
    this.result = zeros(shape);
    this.terms = new Float64Array(this.result.data.length);
    this.magnitude = new Float64Array(this.result.data.length);
  }

  add(index: number, a: number, b: number): void {
    this.result.data[index]! += a * b;
    this.terms[index]! += 1;
    this.magnitude[index]! += Math.abs(a * b);
  }

  /** `count` terms: element i of each is at its index + i * its step. */
  addRun(
    index: number,
    step: number,
    a: Tensor,
    aIndex: number,
    aStep: number,
    b: Tensor,
    bIndex: number,
    bStep: number,
    count: number,
  ): void {
    const { data } = this.result;
    const { terms, magnitude } = this;
    for (let i = 0; i < count; i++) {
      const product = a.data[aIndex + i * aStep]! * b.data[bIndex + i * bStep]!;
      const at = index + i * step;
      data[at]! += product;
      terms[at]! += 1;
      magnitude[at]! += Math.abs(product);
    }
  }

  /** `sum` is the unit of the accumulator, `store` that of the stored result, `partial` that of stored partial sums. */
  close({ sum, store }: Rounding, partial = 0): Bounded {
    const { data, tolerance } = this.result;
    for (let i = 0; i < data.length; i++) {
      tolerance[i] =
        (this.terms[i]! + 1) * (sum * this.magnitude[i]! + flushed) +
        partial * this.magnitude[i]! +
        2 * store * Math.abs(data[i]!);
    }
    return this.result;
  }
}

/** Adds bias[o] and residual to sums that are closed, with their rounding. */
export function addEpilogueOperands(
  y: Bounded,
  bias: Tensor | undefined,
  residual: Tensor | undefined,
  store: number,
): void {
  const channels = y.shape[y.shape.length - 1]!;
  for (let i = 0; i < y.data.length; i++) {
    const b = bias === undefined ? 0 : bias.data[i % channels]!;
    const r = residual === undefined ? 0 : residual.data[i]!;
    if (bias === undefined && residual === undefined) return;
    y.tolerance[i]! += 3 * store * (Math.abs(y.data[i]!) + Math.abs(b) + Math.abs(r));
    y.data[i]! += b + r;
  }
}

/** The weights times the scale of their column, which is the last dimension or, transposed, the first. */
export function scaled(weights: Tensor, scale: Tensor | undefined, transposed = false): Tensor {
  if (scale === undefined) return weights;
  const columns = scale.data.length;
  const run = transposed ? weights.data.length / columns : 1;
  return { ...weights, data: weights.data.map((value, i) => value * scale.data[Math.floor(i / run) % columns]!) };
}

export const conv2d: Oracle = ([x, weights, bias, residual, scale], attributes, { rounding, shapes, algorithm }) => {
  const filter = scaled(weights!, scale);
  const sums = new ProductSums(shapes[0]!);
  forEachRun(x!.shape, filter.shape, shapes[0]!, attributes, (image, weight, output, count) => {
    sums.addRun(output, 1, x!, image, 0, filter, weight, 1, count);
  });
  // a scaled weight is rounded when it is stored
  const y = sums.close(rounding, scale === undefined ? 0 : rounding.store);
  const [, , perGroup, out] = filter.shape as readonly [number, number, number, number];
  widenProducts(
    y.tolerance,
    { attributes, filterShape: filter.shape, algorithm, unit: rounding.sum },
    {
      source: x!,
      target: y.shape,
      filter: (kh, kw, c, k) => filter.data[((kh * 3 + kw) * perGroup + c) * out + k]!,
      top: attributes["padTop"]!,
      left: attributes["padLeft"]!,
    },
  );
  addEpilogueOperands(y, bias, residual, rounding.store);
  return [epilogue(y, attributes, rounding)];
};

export const conv2dBackwardInput: Oracle = ([dy, filter], attributes, { rounding, shapes, algorithm }) => {
  const sums = new ProductSums(shapes[0]!);
  forEachRun(shapes[0]!, filter!.shape, dy!.shape, attributes, (image, weight, output, count) => {
    sums.addRun(image, 0, dy!, output, 1, filter!, weight, 1, count);
  });
  // the explicit algorithm stores its matrix of columns, partial sums over the filters, before it adds them up
  const dx = sums.close(rounding, attributes["algorithm"] === 1 ? rounding.store : 0);
  const [, , perGroup, out] = filter!.shape as readonly [number, number, number, number];
  widenProducts(
    dx.tolerance,
    { attributes, filterShape: filter!.shape, algorithm, unit: rounding.sum },
    {
      source: dy!,
      target: dx.shape,
      filter: (kh, kw, o, c) => filter!.data[((8 - (kh * 3 + kw)) * perGroup + c) * out + o]!,
      top: 2 - attributes["padTop"]!,
      left: 2 - attributes["padLeft"]!,
    },
  );
  return [dx];
};

export const conv2dBackwardFilter: Oracle = ([x, dy], attributes, { rounding, shapes, algorithm }) => {
  const sums = new ProductSums(shapes[0]!);
  forEachRun(x!.shape, shapes[0]!, dy!.shape, attributes, (image, weight, output, count) => {
    sums.addRun(weight, 1, x!, image, 0, dy!, output, 1, count);
  });
  const dfilter = sums.close(rounding);
  widenFilterGradient(
    dfilter.tolerance,
    { attributes, filterShape: dfilter.shape, algorithm, unit: rounding.sum },
    x!,
    dy!,
  );
  return [dfilter];
};

/** columns[n,oh,ow, tap*c + channel] = x at that tap, 0 in the padding: a copy, so exact. */
export const im2col: Oracle = ([x], attributes, { shapes }) => {
  const columns = zeros(shapes[0]!);
  const channels = x!.shape[3]!;
  const kernelH = attributes["kernelH"]!;
  const kernelW = attributes["kernelW"]!;
  forEachTap({ image: x!.shape, output: shapes[0]!, kernelH, kernelW }, attributes, (outPixel, tap, inPixel) => {
    for (let c = 0; c < channels; c++) {
      columns.data[(outPixel * kernelH * kernelW + tap) * channels + c] = x!.data[inPixel * channels + c]!;
    }
  });
  return [columns];
};

export const col2im: Oracle = ([columns], attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  const channels = shapes[0]![3]!;
  const kernelH = attributes["kernelH"]!;
  const kernelW = attributes["kernelW"]!;
  forEachTap({ image: shapes[0]!, output: columns!.shape, kernelH, kernelW }, attributes, (outPixel, tap, inPixel) => {
    for (let c = 0; c < channels; c++) {
      sums.add(inPixel * channels + c, columns!.data[(outPixel * kernelH * kernelW + tap) * channels + c]!, 1);
    }
  });
  return [sums.close(rounding)];
};
