/**
 * What the oracle computes with: plain float64 arrays. Nothing under test/support/oracle imports from lib/, so that a
 * mistake there cannot hide itself here.
 */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A tensor, and how far a correct float32 backend may be from it, element by element. */
export interface Bounded extends Tensor {
  readonly tolerance: Float64Array;
}

/**
 * The arithmetic of the backend under test, as unit roundoffs: `store` of a value kept as float32, `sum` of the
 * accumulator of long sums. A sum of L products a*b is off by at most L * sum * Σ|a||b| (Higham, Accuracy and Stability
 * of Numerical Algorithms, section 3.1), whatever the order of the additions.
 */
export interface Rounding {
  readonly store: number;
  readonly sum: number;
}

export const float32Unit = 2 ** -24;
export const float64Unit = 2 ** -53;
/** The native backend: everything in float32. */
export const nativeRounding: Rounding = { store: float32Unit, sum: float32Unit };
/** The reference backend: sums in float64, results stored as float32. */
export const referenceRounding: Rounding = { store: float32Unit, sum: float64Unit };

/** Backends flush denormals: every operation may lose this much. */
export const flushed = 2 ** -126;

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export function channelsOf(tensor: { readonly shape: readonly number[] }): number {
  return tensor.shape[tensor.shape.length - 1]!;
}

export function pixelsOf(tensor: { readonly shape: readonly number[] }): number {
  return sizeOf(tensor.shape) / channelsOf(tensor);
}

export function zeros(shape: readonly number[]): Bounded {
  const size = sizeOf(shape);
  return { shape, data: new Float64Array(size), tolerance: new Float64Array(size) };
}

export function tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  const data = Float64Array.from(values);
  if (data.length !== sizeOf(shape)) throw new Error(`oracle: [${shape.join(",")}] got ${String(data.length)} values`);
  return { shape, data };
}

export function map(source: Tensor, f: (value: number) => number): Tensor {
  return { shape: source.shape, data: source.data.map(f) };
}

/** Attributes by name, as in the schema. */
export type Attributes = Readonly<Record<string, number>>;

export interface OracleContext {
  readonly rounding: Rounding;
  /** Shapes of the results, live rows only: the oracle of a window op does not repeat the size formula. */
  readonly shapes: readonly (readonly number[])[];
  readonly rows: number;
  readonly learningRate: number;
  /** What the backend under test reports to have used, where that is known: some have an error bound of their own. */
  readonly algorithm?: string | undefined;
}

/** Computes every result of one op from live rows only. */
export type Oracle = (
  operands: readonly (Tensor | undefined)[],
  attributes: Attributes,
  context: OracleContext,
) => Bounded[];
