/** What pooling and batch norm must give: float64 loops over a few channels, as in expectation.ts. */
import { poolWindow, pooled, type PixelwiseOp } from "../work.js";
import type { Image } from "../work.js";
import { SumExpectation, type Expectation } from "./expectation.js";

export interface ChannelParameters {
  readonly gamma: Float32Array;
  readonly beta: Float32Array;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
}

/** Channels that are checked, all pixels of each. */
const most = 3;

/**
 * @param inputs as inputsOf(work) lists them
 * @param parameters of batch norm
 */
export function expectPixelwise(
  op: PixelwiseOp,
  image: Image,
  batch: number,
  inputs: readonly Float32Array[],
  parameters: Partial<ChannelParameters>,
  epsilon: number,
): Expectation {
  const channels = image[2];
  const expected = new SumExpectation();
  for (const channel of new Set([0, channels >> 1, channels - 1].slice(0, most))) {
    const column = (data: Float32Array): Float64Array =>
      Float64Array.from({ length: data.length / channels }, (_, pixel) => data[pixel * channels + channel]!);
    const [x, dy] = inputs.map(column) as [Float64Array, Float64Array];
    const of = (part: keyof ChannelParameters): number => parameters[part]![channel]!;
    const add = (pixel: number, value: number, magnitude = Math.abs(value), terms = 0): void => {
      expected.add(pixel * channels + channel, value, magnitude, terms);
    };
    switch (op) {
      case "maxPool2d":
        maxima(image, batch, x).forEach((from, pixel) => add(pixel, x[from]!));
        break;
      case "maxPool2dBackward": {
        const dx = new Float64Array(x.length);
        maxima(image, batch, x).forEach((from, pixel) => (dx[from]! += dy[pixel]!));
        // A pixel is in four windows at most; their gradients may cancel.
        dx.forEach((value, pixel) => add(pixel, value, 4));
        break;
      }
      case "batchNormTrain": {
        const mean = average(x);
        const scale = of("gamma") / Math.sqrt(average(x.map((value) => (value - mean) ** 2)) + epsilon);
        // Sums over all pixels come first: their rounding errors grow like the square root of the count at most pairwise.
        const terms = Math.sqrt(x.length);
        x.forEach((value, pixel) => {
          const y = (value - mean) * scale + of("beta");
          add(pixel, y, Math.abs(scale) * (Math.abs(value) + 1) + 1, terms);
        });
        break;
      }
      case "batchNormBackward": {
        const inverse = 1 / Math.sqrt(of("variance") + epsilon);
        const normal = x.map((value) => (value - of("mean")) * inverse);
        const meanDy = average(dy);
        const meanProduct = average(normal.map((value, i) => value * dy[i]!));
        const scale = of("gamma") * inverse;
        const terms = Math.sqrt(x.length);
        dy.forEach((value, pixel) => {
          const dx = scale * (value - meanDy - normal[pixel]! * meanProduct);
          add(pixel, dx, Math.abs(scale) * (Math.abs(value) + Math.abs(normal[pixel]!) + 1), terms);
        });
        break;
      }
    }
  }
  return expected.expectation();
}

function average(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** For each window the position of its first maximum. */
function maxima([height, width, channels]: Image, batch: number, x: Float64Array): Int32Array {
  const { size, stride, padding } = poolWindow;
  const [outHeight, outWidth] = pooled([height, width, channels]);
  return Int32Array.from({ length: batch * outHeight * outWidth }, (_, pixel) => {
    const row = Math.floor(pixel / (outHeight * outWidth));
    const top = (Math.floor(pixel / outWidth) % outHeight) * stride - padding;
    const left = (pixel % outWidth) * stride - padding;
    let best = -1;
    for (let y = Math.max(0, top); y < Math.min(height, top + size); y++) {
      for (let z = Math.max(0, left); z < Math.min(width, left + size); z++) {
        const at = (row * height + y) * width + z;
        if (best < 0 || x[at]! > x[best]!) best = at;
      }
    }
    return best;
  });
}
