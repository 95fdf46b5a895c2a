// The shape rules of pooling, on types and on values.
import type { Channels, IsImage, NeedsImage, Offer, OrNumber, Padding, Pair, Rounding, Shape } from "./types.js";
import { needsImage, reject } from "./values.js";
import { resolveWindow } from "./window.js";
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
   * "valid". Default 0.
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

type StrideOr<S, K> = S extends undefined ? K : S;
/** An omitted stride is the window size, which is then to blame for it. */
interface SizeNames<S> extends WindowNames {
  readonly kernel: "size";
  readonly stride: S extends undefined ? "size" : "stride";
}

/** "ok", or the option of a pooling layer at fault. */
export type Pool2dVerdict<I extends Shape, K, S, P, R extends Rounding> =
  IsImage<I> extends false ? ["size", NeedsImage<I>] : WindowVerdict<I, K, StrideOr<S, K>, P, 1, R, SizeNames<S>>;

/** [height, width, channels] */
export type Pool2dShape<I extends Shape, K, S, P, R extends Rounding> =
  WindowOptionsVerdict<K, StrideOr<S, K>, P, 1> extends "ok"
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
 * The window of a pooling layer in plain numbers.
 *
 * @param input [height, width, ...]
 * @throws ShapeError
 */
export function resolvePoolWindow(layer: string, input: Shape, options: Pool2dOptions): Window {
  const { size, stride, padding, rounding } = options;
  const names = stride === undefined ? tiled : stepped;
  return resolveWindow(layer, input, { kernel: size, stride: stride ?? size, padding, rounding }, names);
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
