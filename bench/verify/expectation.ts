/** What a result must be, at a sample of its elements: computed by plain float64 loops that know nothing of the library. */
import { outputSize, type ConvShape } from "../work.js";

export interface Expectation {
  readonly judge: "float64 loop" | "striate's own result";
  /** Positions in the result, in the layout [batch, height, width, channels]. */
  readonly indices: Int32Array;
  readonly values: Float64Array;
  /** How far each element may be off. */
  readonly tolerances: Float64Array;
}

/** Half the distance from 1 to the next float32: the relative error of one rounding. */
export const epsilon = 2 ** -24;
/** Multiply-adds spent on one expectation. */
export const budget = 5e6;

/**
 * A convolution at its four corners and at pixels spread over the rest, all channels of each.
 * @param x [batch, height, width, channels]
 * @param filter [kernel, kernel, channels / groups, filters]
 */
export function expectConvolution(
  shape: ConvShape,
  batch: number,
  x: Float32Array,
  filter: Float32Array,
  bias: Float32Array,
): Expectation {
  const { input, filters, kernel, stride, padding, groups } = shape;
  const [height, width, channels] = input;
  const [outHeight, outWidth] = outputSize(shape);
  const perGroup = channels / groups;
  const filtersPerGroup = filters / groups;
  const length = kernel * kernel * perGroup;
  const pixels = samplePixels(batch * outHeight * outWidth, outWidth, budget / (length * filters));

  const expected = new SumExpectation();
  for (const pixel of pixels) {
    const row = Math.floor(pixel / (outHeight * outWidth));
    const top = (Math.floor(pixel / outWidth) % outHeight) * stride - padding;
    const left = (pixel % outWidth) * stride - padding;
    for (let out = 0; out < filters; out++) {
      const firstChannel = Math.floor(out / filtersPerGroup) * perGroup;
      let sum = bias[out]!;
      let magnitude = Math.abs(sum);
      for (let y = 0; y < kernel; y++) {
        if (top + y < 0 || top + y >= height) continue;
        for (let z = 0; z < kernel; z++) {
          if (left + z < 0 || left + z >= width) continue;
          const from = ((row * height + top + y) * width + left + z) * channels + firstChannel;
          for (let c = 0; c < perGroup; c++) {
            const product = x[from + c]! * filter[((y * kernel + z) * perGroup + c) * filters + out]!;
            sum += product;
            magnitude += Math.abs(product);
          }
        }
      }
      expected.add(pixel * filters + out, sum, magnitude, length);
    }
  }
  return expected.expectation();
}

/** All of them, or the first and last rows' ends and evenly spread ones between. */
export function samplePixels(count: number, width: number, most: number): number[] {
  if (count <= most) return Array.from({ length: count }, (_, pixel) => pixel);
  const spread = Math.max(1, Math.floor(most));
  const chosen = new Set([0, width - 1, count - width, count - 1]);
  // A step without common factors with most widths, so that all columns are met.
  for (let i = 0; i < spread; i++) chosen.add(Math.floor(((i + 0.5) * count) / spread));
  return [...chosen].sort((a, b) => a - b);
}

/** Elements that are spread over a result. */
export function spreadIndices(size: number): Int32Array {
  const count = Math.min(size, 4096);
  return Int32Array.from({ length: count }, (_, i) => Math.floor((i * size) / count));
}

/**
 * The result of one contender as the measure of another, where loops would take too long: whole models.
 * @param sample the result's elements at `indices`
 * @param terms the longest chain of additions that leads to an element, summed over the layers
 */
export function expectSame(sample: Float32Array, indices: Int32Array, terms: number): Expectation {
  const largest = sample.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return {
    judge: "striate's own result",
    indices,
    values: Float64Array.from(sample),
    tolerances: new Float64Array(sample.length).fill(epsilon * terms * largest),
  };
}

/** Collects elements whose values are sums of products. */
export class SumExpectation {
  private readonly indices: number[] = [];
  private readonly values: number[] = [];
  private readonly tolerances: number[] = [];

  /**
   * @param magnitude the sum of the terms' magnitudes
   * @param terms how many were added; the classical bound of a sum in any order follows
   */
  add(index: number, value: number, magnitude: number, terms: number): void {
    this.indices.push(index);
    this.values.push(value);
    this.tolerances.push(epsilon * (terms + 2) * magnitude);
  }

  expectation(): Expectation {
    return {
      judge: "float64 loop",
      indices: Int32Array.from(this.indices),
      values: Float64Array.from(this.values),
      tolerances: Float64Array.from(this.tolerances),
    };
  }
}

/** The elements that are asked for. */
export function sampleOf(result: Float32Array, indices: Int32Array): Float32Array {
  return Float32Array.from(indices, (index) => result[index] ?? NaN);
}

/** @returns what is wrong, or undefined */
export function compareSample(sample: Float32Array, expected: Expectation): string | undefined {
  const { indices, values, tolerances } = expected;
  let wrong = 0;
  let first = "";
  for (let i = 0; i < indices.length; i++) {
    // Not "greater than": NaN must fail.
    if (Math.abs(sample[i]! - values[i]!) <= tolerances[i]!) continue;
    if (wrong++ === 0) first = `element ${indices[i]} is ${sample[i]}, expected ${values[i]} +- ${tolerances[i]}`;
  }
  return wrong === 0 ? undefined : `${wrong} of ${indices.length} elements are off; ${first}`;
}
