/** The judge of `filter`: plain float64 loops with border rules of their own, importing nothing from lib/. */
import { type Bounded, float32Unit } from "../support/oracle/tensor.js";

export interface FilterSpec {
  readonly image: readonly [count: number, height: number, width: number, channels: number];
  readonly values: ArrayLike<number>;
  readonly kernel: readonly (readonly number[])[];
  readonly operation?: "correlate" | "convolve";
  readonly boundary?: string;
  readonly constant?: readonly number[];
  readonly normalize?: "none" | "sum" | "abs";
  readonly offset?: number;
  readonly depth?: "float" | "u8";
  readonly alpha?: "filter" | "keep";
}

/** The element at a position beyond an axis, found by walking there step by step; undefined: a constant stands there. */
function walk(mode: string, position: number, size: number): number | undefined {
  if (position >= 0 && position < size) return position;
  if (mode === "zero" || mode === "constant") return undefined;
  const distance = position < 0 ? -position : position - size + 1;
  const inwards = position < 0 ? 1 : -1;
  const end = position < 0 ? 0 : size - 1;
  if (mode === "replicate" || size === 1) return end;
  if (mode === "circular") {
    let at = end;
    for (let step = 0; step < distance; step++) at = (at - inwards + size) % size;
    return at;
  }
  let at = end;
  let direction = inwards;
  for (let step = 0; step < distance; step++) {
    // "reflect" shows the last element twice: the first step beyond it goes nowhere.
    if (step === 0 && mode === "reflect") continue;
    if (at + direction >= 0 && at + direction < size) at += direction;
    else if (mode === "reflect") direction = -direction;
    else at += direction = -direction;
  }
  return at;
}

function normalized(kernel: readonly (readonly number[])[], by: string): number[][] {
  const all = kernel.flat();
  const sum = by === "sum" ? all.reduce((a, b) => a + b, 0) : all.reduce((a, b) => a + Math.abs(b), 0);
  return kernel.map((row) => row.map((weight) => (by === "none" ? weight : weight / sum)));
}

/** The results, and how far float32 may be from them. */
export function filterOracle(spec: FilterSpec): Bounded {
  const { operation = "correlate", boundary = "reflect101", normalize = "none", offset = 0, depth = "float" } = spec;
  const [count, height, width, channels] = spec.image;
  const scaled = normalized(spec.kernel, normalize);
  const kernel = operation === "convolve" ? [...scaled].reverse().map((row) => [...row].reverse()) : scaled;
  const [kernelH, kernelW] = [kernel.length, kernel[0]!.length];
  const [top, left] = [Math.floor((kernelH - 1) / 2), Math.floor((kernelW - 1) / 2)];
  const shrinks = boundary === "valid";
  const [outH, outW] = shrinks ? [height - kernelH + 1, width - kernelW + 1] : [height, width];
  const data = new Float64Array(count * outH * outW * channels);
  const tolerance = new Float64Array(data.length);
  const at = (n: number, y: number, x: number, c: number): number =>
    spec.values[((n * height + y) * width + x) * channels + c]!;
  let index = 0;
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < outH; y++) {
      for (let x = 0; x < outW; x++) {
        for (let c = 0; c < channels; c++, index++) {
          if (spec.alpha === "keep" && c === channels - 1) {
            data[index] = shrinks ? at(n, y + top, x + left, c) : at(n, y, x, c);
            continue;
          }
          let sum = offset;
          let magnitude = Math.abs(offset);
          kernel.forEach((row, a) =>
            row.forEach((weight, b) => {
              if (weight === 0) return;
              const sourceY = shrinks ? y + a : walk(boundary, y + a - top, height);
              const sourceX = shrinks ? x + b : walk(boundary, x + b - left, width);
              const outside = boundary === "constant" ? spec.constant![c]! : 0;
              const value = sourceY === undefined || sourceX === undefined ? outside : at(n, sourceY, sourceX, c);
              sum += weight * value;
              magnitude += Math.abs(weight * value);
            }),
          );
          // A weight is rounded to float32, and a kernel that is split has products up to 4 times its weights.
          const error = 4 * (kernelH * kernelW + kernelW + 4) * float32Unit * magnitude;
          const integer = Number.isInteger(sum) && spec.kernel.flat().every(Number.isInteger);
          data[index] = depth === "u8" ? (Number.isNaN(sum) ? 0 : Math.min(255, Math.max(0, sum))) : sum;
          tolerance[index] = depth === "u8" && !integer ? 0.5 + error : error;
        }
      }
    }
  }
  return { shape: [count, outH, outW, channels], data, tolerance };
}
