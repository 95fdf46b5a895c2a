/** Matrix products in all four transpositions, with every part of the epilogue. */
import { matmul } from "../../lib/ops/index.js";
import { type Distribution, normal, sprinkled, symmetric, wholeNumbers } from "../support/random.js";
import { type ErrorCase, placeholder } from "../support/errorCase.js";
import type { OperandSpec, StepCase } from "../support/stepCase.js";

interface Product {
  readonly name: string;
  readonly m: number;
  readonly k: number;
  readonly n: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Which sizes are the batch. Default: m, the usual dense layer. */
  readonly batch?: "m" | "k" | "none";
  readonly bias?: boolean;
  readonly residual?: boolean;
  readonly scale?: boolean;
  readonly activation?: number;
  readonly slope?: number;
  readonly values?: Distribution;
  /** Small whole numbers: sums are exact, and so must the result be. */
  readonly whole?: boolean;
  readonly algorithm?: string | RegExp;
}

const edges = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33];

/** From 3 to 8 rows it depends on whether b is constant, so that its packed copy may be kept. */
const byRows = (m: number): string | RegExp => (m <= 2 ? "fewRows" : m <= 8 ? /^(fewRows|gemm)$/ : "gemm");

const table: readonly Product[] = [
  ...edges.map((n): Product => ({ name: `${String(n)} columns`, m: 7, k: 5, n, bias: true })),
  ...edges.map((k): Product => ({ name: `depth ${String(k)}`, m: 5, k, n: 9 })),
  ...[1, 2, 4, 5, 6, 7, 11, 12, 13].map((m): Product => ({
    ...{ name: `${String(m)} rows`, m, k: 8, n: 17, bias: true },
    algorithm: byRows(m),
  })),
  ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 16].map((m): Product => ({
    ...{ name: `${String(m)} rows, scaled, residual`, m, k: 19, n: 41, bias: true, scale: true, residual: true },
    ...{ activation: 5, algorithm: byRows(m) },
  })),
  ...edges.map((n): Product => ({ name: `${String(n)} columns, b transposed`, m: 6, k: 7, n, transposeB: true })),
  ...edges.map((m): Product => ({
    name: `${String(m)} rows, a transposed`,
    m,
    k: 6,
    n: 17,
    transposeA: true,
    batch: "k",
  })),
  { name: "both transposed", m: 9, k: 5, n: 7, transposeA: true, transposeB: true, batch: "none" },
  { name: "a transposed, nothing batched", m: 4, k: 9, n: 6, transposeA: true, batch: "none" },
  { name: "nothing batched", m: 6, k: 4, n: 5, batch: "none" },
  { name: "deep: 300", m: 4, k: 300, n: 10, bias: true },
  { name: "deep and transposed: 600 rows", m: 10, k: 600, n: 7, transposeA: true, batch: "k" },
  { name: "wide: 200 columns", m: 3, k: 33, n: 200 },
  { name: "one number", m: 1, k: 1, n: 1 },
  { name: "a single row, wide", m: 1, k: 65, n: 130, bias: true, algorithm: "fewRows" },
  { name: "a single row, b transposed", m: 1, k: 65, n: 70, transposeB: true, algorithm: "gemm" },
  { name: "relu", m: 5, k: 6, n: 17, activation: 1 },
  { name: "bias, leaky relu", m: 5, k: 6, n: 9, bias: true, activation: 2, slope: 0.1 },
  { name: "bias, sigmoid", m: 5, k: 6, n: 7, bias: true, activation: 3 },
  { name: "bias, tanh", m: 5, k: 6, n: 16, bias: true, activation: 4 },
  { name: "bias, relu6", m: 7, k: 40, n: 33, bias: true, activation: 5 },
  { name: "residual", m: 5, k: 6, n: 16, residual: true },
  { name: "bias, residual, relu", m: 7, k: 6, n: 15, bias: true, residual: true, activation: 1 },
  ...edges.map((n): Product => ({ name: `${String(n)} columns, scaled`, m: 7, k: 5, n, scale: true, bias: true })),
  { name: "scaled, b transposed", m: 5, k: 9, n: 11, scale: true, transposeB: true },
  { name: "square, scaled", m: 6, k: 6, n: 7, scale: true, batch: "none" },
  { name: "one row, scaled", m: 1, k: 30, n: 19, scale: true, residual: true, activation: 1 },
  { name: "whole numbers: 5000 deep", m: 3, k: 5000, n: 17, whole: true },
  { name: "whole numbers: 3000 rows transposed", m: 17, k: 3000, n: 9, transposeA: true, batch: "k", whole: true },
  { name: "whole numbers: 5000 deep, b transposed", m: 5, k: 5000, n: 6, transposeB: true, whole: true },
  { name: "whole numbers: 300 rows", m: 300, k: 70, n: 33, whole: true },
  {
    name: "whole numbers: 300 columns, both transposed",
    m: 9,
    k: 100,
    n: 300,
    transposeA: true,
    transposeB: true,
    batch: "none",
    whole: true,
  },
  { name: "whole numbers: one row, 5000 deep", m: 1, k: 5000, n: 300, whole: true, algorithm: "fewRows" },
  {
    name: "NaN and infinities, one row",
    m: 1,
    k: 9,
    n: 17,
    values: sprinkled(normal, NaN, Infinity, -Infinity),
    algorithm: "fewRows",
  },
  { name: "NaN and infinities", m: 7, k: 9, n: 17, values: sprinkled(normal, NaN, Infinity, -Infinity) },
  {
    name: "NaN, a transposed",
    m: 7,
    k: 9,
    n: 17,
    transposeA: true,
    batch: "k",
    values: sprinkled(normal, NaN, Infinity),
  },
];

function product(c: Product): StepCase {
  const { m, k, n, transposeA = false, transposeB = false, batch = "m" } = c;
  const values = c.whole === true ? wholeNumbers : (c.values ?? symmetric);
  const weights = c.whole === true ? wholeNumbers : symmetric;
  const bBatched = batch === "k" && !transposeB;
  const a: OperandSpec = { shape: transposeA ? [k, m] : [m, k], batched: batch !== "none", values };
  const b: OperandSpec = {
    shape: transposeB ? [n, k] : [k, n],
    batched: bBatched,
    values: weights,
    parameter: !bBatched,
  };
  const y = { shape: [m, n], batched: batch === "m" };
  const fused = c.residual === true || c.scale === true || c.activation !== undefined;
  return {
    name: c.name,
    op: "matmul",
    operands: [
      a,
      b,
      c.bias === true ? { shape: [n], values: symmetric, parameter: true } : undefined,
      c.residual === true ? { ...y, values: symmetric } : undefined,
      c.scale === true ? { shape: [n], values: normal, parameter: true } : undefined,
    ],
    results: [y],
    attributes: {
      transposeA: transposeA ? 1 : 0,
      transposeB: transposeB ? 1 : 0,
      activation: c.activation ?? 0,
      slope: c.slope ?? 0,
    },
    whole: c.whole ?? false,
    ...(c.algorithm === undefined ? {} : { algorithm: c.algorithm }),
    rows: batch === "m" ? m : batch === "k" ? k : 1,
    ...(fused ? {} : { build: ([x, w, bias]) => matmul(x!, w!, { transposeA, transposeB, bias }) }),
  };
}

export const cases: readonly StepCase[] = table.map(product);

export const errors: readonly ErrorCase[] = [
  {
    name: "inner sizes",
    build: () => matmul(placeholder([4, 5], { batched: true }), placeholder([6, 7])),
    code: "ERR_STRIATE_GRAPH",
    message: "matmul: inner sizes must be equal, got 5 and 6 ([4, 5] and [6, 7])",
  },
  {
    name: "inner sizes of a transposed factor",
    build: () => matmul(placeholder([4, 5], { batched: true }), placeholder([6, 7]), { transposeB: true }),
    code: "ERR_STRIATE_GRAPH",
    message: "matmul: inner sizes must be equal, got 5 and 7 ([4, 5] and [6, 7] transposed)",
  },
  {
    name: "images",
    build: () => matmul(placeholder([4, 5, 6], { batched: true }), placeholder([6, 7])),
    code: "ERR_STRIATE_GRAPH",
    message: "matmul: needs two matrices, got [4, 5, 6] and [6, 7]",
  },
  {
    name: "a sum over half a batch",
    build: () => matmul(placeholder([4, 5], { batched: true }), placeholder([4, 7]), { transposeA: true }),
    code: "ERR_STRIATE_GRAPH",
    message: "matmul: a sum over the batch needs both operands batched along it ([4, 5] transposed and [4, 7])",
  },
  {
    name: "bias",
    build: () => matmul(placeholder([4, 5], { batched: true }), placeholder([5, 7]), { bias: placeholder([5]) }),
    code: "ERR_STRIATE_GRAPH",
    message: "matmul: bias must have the shape [7], got [5]",
  },
];
