/** One kernel over every channel, given whole or as left * right, and its gradients: loops over output, weight, term. */
import { ProductSums } from "./convolution.js";
import type { Bounded, Oracle, OracleContext, Tensor } from "./tensor.js";

interface Sizes {
  readonly rows: number;
  readonly outH: number;
  readonly outW: number;
  readonly channels: number;
  readonly width: number;
  readonly height: number;
}

/** Calls `visit` with the flat indices of every (output, input) pair of elements that meet under weight [a, b]. */
function forEachPair(sizes: Sizes, a: number, b: number, visit: (output: number, input: number) => void): void {
  const { rows, outH, outW, channels, width, height } = sizes;
  for (let n = 0; n < rows; n++) {
    for (let i = 0; i < outH; i++) {
      for (let j = 0; j < outW; j++) {
        for (let c = 0; c < channels; c++) {
          const output = ((n * outH + i) * outW + j) * channels + c;
          visit(output, ((n * height + i + a) * width + j + b) * channels + c);
        }
      }
    }
  }
}

function sizesOf(x: readonly number[], y: readonly number[]): Sizes {
  const [rows, outH, outW, channels] = y as [number, number, number, number];
  return { rows, outH, outW, channels, height: x[1]!, width: x[2]! };
}

/** [a, b, weight] of every product of weights that is not 0; several for one place where the kernel is a product. */
function* weightsOf(left: Tensor, right: Tensor | undefined): Generator<[number, number, number]> {
  const [kernelH, columns] = left.shape as [number, number];
  for (let a = 0; a < kernelH; a++) {
    for (let t = 0; t < columns; t++) {
      const weight = left.data[a * columns + t]!;
      if (weight === 0) continue;
      if (right === undefined) {
        yield [a, t, weight];
        continue;
      }
      const kernelW = right.shape[1]!;
      for (let b = 0; b < kernelW; b++) {
        const by = right.data[t * kernelW + b]!;
        if (by !== 0) yield [a, b, weight * by];
      }
    }
  }
}

/** The nearest byte is half a unit away at most, and further by what the sum may be off. */
function toBytes(y: Bounded): Bounded {
  return {
    shape: y.shape,
    data: y.data.map((value) => (Number.isNaN(value) ? 0 : Math.min(255, Math.max(0, value)))),
    tolerance: y.tolerance.map((t, i) => (Number.isInteger(y.data[i]!) ? t : 0.5 + t)),
  };
}

export const filter2d: Oracle = ([x, kernel, right], attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  const offset = attributes["offset"]!;
  for (let i = 0; i < sums.result.data.length; i++) sums.add(i, 1, offset);
  for (const [a, b, weight] of weightsOf(kernel!, right)) {
    forEachPair(sizesOf(x!.shape, shapes[0]!), a, b, (output, input) => sums.add(output, weight, x!.data[input]!));
  }
  // filtered rows are stored, and their sums over kernelWidth products may outnumber the products of the whole
  const y = sums.close(rounding, right === undefined ? 0 : rounding.store + (right.shape[1]! + 1) * rounding.sum);
  return [attributes["toBytes"] === 1 ? toBytes(y) : y];
};

export const filter2dBackwardInput: Oracle = ([dy, kernel], _attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  for (const [a, b, weight] of weightsOf(kernel!, undefined)) {
    forEachPair(sizesOf(shapes[0]!, dy!.shape), a, b, (output, input) => sums.add(input, weight, dy!.data[output]!));
  }
  return [sums.close(rounding)];
};

export const filter2dBackwardKernel: Oracle = ([x, dy], _attributes, { rounding, shapes }) => {
  const sums = new ProductSums(shapes[0]!);
  const [kernelH, kernelW] = shapes[0]! as [number, number];
  for (let a = 0; a < kernelH; a++) {
    for (let b = 0; b < kernelW; b++) {
      forEachPair(sizesOf(x!.shape, dy!.shape), a, b, (output, input) =>
        sums.add(a * kernelW + b, x!.data[input]!, dy!.data[output]!),
      );
    }
  }
  return [sums.close(rounding)];
};

/** A product of small matrices whose first factor is known within a tolerance. */
function product(a: Bounded, b: Tensor, context: OracleContext, transposed: "a" | "b"): Bounded {
  const [m, n] = transposed === "a" ? [b.shape[1]!, a.shape[1]!] : [a.shape[0]!, b.shape[0]!];
  const inner = transposed === "a" ? a.shape[0]! : a.shape[1]!;
  const sums = new ProductSums([m, n]);
  const moved = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < inner; k++) {
        const inA = transposed === "a" ? k * a.shape[1]! + j : i * inner + k;
        const inB = transposed === "a" ? k * b.shape[1]! + i : j * inner + k;
        sums.add(i * n + j, a.data[inA]!, b.data[inB]!);
        moved[i * n + j]! += a.tolerance[inA]! * Math.abs(b.data[inB]!);
      }
    }
  }
  const result = sums.close(context.rounding);
  return { ...result, tolerance: result.tolerance.map((t, i) => t + moved[i]!) };
}

/** By the chain rule: a kernel that is a product of matrices is multiplied out first. */
export function filter2dGradient(
  [x, left, right]: readonly (Tensor | undefined)[],
  _results: readonly Bounded[],
  dy: Tensor,
  _attributes: Readonly<Record<string, number>>,
  context: OracleContext,
): (Bounded | undefined)[] {
  const kernelShape = [left!.shape[0]!, (right ?? left!).shape[1]!];
  const shaped = (shape: readonly number[]): OracleContext => ({ ...context, shapes: [shape] });
  const [dKernel] = filter2dBackwardKernel([x, dy], {}, shaped(kernelShape));
  const sums = new ProductSums(x!.shape);
  for (const [a, b, weight] of weightsOf(left!, right)) {
    forEachPair(sizesOf(x!.shape, dy.shape), a, b, (output, input) => sums.add(input, weight, dy.data[output]!));
  }
  const dx = sums.close(
    context.rounding,
    right === undefined ? 0 : (left!.shape[1]! + 1) * context.rounding.sum + context.rounding.store,
  );
  if (right === undefined) return [dx, dKernel!];
  return [dx, product(dKernel!, right, context, "b"), product(dKernel!, left!, context, "a")];
}
