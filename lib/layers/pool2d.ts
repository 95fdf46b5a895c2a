// Pooling by windows and over whole images.
import { avgPool2d as avgPool2dOp, globalAvgPool2d as globalAvgPool2dOp } from "../ops/avgPool2d.js";
import { globalMaxPool2d as globalMaxPool2dOp, maxPool2d as maxPool2dOp } from "../ops/maxPool2d.js";
import { flatten as flattenOp } from "../ops/structure.js";
import { globalPoolShape, pool2dShape, resolvePoolWindow } from "../shape/pool2d.js";
import type {
  AvgPool2dOptions,
  GlobalPoolVerdict,
  Pool2dOptions,
  Pool2dShape,
  Pool2dVerdict,
} from "../shape/pool2d.js";
import type { Channels, Padding, Pair, Rounding, Shape } from "../shape/types.js";
import type { Window } from "../shape/window.js";
import { only } from "./definition.js";
import type { LayerDefinition } from "./definition.js";
import { windowFormula } from "./formula.js";
import { defineLayer } from "./layer.js";
import type { Layer, Rule, ShapeIn, VerdictOf } from "./layer.js";
import { flag, judged, readOptions } from "./options.js";
import type { NameOnly } from "./options.js";

// The stride has no default here: a saved graph must still tell an omitted one, whose sentences blame the size.
const common = { size: judged(), stride: judged(), padding: judged(0), rounding: judged("exact") };

function windowOf(type: string) {
  return (inputs: readonly Shape[], options: Pool2dOptions): Window => resolvePoolWindow(type, only(inputs), options);
}

function formula(type: string) {
  return (inputs: readonly Shape[], options: Pool2dOptions): string => {
    return windowFormula(windowOf(type)(inputs, options), only(inputs), options.padding, options.rounding);
  };
}

/** The largest element of each window; padding never wins. */
export const maxPool2dDefinition: LayerDefinition<Pool2dOptions, "maxPool2d"> = {
  type: "maxPool2d",
  checkOptions: (options) => readOptions("maxPool2d", options, common) as unknown as Pool2dOptions,
  outputShape: (inputs, options, label) => pool2dShape(label, only(inputs), options),
  sees: windowOf("maxPool2d"),
  formula: formula("maxPool2d"),
  emit: (inputs, _, options) => maxPool2dOp(only(inputs), options),
};

/** The mean of each window. */
export const avgPool2dDefinition: LayerDefinition<AvgPool2dOptions, "avgPool2d"> = {
  type: "avgPool2d",
  checkOptions: (options) =>
    readOptions("avgPool2d", options, {
      ...common,
      countIncludePad: flag(true),
    }) as unknown as AvgPool2dOptions,
  outputShape: (inputs, options, label) => pool2dShape(label, only(inputs), options),
  sees: windowOf("avgPool2d"),
  formula: formula("avgPool2d"),
  emit: (inputs, _, options) => avgPool2dOp(only(inputs), options),
};

/** The mean of each channel. */
export const globalAvgPool2dDefinition: LayerDefinition<object, "globalAvgPool2d"> = {
  type: "globalAvgPool2d",
  checkOptions: (options) => readOptions("globalAvgPool2d", options, {}),
  outputShape: (inputs, _, label) => globalPoolShape(label, only(inputs)),
  sees: () => "everything",
  emit: (inputs) => flattenOp(globalAvgPool2dOp(only(inputs))),
};

/** The largest element of each channel. */
export const globalMaxPool2dDefinition: LayerDefinition<object, "globalMaxPool2d"> = {
  type: "globalMaxPool2d",
  checkOptions: (options) => readOptions("globalMaxPool2d", options, {}),
  outputShape: (inputs, _, label) => globalPoolShape(label, only(inputs)),
  sees: () => "everything",
  emit: (inputs) => flattenOp(globalMaxPool2dOp(only(inputs))),
};

/** The shape rule of {@link maxPool2d} and {@link avgPool2d}. */
export interface Pool2dRule<K, S, P, R extends Rounding> extends Rule {
  readonly out: Pool2dShape<ShapeIn<this>, K, S, P, R>;
  readonly verdict: VerdictOf<Pool2dVerdict<ShapeIn<this>, K, S, P, R>>;
}

/** The shape rule of {@link globalAvgPool2d} and {@link globalMaxPool2d}. */
export interface GlobalPoolRule extends Rule {
  readonly out: [Channels<ShapeIn<this>>];
  readonly verdict: GlobalPoolVerdict<ShapeIn<this>>;
}

/**
 * Max pooling that waits for an input [height, width, channels].
 *
 * @throws OptionError for an unknown option
 * @example
 * ```ts
 * sequential([32, 32, 10]).apply(maxPool2d({ size: 2 })); // Net<[32, 32, 10], [16, 16, 10]>
 * ```
 */
export function maxPool2d<
  const K extends Pair,
  const S extends Pair | undefined = undefined,
  const P extends Padding = 0,
  const R extends Rounding = "exact",
>(options: Pool2dOptions<K, S, P, R>): Layer<"maxPool2d", Pool2dRule<K, S, P, R>> {
  return defineLayer(maxPool2dDefinition, options);
}

/**
 * Average pooling that waits for an input [height, width, channels].
 *
 * @throws OptionError for an unknown option
 */
export function avgPool2d<
  const K extends Pair,
  const S extends Pair | undefined = undefined,
  const P extends Padding = 0,
  const R extends Rounding = "exact",
>(options: AvgPool2dOptions<K, S, P, R>): Layer<"avgPool2d", Pool2dRule<K, S, P, R>> {
  return defineLayer(avgPool2dDefinition, options);
}

/** The mean of each channel of an image: [height, width, channels] to [channels]. */
export function globalAvgPool2d(options: NameOnly = {}): Layer<"globalAvgPool2d", GlobalPoolRule> {
  return defineLayer(globalAvgPool2dDefinition, options);
}

/** The largest element of each channel of an image: [height, width, channels] to [channels]. */
export function globalMaxPool2d(options: NameOnly = {}): Layer<"globalMaxPool2d", GlobalPoolRule> {
  return defineLayer(globalMaxPool2dDefinition, options);
}
