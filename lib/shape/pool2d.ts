// The shape rules of pooling, on types and on values.
import type { Subtract } from "./arithmetic.js";
import type {
  Channels,
  Fault,
  HeightOf,
  IsImage,
  NeedsImage,
  Offer,
  OrNumber,
  Padding,
  Pair,
  Rounding,
  Shape,
  Sides,
  WidthOf,
} from "./types.js";
import { needsImage, reject } from "./values.js";
import { resolveWindow, windowOptionsFault } from "./window.js";
import type { Window } from "./window.js";
import type { WindowHeight, WindowNames, WindowOptionsVerdict, WindowVerdict, WindowWidth } from "./windowTypes.js";

/** Options of maxPool2d; the type parameters hold the literals that the shape rule reads. */
export interface Pool2dOptions<K = Pair, S = Pair | undefined, P = Padding, R = Rounding> {
  /** Window size: a number, or [height, width]. */
  readonly size: K;
  /** Step of the window: a number, or [height, width]. Default: the window size, so that windows tile the input. */
  readonly stride?: S;
  /**
   * Border around the input: a number for each side, [height, width], [[top, bottom], [left, right]], "same" or
   * "valid". Each side must be smaller than the window, which would lie in the padding otherwise. Default 0.
   */
  readonly padding?: P | Offer<P, Padding>;
  /** What to do where the windows do not tile the padded input. Default "exact", an error. */
  readonly rounding?: R | Offer<R, Rounding>;
  /** Default: the type and a number. */
  readonly name?: string;
}

/** Options of avgPool2d. */
export interface AvgPool2dOptions<K = Pair, S = Pair | undefined, P = Padding, R = Rounding> extends Pool2dOptions<
  K,
  S,
  P,
  R
> {
  /** Whether the zeros of the padding count in the average, as in PyTorch; Keras leaves them out. Default true. */
  readonly countIncludePad?: boolean;
}

/** The options of a pooling's window, as the op takes them. */
export interface PoolWindowOptions {
  /** Window size: a number, or [height, width]. */
  readonly size: Pair;
  /** Default: the window size. */
  readonly stride?: Pair | undefined;
  /** Each side smaller than the window. Default 0. */
  readonly padding?: Padding | undefined;
  readonly rounding?: Rounding | undefined;
}

type StrideOr<S, K> = S extends undefined ? K : S;
/** An omitted stride is the window size, which is then to blame for it. */
interface SizeNames<S> extends WindowNames {
  readonly kernel: "size";
  readonly stride: S extends undefined ? "size" : "stride";
}

/** "ok", or the padding P of one side that is not smaller than the window K along its axis. */
type SideVerdict<P extends number, K extends number, Side extends string> =
  Subtract<P, K> extends infer rest extends number
    ? number extends rest
      ? "ok"
      : ["padding", `padding must be smaller than the window, got ${P} on the ${Side} for a window of ${K}`]
    : "ok";
type AxisVerdict<A extends number, B extends number, K extends number, Before extends string, After extends string> =
  SideVerdict<A, K, Before> extends infer F extends Fault ? F : SideVerdict<B, K, After>;
/** "same" needs no look: its total is at most the window less 1. */
type PaddingVerdict<K, P> = P extends string
  ? "ok"
  : P extends Sides
    ? AxisVerdict<P[0][0], P[0][1], HeightOf<K>, "top", "bottom"> extends infer F extends Fault
      ? F
      : AxisVerdict<P[1][0], P[1][1], WidthOf<K>, "left", "right">
    : SideVerdict<HeightOf<P>, HeightOf<K>, "top"> extends infer F extends Fault
      ? F
      : SideVerdict<WidthOf<P>, WidthOf<K>, "left">;

/** "ok", or the option that no input could make legal. */
type Pool2dOptionsVerdict<K, S, P, Names extends WindowNames> =
  WindowOptionsVerdict<K, S, P, 1, Names> extends infer V ? (V extends "ok" ? PaddingVerdict<K, P> : V) : never;

/** "ok", or the option of a pooling layer at fault. */
export type Pool2dVerdict<I extends Shape, K, S, P, R extends Rounding> =
  IsImage<I> extends false
    ? ["size", NeedsImage<I>]
    : Pool2dOptionsVerdict<K, StrideOr<S, K>, P, SizeNames<S>> extends infer F extends Fault
      ? F
      : WindowVerdict<I, K, StrideOr<S, K>, P, 1, R, SizeNames<S>>;

/** [height, width, channels] */
export type Pool2dShape<I extends Shape, K, S, P, R extends Rounding> =
  Pool2dOptionsVerdict<K, StrideOr<S, K>, P, SizeNames<S>> extends "ok"
    ? [
        OrNumber<WindowHeight<I, K, StrideOr<S, K>, P, 1, R>>,
        OrNumber<WindowWidth<I, K, StrideOr<S, K>, P, 1, R>>,
        Channels<I>,
      ]
    : [number, number, Channels<I>];

/** "ok", or a fault of the input itself: global pooling has no options. */
export type GlobalPoolVerdict<I extends Shape> = IsImage<I> extends false ? ["this", NeedsImage<I>] : "ok";

const tiled: WindowNames = { kernel: "size", stride: "size" };
const stepped: WindowNames = { kernel: "size", stride: "stride" };

/**
 * The padding of the first side that is not smaller than the window: a whole window would lie in it, with no largest
 * element and no mean. Smaller ones never leave a window empty: the first ends behind the leading padding, the last
 * begins before the trailing one ("ceil" drops it otherwise).
 */
function paddingFault(size: Pair, padding: Padding): Fault | undefined {
  // "same" needs no look: its total is at most the window less 1.
  if (typeof padding === "string") return undefined;
  for (const axis of [0, 1] as const) {
    const window = typeof size === "number" ? size : size[axis];
    const sides = typeof padding === "number" ? padding : padding[axis];
    const [before, after] = typeof sides === "number" ? [sides, sides] : sides;
    if (before >= window) return tooWide(before, axis === 0 ? "top" : "left", window);
    if (after >= window) return tooWide(after, axis === 0 ? "bottom" : "right", window);
  }
  return undefined;
}

function tooWide(padding: number, side: string, window: number): Fault {
  return [
    "padding",
    `padding must be smaller than the window, got ${padding} on the ${side} for a window of ${window}`,
  ];
}

/**
 * The window of a pooling layer in plain numbers. None lies in the padding as a whole.
 *
 * @param input [height, width, ...]
 * @throws ShapeError
 */
export function resolvePoolWindow(layer: string, input: Shape, options: PoolWindowOptions): Window {
  const { size, stride, padding = 0, rounding } = options;
  const names = stride === undefined ? tiled : stepped;
  const window = { kernel: size, stride: stride ?? size, padding, rounding };
  reject(layer, windowOptionsFault(window, names) ?? paddingFault(size, padding));
  return resolveWindow(layer, input, window, names);
}

/**
 * The output shape of a pooling layer.
 *
 * @param layer begins the sentence of an error
 * @param input [height, width, channels]
 * @throws ShapeError
 * @example
 * ```ts
 * pool2dShape("maxPool2d", [32, 32, 10], { size: 2 }); // [16, 16, 10]
 * ```
 */
export function pool2dShape(layer: string, input: Shape, options: Pool2dOptions): [number, number, number] {
  reject(layer, needsImage("size", input));
  const { outH, outW } = resolvePoolWindow(layer, input, options);
  return [outH, outW, input[2] ?? 0];
}

/**
 * The output shape of pooling over a whole image: [channels].
 *
 * @throws ShapeError where the input is not [height, width, channels]
 */
export function globalPoolShape(layer: string, input: Shape): [number] {
  reject(layer, needsImage("this", input));
  return [input[2] ?? 0];
}
