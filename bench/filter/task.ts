/** What is filtered: 12 million pixels of RGB, bytes in and bytes out, by kernels that are products of a column and a row, or not. */
import { RandomStream } from "../../lib/random/philox.js";

export const image = { height: 3000, width: 4000, channels: 3 } as const;

export interface Task {
  /** `filter/<size>x<size>/<form>` */
  readonly id: string;
  readonly size: number;
  readonly kernel: readonly (readonly number[])[];
}

const sizes = [3, 5, 9, 15];

/** Weights of both signs that keep most results within bytes: no contender saturates its way out. */
export function tasks(): Task[] {
  const random = new RandomStream(3, "bench/filter: kernels");
  return sizes.flatMap((size) => {
    const range = Array.from({ length: size });
    const dense = range.map(() => range.map(() => random.float() * 2 - 0.5));
    const column = range.map(() => random.float() + 0.1);
    const row = range.map(() => random.float() + 0.1);
    return [
      { id: `filter/${size}x${size}/dense`, size, kernel: normalized(dense) },
      { id: `filter/${size}x${size}/separable`, size, kernel: normalized(column.map((a) => row.map((b) => a * b))) },
    ];
  });
}

/** Rounded to float32, which is all that peers take. */
function normalized(kernel: readonly (readonly number[])[]): number[][] {
  const sum = kernel.flat().reduce((total, weight) => total + weight, 0);
  return kernel.map((row) => row.map((weight) => Math.fround(weight / sum)));
}

/** Smooth where photographs are, with noise on it. */
export function pixels(): Uint8Array {
  const { height, width, channels } = image;
  const data = new Uint8Array(height * width * channels);
  let state = 1;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++, i++) {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        data[i] = 127 + 90 * Math.sin(y / 71 + c) * Math.cos(x / 93) + (state >>> 27);
      }
    }
  }
  return data;
}

const samples = 4000;
/** Places that are looked at, away from borders, where contenders differ by design. */
export function verifiedPlaces(size: number): Int32Array {
  const random = new RandomStream(7, "bench/filter: places");
  const { height, width, channels } = image;
  return Int32Array.from({ length: samples }, () => {
    const y = size + random.integer(height - 2 * size);
    const x = size + random.integer(width - 2 * size);
    return (y * width + x) * channels + random.integer(channels);
  });
}

/** The exact results there, in float64. */
export function expected({ size, kernel }: Task, data: Uint8Array, places: Int32Array): Float64Array {
  const { width, channels } = image;
  const reach = (size - 1) / 2;
  return Float64Array.from(places, (place) => {
    let sum = 0;
    kernel.forEach((row, a) =>
      row.forEach((weight, b) => (sum += weight * data[place + ((a - reach) * width + b - reach) * channels]!)),
    );
    return Math.min(255, Math.max(0, sum));
  });
}
