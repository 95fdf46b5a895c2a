// The shape rules of merging branches, add and concat, on types and on values.
import type { Add } from "./arithmetic.js";
import type { Compatible, Fault, MergeSize, Plain, Shape, ShowShape } from "./types.js";
import { reject, showShape } from "./values.js";

type SameFrom<A extends Shape, B extends Shape> = A extends readonly [infer a extends number, ...infer A1 extends Shape]
  ? B extends readonly [infer b extends number, ...infer B1 extends Shape]
    ? Compatible<a, b> extends true
      ? SameFrom<A1, B1>
      : false
    : number extends B["length"]
      ? true
      : false
  : number extends A["length"]
    ? true
    : B extends readonly []
      ? true
      : number extends B["length"]
        ? true
        : false;

/** What is known about the sum of two branches: each size from the branch that knows it. */
export type AddShape<A extends Shape, B extends Shape, R extends number[] = []> = A extends readonly [
  infer a extends number,
  ...infer A1 extends Shape,
]
  ? B extends readonly [infer b extends number, ...infer B1 extends Shape]
    ? AddShape<A1, B1, [...R, MergeSize<a, b>]>
    : Plain<A>
  : R;

/** "ok", or that the two shapes differ. */
export type AddVerdict<A extends Shape, B extends Shape> =
  SameFrom<A, B> extends true ? "ok" : ["other", `shapes ${ShowShape<A>} and ${ShowShape<B>} must be equal`];

/** Two images, or two flat vectors, joined in the channels. */
export type ConcatShape<A extends Shape, B extends Shape> = A extends readonly [
  infer ah extends number,
  infer aw extends number,
  infer ac extends number,
]
  ? B extends readonly [infer bh extends number, infer bw extends number, infer bc extends number]
    ? [MergeSize<ah, bh>, MergeSize<aw, bw>, Add<ac, bc>]
    : [ah, aw, number]
  : A extends readonly [infer a extends number]
    ? B extends readonly [infer b extends number]
      ? [Add<a, b>]
      : [number]
    : number[];

type Differ<A extends Shape, B extends Shape, What extends string> = [
  "other",
  `${ShowShape<A>} and ${ShowShape<B>}: ${What} differ`,
];
/** "ok", or what keeps the two shapes apart. */
export type ConcatVerdict<A extends Shape, B extends Shape> = number extends A["length"] | B["length"]
  ? "ok"
  : A["length"] extends B["length"]
    ? A extends readonly [infer ah extends number, infer aw extends number, number]
      ? B extends readonly [infer bh extends number, infer bw extends number, number]
        ? Compatible<ah, bh> extends false
          ? Differ<A, B, "heights">
          : Compatible<aw, bw> extends false
            ? Differ<A, B, "widths">
            : "ok"
        : "ok"
      : "ok"
    : Differ<A, B, "ranks">;

/**
 * The shape of a sum of branches.
 *
 * @param layer begins the sentence of an error
 * @throws ShapeError where two shapes differ
 */
export function addShape(layer: string, first: Shape, ...others: readonly Shape[]): number[] {
  for (const other of others) {
    if (first.length !== other.length || first.some((size, axis) => size !== other[axis])) {
      reject(layer, ["other", `shapes ${showShape(first)} and ${showShape(other)} must be equal`]);
    }
  }
  return [...first];
}

function concatFault(first: Shape, other: Shape): Fault | undefined {
  const differ = (what: string): Fault => ["other", `${showShape(first)} and ${showShape(other)}: ${what} differ`];
  if (first.length !== other.length) return differ("ranks");
  const axis = first.findIndex((size, index) => index < first.length - 1 && size !== other[index]);
  if (axis === -1) return undefined;
  return differ(first.length === 3 ? (axis === 0 ? "heights" : "widths") : "sizes");
}

/**
 * The shape of branches joined in their last axis, the channels.
 *
 * @throws ShapeError where heights, widths or ranks differ
 * @example
 * ```ts
 * concatShape("concat", [28, 20, 8], [28, 20, 24]); // [28, 20, 32]
 * ```
 */
export function concatShape(layer: string, first: Shape, ...others: readonly Shape[]): number[] {
  let channels = first.at(-1) ?? 0;
  for (const other of others) {
    reject(layer, concatFault(first, other));
    channels += other.at(-1) ?? 0;
  }
  return [...first.slice(0, -1), channels];
}
