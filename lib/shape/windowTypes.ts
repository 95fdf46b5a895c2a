// The sliding window of convolution and pooling on types: (N + 2P - F) / S + 1 with F = D(K - 1) + 1. window.ts beside
// this file is the same on values: the two take the same branches in the same order and build the same sentences, and a
// fuzz test holds them together.
import type { Add, DivideWithRemainder, Multiply, Subtract } from "./arithmetic.js";
import type {
  AxisName,
  AxisPadding,
  Fault,
  HeightOf,
  IsNatural,
  IsPositive,
  IsPositivePair,
  MustBePositive,
  Rounding,
  Shape,
  ShowValue,
  Sides,
  WidthOf,
} from "./types.js";

/** What the layer calls the option that sets the window, and the one to blame for the stride. */
export interface WindowNames {
  readonly kernel: string;
  readonly stride: string;
}
/** A convolution's names. */
export interface KernelAndStride extends WindowNames {
  readonly kernel: "kernel";
  readonly stride: "stride";
}

/** What a kernel covers: D(K - 1) + 1. */
export type Extent<K extends number, D extends number> = D extends 1
  ? K
  : K extends 1
    ? 1
    : Subtract<K, 1> extends infer k extends number
      ? Add<Multiply<D, k>, 1>
      : never;

type CeilDivide<N extends number, S extends number> = S extends 1
  ? N
  : Subtract<N, 1> extends infer n extends number
    ? DivideWithRemainder<n, S> extends [infer q extends number, number]
      ? Add<q, 1>
      : never
    : never;

/** Whether a window that starts at L * S starts inside the input or its leading padding, N + B. */
type Starts<L extends number, S extends number, N extends number, B extends number> =
  Subtract<Multiply<L, S>, Add<N, B>> extends "negative" ? true : false;
/** "ceil": L + 1 windows, or one fewer where the last would start in the trailing padding. */
type CeilCount<L extends number, S extends number, N extends number, B extends number> =
  Starts<L, S, N, B> extends true ? Add<L, 1> : L;

interface Below {
  readonly 2: 1;
  readonly 3: 2;
  readonly 4: 3;
  readonly 5: 4;
  readonly 6: 5;
  readonly 7: 6;
  readonly 8: 7;
  readonly 9: 8;
}
/** The largest smaller stride that divides U; it ends at 1. */
type FittingStride<U extends number, S extends keyof Below> =
  DivideWithRemainder<U, Below[S]> extends [number, 0]
    ? Below[S]
    : Below[S] extends infer s extends keyof Below
      ? FittingStride<U, s>
      : 1;
/** Only strides of one digit, where the search is short; no real network has another. */
type StrideHint<U extends number, S extends number> = S extends keyof Below
  ? `Use stride ${FittingStride<U, S>}`
  : "Change the stride";
type Line<Name> = Name extends "height" ? "row" : Name extends "width" ? "column" : "element";
type Lines<Name, Count extends number> = `${Line<Name>}${Count extends 1 ? "" : "s"}`;
type PaddingHint<Name, Count> = Count extends number ? `pad ${Count} more ${Lines<Name, Count>}` : never;

/** A / B without the rest; B must not be 0. */
export type Quotient<A extends number, B extends number> =
  DivideWithRemainder<A, B> extends [infer q extends number, number] ? q : never;
/** Two digits, a zero at their end left out: 33 is "33", 50 is "5", 7 is "07". */
type Decimals<N extends number> =
  DivideWithRemainder<N, 10> extends [infer tens extends number, infer ones extends number]
    ? `${tens}${ones extends 0 ? "" : ones}`
    : never;
/** A / B rounded to hundredths: "2.33". Half of B is added before the division, so that it rounds. */
export type Fraction<A extends number, B extends number> =
  DivideWithRemainder<Quotient<Add<Multiply<A, 100>, Quotient<B, 2>>, B>, 100> extends [
    infer whole extends number,
    infer hundredths extends number,
  ]
    ? `${whole}.${Decimals<hundredths>}`
    : never;

/**
 * The number of windows along one axis, or a fault. N is the input, E the extent of the window, P the padding of both
 * sides together or "same", B the padding before.
 */
type Axis<
  N extends number,
  E extends number,
  S extends number,
  P extends number | "same",
  B extends number,
  R extends Rounding,
  Name extends AxisName,
  Names extends WindowNames,
> = P extends number
  ? Add<N, P> extends infer n extends number
    ? Subtract<n, E> extends infer u
      ? u extends number
        ? number extends u
          ? number
          : S extends 1
            ? R extends "ceil"
              ? CeilCount<u, 1, N, B>
              : Add<u, 1>
            : DivideWithRemainder<u, S> extends [infer q extends number, infer r extends number]
              ? number extends r
                ? number
                : R extends "ceil"
                  ? CeilCount<r extends 0 ? q : Add<q, 1>, S, N, B>
                  : r extends 0
                    ? Add<q, 1>
                    : R extends "floor"
                      ? Add<q, 1>
                      : [
                          Names["stride"],
                          `stride ${S} does not fit the ${Name}: (${N} + ${P} - ${E}) / ${S} + 1 = ${Fraction<Add<u, S>, S>}, not a whole number. ${StrideHint<u, S>}, ${PaddingHint<Name, Subtract<S, r>>}, or set rounding: 'floor'`,
                        ]
              : never
        : [Names["kernel"], `the window covers ${E} but the padded ${Name} is only ${n} (${N} + ${P})`]
      : never
    : never
  : CeilDivide<N, S>;

type Twice<N extends number> = N extends 0 ? 0 : Add<N, N>;
type TotalHeight<P> = P extends "same"
  ? "same"
  : P extends "valid"
    ? 0
    : P extends readonly [readonly [infer A extends number, infer B extends number], unknown]
      ? Add<A, B>
      : Twice<HeightOf<P>>;
type TotalWidth<P> = P extends "same"
  ? "same"
  : P extends "valid"
    ? 0
    : P extends readonly [unknown, readonly [infer A extends number, infer B extends number]]
      ? Add<A, B>
      : Twice<WidthOf<P>>;
type Top<P> = P extends Sides ? P[0][0] : P extends "valid" ? 0 : HeightOf<P>;
type Left<P> = P extends Sides ? P[1][0] : P extends "valid" ? 0 : WidthOf<P>;
type IsPadding<P> = P extends string
  ? true
  : P extends Sides
    ? IsNatural<P[0][0]> | IsNatural<P[0][1]> | IsNatural<P[1][0]> | IsNatural<P[1][1]>
    : IsNatural<HeightOf<P>> | IsNatural<WidthOf<P>>;

/** The output height, or a fault, or `number`. */
export type WindowHeight<
  I extends Shape,
  K,
  S,
  P,
  D,
  R extends Rounding,
  Names extends WindowNames = KernelAndStride,
> = I extends readonly [infer H extends number, number, number]
  ? Axis<H, Extent<HeightOf<K>, HeightOf<D>>, HeightOf<S>, TotalHeight<P>, Top<P>, R, "height", Names>
  : number;
/** The output width, or a fault, or `number`. */
export type WindowWidth<
  I extends Shape,
  K,
  S,
  P,
  D,
  R extends Rounding,
  Names extends WindowNames = KernelAndStride,
> = I extends readonly [number, infer W extends number, number]
  ? Axis<W, Extent<WidthOf<K>, WidthOf<D>>, WidthOf<S>, TotalWidth<P>, Left<P>, R, "width", Names>
  : number;

/** "ok", or the option that no input could make legal. */
export type WindowOptionsVerdict<K, S, P, D, Names extends WindowNames = KernelAndStride> =
  IsPositivePair<K> extends false
    ? [Names["kernel"], MustBePositive<Names["kernel"], K>]
    : IsPositivePair<S> extends false
      ? ["stride", MustBePositive<"stride", S>]
      : IsPositivePair<D> extends false
        ? ["dilation", MustBePositive<"dilation", D>]
        : false extends IsPadding<P>
          ? ["padding", `padding must be whole numbers from 0, got ${ShowValue<P>}`]
          : "ok";

/** "ok", or the first fault of a window on an image. */
export type WindowVerdict<
  I extends Shape,
  K,
  S,
  P,
  D,
  R extends Rounding,
  Names extends WindowNames = KernelAndStride,
> =
  WindowOptionsVerdict<K, S, P, D, Names> extends infer V
    ? V extends "ok"
      ? WindowHeight<I, K, S, P, D, R, Names> extends infer F extends Fault
        ? F
        : WindowWidth<I, K, S, P, D, R, Names> extends infer F extends Fault
          ? F
          : "ok"
      : V
    : never;

type TotalLength<P> = P extends "same"
  ? "same"
  : P extends "valid"
    ? 0
    : P extends readonly [infer A extends number, infer B extends number]
      ? Add<A, B>
      : P extends number
        ? Twice<P>
        : number;
type Before<P> = P extends readonly [infer A extends number, number] ? A : P extends number ? P : 0;

/** The number of windows along a single axis, or a fault, or `number`. */
export type WindowLength<
  N extends number,
  K extends number,
  S extends number,
  P extends AxisPadding,
  D extends number,
  R extends Rounding,
> = Axis<N, Extent<K, D>, S, TotalLength<P>, Before<P>, R, "length", KernelAndStride>;

/** "ok", or the first fault of a window on a single axis. */
export type WindowLengthVerdict<
  N extends number,
  K extends number,
  S extends number,
  P extends AxisPadding,
  D extends number,
  R extends Rounding,
> =
  IsPositive<N> extends false
    ? ["size", MustBePositive<"size", N>]
    : IsPositive<K> extends false
      ? ["kernel", MustBePositive<"kernel", K>]
      : IsPositive<S> extends false
        ? ["stride", MustBePositive<"stride", S>]
        : IsPositive<D> extends false
          ? ["dilation", MustBePositive<"dilation", D>]
          : false extends IsPadding<P>
            ? ["padding", `padding must be whole numbers from 0, got ${ShowValue<P>}`]
            : WindowLength<N, K, S, P, D, R> extends infer F extends Fault
              ? F
              : "ok";
