/** Matrix product, and the dense layer's form of it. */
import { GraphError } from "../errors.js";
import type { GraphNode, OpDefinition, Value } from "../graph/value.js";
import { requireOptions, showShape, sizeOf } from "../shape/values.js";
import { channelSum } from "./arithmetic.js";
import { epilogue, makeOne, requireF32, requireShape } from "./define.js";

export interface MatmulOptions {
  readonly transposeA?: boolean | undefined;
  readonly transposeB?: boolean | undefined;
  /** One number per column, shape [n]. */
  readonly bias?: Value | undefined;
}

function matmulGradient(node: GraphNode, [gradient]: readonly (Value | undefined)[]): (Value | undefined)[] {
  const [a, b, bias, residual, scale] = node.operands as [Value, Value, ...(Value | undefined)[]];
  const { activation, slope } = node.attributes;
  if (activation !== 0 || slope !== 0 || residual !== undefined || scale !== undefined) {
    throw new GraphError("matmul: differentiate before fusing: epilogue, residual and scale have no gradient");
  }
  const dy = gradient!;
  const transposeA = node.attributes["transposeA"] === 1;
  const transposeB = node.attributes["transposeB"] === 1;
  return [
    transposeA
      ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
      : matmul(dy, b, { transposeB: !transposeB }),
    transposeB
      ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
      : matmul(a, dy, { transposeA: !transposeA }),
    bias && channelSum(dy),
  ];
}

const definition: OpDefinition = {
  name: "matmul",
  gradient: matmulGradient,
  // Each of the m * k elements of a meets n columns.
  flops: ([a], [y]) => 2 * sizeOf(a!) * y!.at(-1)!,
};

export const matmulDefinitions = [definition];

/**
 * y = op(a) op(b) + bias, where op transposes if asked.
 * @param a [m, k], or [k, m] with transposeA
 * @param b [k, n], or [n, k] with transposeB
 * @returns [m, n]; its rows are rows of the batch where those of a are. A sum over the batch takes the live rows only.
 * @throws GraphError where the inner sizes differ
 */
export function matmul(a: Value, b: Value, options: MatmulOptions = {}): Value {
  requireOptions("matmul", options);
  const { transposeA = false, transposeB = false, bias } = options;
  requireF32("matmul", "a", a);
  requireF32("matmul", "b", b);
  if (a.shape.length !== 2 || b.shape.length !== 2) {
    throw new GraphError(`matmul: needs two matrices, got ${showShape(a.shape)} and ${showShape(b.shape)}`);
  }
  const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [inner, n] = transposeB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  const where = `${showShape(a.shape)}${transposeA ? " transposed" : ""} and ${showShape(b.shape)}${transposeB ? " transposed" : ""}`;
  if (k !== inner) throw new GraphError(`matmul: inner sizes must be equal, got ${k} and ${inner} (${where})`);
  if (b.batched && transposeB) throw new GraphError(`matmul: the batch cannot become columns of the result (${where})`);
  if ((a.batched && transposeA) !== b.batched) {
    throw new GraphError(`matmul: a sum over the batch needs both operands batched along it (${where})`);
  }
  if (bias !== undefined) requireShape("matmul", "bias", bias, [n]);
  const attributes = { transposeA: transposeA ? 1 : 0, transposeB: transposeB ? 1 : 0, ...epilogue() };
  return makeOne(definition, [a, b, bias], attributes, [m, n], a.batched && !transposeA);
}

/**
 * The fully connected layer: x times weight plus bias.
 * @param x [rows, in]
 * @param weight [in, units]
 * @param options.bias [units]
 * @returns [rows, units]
 */
export function dense(x: Value, weight: Value, options: { readonly bias?: Value | undefined } = {}): Value {
  return matmul(x, weight, options);
}
