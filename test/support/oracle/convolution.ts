/** conv2d, its two gradients, im2col and col2im: seven nested loops, nothing clever. */
import { epilogue } from "./activation.js";
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
 * one sums over the third what the other two multiply to.
 */
function forEachProduct(
  x: readonly number[],
  filter: readonly number[],
  y: readonly number[],
  attributes: Attributes,
  visit: (image: number, weight: number, output: number) => void,
): void {
  const [kernelH, kernelW, perGroup, outputs] = filter as [number, number, number, number];
  const channels = x[3]!;
  const groups = attributes["groups"]!;
  const outputsPerGroup = outputs / groups;
  forEachTap({ image: x, output: y, kernelH, kernelW }, attributes, (outPixel, tap, inPixel) => {
    for (let o = 0; o < outputs; o++) {
      const group = Math.floor(o / outputsPerGroup);
      for (let c = 0; c < perGroup; c++) {
        visit(inPixel * channels + group * perGroup + c, (tap * perGroup + c) * outputs + o, outPixel * outputs + o);
      }
    }
  });
}

/** Sums a*b into `target`, and derives its tolerance: terms x unit x Σ|a||b|. */
export class ProductSums {
  readonly result: Bounded;
  readonly #terms: Float64Array;
  readonly #magnitude: Float64Array;

  constructor(shape: readonly number[]) {
    this.result = zeros(shape);
    this.#terms = new Float64Array(this.result.data.length);
    this.#magnitude = new Float64Array(this.result.data.length);
  }

  add(index: number, a: number, b: number): void {
    this.result.data[index]! += a * b;
    this.#terms[index]! += 1;
    this.#magnitude[index]! += Math.abs(a * b);
  }

  /** `sum` is the unit of the accumulator, `store` that of the stored result, `partial` that of stored partial sums. */
  close({ sum, store }: Rounding, partial = 0): Bounded {
    const { data, tolerance } = this.result;
    for (let i = 0; i < data.length; i++) {
      tolerance[i] =
        (this.#terms[i]! + 1) * (sum * this.#magnitude[i]! + flushed) +
        partial * this.#magnitude[i]! +
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

export const conv2d: Oracle = ([x, filter, bias, residual], attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  forEachProduct(x!.shape, filter!.shape, shapes[0]!, attributes, (image, weight, output) => {
    sums.add(output, x!.data[image]!, filter!.data[weight]!);
  });
  const y = sums.close(rounding);
  addEpilogueOperands(y, bias, residual, rounding.store);
  return [epilogue(y, attributes, rounding)];
};

export const conv2dBackwardInput: Oracle = ([dy, filter], attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  forEachProduct(shapes[0]!, filter!.shape, dy!.shape, attributes, (image, weight, output) => {
    sums.add(image, dy!.data[output]!, filter!.data[weight]!);
  });
  // the explicit algorithm stores its matrix of columns, partial sums over the filters, before it adds them up
  return [sums.close(rounding, attributes["algorithm"] === 1 ? rounding.store : 0)];
};

export const conv2dBackwardFilter: Oracle = ([x, dy], attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  forEachProduct(x!.shape, shapes[0]!, dy!.shape, attributes, (image, weight, output) => {
    sums.add(weight, x!.data[image]!, dy!.data[output]!);
  });
  return [sums.close(rounding)];
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
