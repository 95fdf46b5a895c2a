// The vocabulary of the shape rules and the small type functions that all of them share. A rule is two pure functions
// of the input shape and the options, written once on types and once on values, side by side in one file: a verdict (is
// it legal, if not which option is at fault and why) and a shape. A size that is not known while compiling is `number`;
// it is never an error, and is left to run time.
import type { ShapeError } from "../errors.js";
import type { Multiply } from "./arithmetic.js";

/** Sizes without the batch: [height, width, channels] of an image, [features] of a flat vector. */
export type Shape = readonly number[];
/** One number for both directions, or [height, width]. */
export type Pair = number | readonly [number, number];
/** [[top, bottom], [left, right]] */
export type Sides = readonly [readonly [number, number], readonly [number, number]];
/**
 * Zeros around the input: on each side, as [height, width], side by side, "valid" (none) or "same" (as many as give
 * ceil(size / stride) outputs, the odd one at the end).
 */
export type Padding = Pair | Sides | "same" | "valid";
/** Padding of a single axis: on each side, [before, after], "same" or "valid". */
export type AxisPadding = number | readonly [before: number, after: number] | "same" | "valid";
/** What an axis is called in sentences: the two of an image, or the only one of a signal. */
export type AxisName = "height" | "width" | "length";
/**
 * What happens where the windows do not tile the padded input: "exact" is an error, the others round the number of
 * windows.
 */
export type Rounding = "exact" | "floor" | "ceil";

/** The option at fault, and a sentence that says why, with the numbers in it. */
export type Fault = readonly [option: string, sentence: string];
/** A rule's answer. */
export type Verdict = "ok" | Fault;

/**
 * To be intersected with the type of an options object: nothing, or a demand that the option at fault cannot meet. The
 * brand is an object because `3 & {...}` stays readable in a message, where `3 & "text"` is reduced to never.
 */
export type Demand<V, Layer extends string> = V extends readonly [
  infer Option extends string,
  infer Sentence extends string,
]
  ? { readonly [_ in Option]: ShapeError<`${Layer}: ${Sentence}`> }
  : unknown;
/** {@link Demand} on a whole argument. */
export type DemandArgument<V, Layer extends string> = V extends readonly [string, infer Sentence extends string]
  ? ShapeError<`${Layer}: ${Sentence}`>
  : unknown;

/** All: an editor offers it for completion, yet nothing is inferred from it, for it is deferred while T is unknown. */
export type Offer<T, All> = T extends unknown ? All : never;

/** The part of a {@link Pair} that counts for the height. */
export type HeightOf<P> = P extends readonly [infer A extends number, number] ? A : P extends number ? P : number;
/** The part of a {@link Pair} that counts for the width. */
export type WidthOf<P> = P extends readonly [number, infer A extends number] ? A : P extends number ? P : number;

/** true for `number` and for positive whole literals. To be asked before any division: by 0 it would not end. */
export type IsPositive<N> = N extends number
  ? number extends N
    ? true
    : `${N}` extends "0" | `${string}${"." | "-" | "e" | "N" | "I"}${string}`
      ? false
      : true
  : false;
/** true for `number` and for whole literals from 0. */
export type IsNatural<N> = N extends 0 ? true : IsPositive<N>;
/** Both parts of a {@link Pair} are positive. */
export type IsPositivePair<P> = IsPositive<HeightOf<P>> extends true ? IsPositive<WidthOf<P>> : false;

/** A number as it is written; a literal has to result, or the whole sentence would be a pattern. */
export type ShowNumber<N extends number> = number extends N ? "number" : `${N}`;
/** An option's value as it is written. */
export type ShowValue<P> = P extends number
  ? ShowNumber<P>
  : P extends readonly [infer A extends number, infer B extends number]
    ? `[${ShowNumber<A>}, ${ShowNumber<B>}]`
    : P extends Sides
      ? `[${ShowValue<P[0]>}, ${ShowValue<P[1]>}]`
      : P extends string
        ? `'${P}'`
        : "?";
/** A shape as it is written: "[8, 8, 3]", or "[number, number, 3]" where sizes are not known. */
export type ShowShape<S extends Shape, R extends string = ""> = S extends readonly [
  infer A extends number,
  ...infer Rest extends Shape,
]
  ? ShowShape<Rest, R extends "" ? ShowNumber<A> : `${R}, ${ShowNumber<A>}`>
  : number extends S["length"]
    ? "[...]"
    : `[${R}]`;

/** A plain tuple: shorter in a hover than a readonly one. */
export type Plain<S extends Shape> = { -readonly [K in keyof S]: S[K] };
/**
 * T, or `number` where a rule has no answer: after an error every size is unknown, so that one mistake is reported
 * once.
 */
export type OrNumber<T> = T extends number ? T : number;

/** Of rank 3, or of unknown rank. */
export type IsImage<I extends Shape> = number extends I["length"] ? true : I["length"] extends 3 ? true : false;
/** The channels of an image. */
export type Channels<I extends Shape> = I extends readonly [number, number, infer C extends number] ? C : number;
/** Equal, or not known to differ. */
export type Compatible<A extends number, B extends number> = number extends A
  ? true
  : number extends B
    ? true
    : A extends B
      ? true
      : false;
/** What is known about a size from two branches that agree in it. */
export type MergeSize<A extends number, B extends number> = number extends A ? B : A;
/** The number of elements. */
export type Size<S extends Shape, R extends number = 1> = number extends S["length"]
  ? number
  : S extends readonly [infer A extends number, ...infer Rest extends Shape]
    ? Size<Rest, Multiply<R, A>>
    : R;

/** The sentence of every rule that works on images only. */
export type NeedsImage<I extends Shape> = `needs an input [height, width, channels], got ${ShowShape<I>}`;
/** The sentence about an option that counts something. */
export type MustBePositive<Option extends string, V> = `${Option} must be a positive whole number, got ${ShowValue<V>}`;
