/** One kernel slid over every channel of an image: what `filter` of striate runs. */
import { GraphError } from "../errors.js";
import { makeNode, requireValue, type GraphNode, type OpDefinition, type Value } from "../graph/value.js";
import { requireOptions, showShape, showValue, sizeOf } from "../shape/values.js";
import { rescale } from "./arithmetic.js";
import { makeOne, requireF32, requireNumber, secondOrder } from "./define.js";
import { matmul } from "./matmul.js";

export interface Filter2dOptions {
  /**
   * The kernel as a product of matrices, [kernelHeight, terms] times right [terms, kernelWidth]: rows are filtered first, then
   * columns, which takes terms * (kernelHeight + kernelWidth) multiplications instead of kernelHeight * kernelWidth.
   */
  readonly right?: Value | undefined;
  /** Added to each result. Default 0. */
  readonly offset?: number | undefined;
  /** "u8" rounds to the nearest whole number, ties to even, and saturates to 0 to 255; NaN becomes 0. Default "f32". */
  readonly dtype?: "f32" | "u8" | undefined;
}

const backwardInputDefinition: OpDefinition = {
  name: "filter2d.backwardInput",
  gradient: secondOrder,
  flops: ([dy, kernel]) => 2 * sizeOf(kernel!) * sizeOf(dy!),
};

const backwardKernelDefinition: OpDefinition = {
  name: "filter2d.backwardKernel",
  gradient: secondOrder,
  flops: ([, dy], [kernel]) => 2 * sizeOf(kernel!) * sizeOf(dy!),
};

function filter2dGradient(node: GraphNode, [dy]: readonly (Value | undefined)[]): (Value | undefined)[] {
  if (node.attributes["toBytes"] === 1) throw new GraphError("filter2d: rounding to u8 has no gradient; use dtype f32");
  const [x, left, right] = node.operands as [Value, Value, Value | undefined];
  const kernel = right === undefined ? left : matmul(left, right);
  const floats = x.dtype === "u8" ? rescale(x) : x;
  const dKernel = makeOne(backwardKernelDefinition, [floats, dy], {}, kernel.shape, false);
  return [
    x.dtype === "f32" ? makeOne(backwardInputDefinition, [dy, kernel], {}, x.shape, x.batched) : undefined,
    right === undefined ? dKernel : matmul(dKernel, right, { transposeB: true }),
    right && matmul(left, dKernel, { transposeA: true }),
  ];
}

const definition: OpDefinition = {
  name: "filter2d",
  gradient: filter2dGradient,
  // Rows of x above and below the last window are filtered once as well.
  flops: ([x, kernel, right], [y]) =>
    right === undefined
      ? 2 * sizeOf(kernel!) * sizeOf(y!)
      : 2 * (sizeOf(right) * (sizeOf(y!) / y![1]!) * x![1]! + sizeOf(kernel!) * sizeOf(y!)),
};

export const filter2dDefinitions = [definition, backwardInputDefinition, backwardKernelDefinition];

function requireMatrix(name: string, value: Value): readonly [number, number] {
  requireF32("filter2d", name, value);
  if (value.shape.length !== 2 || value.batched) {
    throw new GraphError(`filter2d: ${name} must be a matrix, not batched, got ${showShape(value.shape)}`);
  }
  return value.shape as readonly [number, number];
}

/**
 * Correlates every channel of images with one kernel, where it lies within the image: nothing is padded, nothing flipped.
 * A weight of 0 reads nothing: a NaN under it does not reach the result.
 * @param x [rows, height, width, channels], f32 or u8
 * @param kernel [kernelHeight, kernelWidth]
 * @returns [rows, height - kernelHeight + 1, width - kernelWidth + 1, channels]
 * @throws GraphError where shapes or dtypes do not fit
 * @example
 * ```ts
 * const edges = run((x, k) => filter2d(x, k), image, tensor([3, 3], Float32Array.of(-1, -1, -1, -1, 8, -1, -1, -1, -1)));
 * ```
 */
export function filter2d(x: Value, kernel: Value, options: Filter2dOptions = {}): Value {
  requireOptions("filter2d", options);
  const { right, offset = 0, dtype = "f32" } = options;
  requireValue("filter2d", "x", x);
  if (x.dtype === "i32" || x.shape.length !== 4) {
    throw new GraphError(
      `filter2d: x must be [rows, height, width, channels] of f32 or u8, got ${showShape(x.shape)} of ${x.dtype}`,
    );
  }
  const [kernelH, columns] = requireMatrix("kernel", kernel);
  const [terms, kernelW] = right === undefined ? [columns, columns] : requireMatrix("right", right);
  if (terms !== columns) {
    throw new GraphError(
      `filter2d: right must have a row for each of the ${columns} columns of kernel, got ${showShape(right!.shape)}`,
    );
  }
  requireNumber("filter2d", "offset", offset, "finite", Number.isFinite);
  if (!["f32", "u8"].includes(dtype))
    throw new GraphError(`filter2d: dtype must be 'f32' or 'u8', got ${showValue(dtype)}`);
  const [rows, height, width, channels] = x.shape as readonly [number, number, number, number];
  if (kernelH > height || kernelW > width) {
    throw new GraphError(`filter2d: a kernel of ${kernelH}x${kernelW} does not fit into ${showShape(x.shape)}`);
  }
  const shape = [rows, height - kernelH + 1, width - kernelW + 1, channels];
  const attributes = { offset, toBytes: dtype === "u8" ? 1 : 0 };
  return makeNode(definition, [x, kernel, right], attributes, [{ shape, dtype, batched: x.batched }])[0]!;
}
