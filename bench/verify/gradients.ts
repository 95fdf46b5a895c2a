/** What the gradients of a convolution and a product of matrices must be: float64 loops over samples, as in expectation.ts. */
import { outputSize, type ConvShape } from "../work.js";
import { budget, samplePixels, SumExpectation, type Expectation } from "./expectation.js";

/**
 * dx = every dy that x went into, times the weight it went in with; at a sample of pixels, all channels of each.
 * @param dy [batch, outHeight, outWidth, filters]
 * @param filter [kernel, kernel, channels / groups, filters]
 */
export function expectInputGradient(
  shape: ConvShape,
  batch: number,
  dy: Float32Array,
  filter: Float32Array,
): Expectation {
  const { input, filters, kernel, stride, padding, groups } = shape;
  const [height, width, channels] = input;
  const [outHeight, outWidth] = outputSize(shape);
  const perGroup = channels / groups;
  const filtersPerGroup = filters / groups;
  const length = kernel * kernel * filtersPerGroup;
  const expected = new SumExpectation();
  for (const pixel of samplePixels(batch * height * width, width, budget / (length * channels))) {
    const row = Math.floor(pixel / (height * width));
    const y = Math.floor(pixel / width) % height;
    const x = pixel % width;
    for (let channel = 0; channel < channels; channel++) {
      const firstFilter = Math.floor(channel / perGroup) * filtersPerGroup;
      let sum = 0;
      let magnitude = 0;
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const outY = (y + padding - Math.floor(tap / kernel)) / stride;
        const outX = (x + padding - (tap % kernel)) / stride;
        if (!isIndex(outY, outHeight) || !isIndex(outX, outWidth)) continue;
        const from = ((row * outHeight + outY) * outWidth + outX) * filters + firstFilter;
        const weights = (tap * perGroup + (channel % perGroup)) * filters + firstFilter;
        for (let f = 0; f < filtersPerGroup; f++) {
          const product = dy[from + f]! * filter[weights + f]!;
          sum += product;
          magnitude += Math.abs(product);
        }
      }
      expected.add(pixel * channels + channel, sum, magnitude, length);
    }
  }
  return expected.expectation();
}

/**
 * dfilter = every x that met the weight, times the dy it went into; at a sample of weights.
 * @param x [batch, height, width, channels]
 * @param dy [batch, outHeight, outWidth, filters]
 */
export function expectFilterGradient(shape: ConvShape, batch: number, x: Float32Array, dy: Float32Array): Expectation {
  const { input, filters, kernel, stride, padding, groups } = shape;
  const [height, width, channels] = input;
  const [outHeight, outWidth] = outputSize(shape);
  const perGroup = channels / groups;
  const pixels = batch * outHeight * outWidth;
  const weights = kernel * kernel * perGroup * filters;
  const expected = new SumExpectation();
  for (const weight of samplePixels(weights, filters, budget / pixels)) {
    const filter = weight % filters;
    const channel = Math.floor(filter / (filters / groups)) * perGroup + (Math.floor(weight / filters) % perGroup);
    const tap = Math.floor(weight / filters / perGroup);
    let sum = 0;
    let magnitude = 0;
    for (let pixel = 0; pixel < pixels; pixel++) {
      const y = (Math.floor(pixel / outWidth) % outHeight) * stride - padding + Math.floor(tap / kernel);
      const z = (pixel % outWidth) * stride - padding + (tap % kernel);
      if (!isIndex(y, height) || !isIndex(z, width)) continue;
      const row = Math.floor(pixel / (outHeight * outWidth));
      const product = x[((row * height + y) * width + z) * channels + channel]! * dy[pixel * filters + filter]!;
      sum += product;
      magnitude += Math.abs(product);
    }
    expected.add(weight, sum, magnitude, pixels);
  }
  return expected.expectation();
}

/** y[m, n] = a[m, k] * b[k, n], at a sample of rows. */
export function expectProduct(
  { m, n, k }: { readonly m: number; readonly n: number; readonly k: number },
  a: Float32Array,
  b: Float32Array,
): Expectation {
  const expected = new SumExpectation();
  for (const row of samplePixels(m, 1, budget / (n * k))) {
    for (let column = 0; column < n; column++) {
      let sum = 0;
      let magnitude = 0;
      for (let i = 0; i < k; i++) {
        const product = a[row * k + i]! * b[i * n + column]!;
        sum += product;
        magnitude += Math.abs(product);
      }
      expected.add(row * n + column, sum, magnitude, k);
    }
  }
  return expected.expectation();
}

function isIndex(value: number, size: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < size;
}
