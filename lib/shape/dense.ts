// The shape rules of dense, flatten and reshape, on types and on values.
import type { IsPositive, MustBePositive, Shape, ShowShape, Size } from "./types.js";
import { allPositive, isPositive, mustBePositive, reject, showShape, showValue, sizeOf } from "./values.js";

/** Options of dense; the type parameter holds the literal that the shape rule reads. */
export interface DenseOptions<U = number> {
  /** Number of outputs. */
  readonly units: U;
  /** Adds a learned number to each output. Default true. */
  readonly useBias?: boolean;
  /** The name of the parameters, `name.weight` and `name.bias`. Default: the type and a number. */
  readonly name?: string;
}

/** Options of reshape. */
export interface ReshapeOptions<T = Shape> {
  /** The new shape, without the batch; it holds as many elements as the old one. */
  readonly shape: T;
  /** Default: the type and a number. */
  readonly name?: string;
}

/** "ok", or the option of dense at fault. */
export type DenseVerdict<I extends Shape, U extends number> =
  IsPositive<U> extends false
    ? ["units", MustBePositive<"units", U>]
    : number extends I["length"]
      ? "ok"
      : I["length"] extends 1
        ? "ok"
        : ["units", `needs a flat input, got ${ShowShape<I>}; call flatten() or globalAvgPool2d() first`];

type AllPositive<T extends Shape> = number extends T["length"]
  ? true
  : T extends readonly [infer A extends number, ...infer Rest extends Shape]
    ? IsPositive<A> extends false
      ? false
      : AllPositive<Rest>
    : true;

/** "ok", or the option of reshape at fault. */
export type ReshapeVerdict<I extends Shape, T extends Shape> =
  AllPositive<T> extends false
    ? ["shape", `shape must be positive whole numbers, got ${ShowShape<T>}`]
    : number extends Size<T>
      ? "ok"
      : number extends Size<I>
        ? "ok"
        : Size<T> extends Size<I>
          ? "ok"
          : ["shape", `shape ${ShowShape<T>} has ${Size<T>} elements but the input ${ShowShape<I>} has ${Size<I>}`];

/**
 * The output shape of a dense layer: [units].
 *
 * @param layer begins the sentence of an error
 * @param input [features]
 * @throws ShapeError
 */
export function denseShape(layer: string, input: Shape, options: DenseOptions): [number] {
  const { units } = options;
  if (!isPositive(units)) reject(layer, mustBePositive("units", units));
  if (input.length !== 1) {
    const advice = "call flatten() or globalAvgPool2d() first";
    reject(layer, ["units", `needs a flat input, got ${showShape(input)}; ${advice}`]);
  }
  return [units];
}

/** The output shape of flatten: [number of elements]. */
export function flattenShape(input: Shape): [number] {
  return [sizeOf(input)];
}

/**
 * The output shape of reshape.
 *
 * @throws ShapeError where the shapes do not hold the same number of elements
 * @example
 * ```ts
 * reshapeShape("reshape", [784], { shape: [28, 28, 1] }); // [28, 28, 1]
 * ```
 */
export function reshapeShape(layer: string, input: Shape, options: ReshapeOptions): number[] {
  const { shape } = options;
  const given: unknown = shape;
  if (!Array.isArray(given) || !allPositive(given)) {
    reject(layer, ["shape", `shape must be positive whole numbers, got ${showValue(shape)}`]);
  }
  if (sizeOf(shape) !== sizeOf(input)) {
    const has = `has ${sizeOf(shape)} elements but the input ${showShape(input)} has ${sizeOf(input)}`;
    reject(layer, ["shape", `shape ${showShape(shape)} ${has}`]);
  }
  return [...shape];
}
