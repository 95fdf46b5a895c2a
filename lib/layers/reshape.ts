// flatten and reshape: the same numbers under another shape.
import * as ops from "../ops/structure.js";
import { flattenShape, reshapeShape } from "../shape/dense.js";
import type { ReshapeOptions, ReshapeVerdict } from "../shape/dense.js";
import type { Plain, Shape, Size } from "../shape/types.js";
import { only } from "./definition.js";
import type { LayerDefinition } from "./definition.js";
import { defineLayer } from "./layer.js";
import type { Layer, Rule, ShapeIn, VerdictOf } from "./layer.js";
import { judged, readOptions } from "./options.js";
import type { NameOnly } from "./options.js";

/** All elements in one axis, row by row, channels fastest. */
export const flattenDefinition: LayerDefinition<object, "flatten"> = {
  type: "flatten",
  checkOptions: (options) => readOptions("flatten", options, {}),
  outputShape: (inputs) => flattenShape(only(inputs)),
  sees: () => "pixel",
  emit: (inputs) => ops.flatten(only(inputs)),
};

/** The same elements in the same order under another shape. */
export const reshapeDefinition: LayerDefinition<ReshapeOptions, "reshape"> = {
  type: "reshape",
  checkOptions: (options) => readOptions("reshape", options, { shape: judged() }) as unknown as ReshapeOptions,
  outputShape: (inputs, options, label) => reshapeShape(label, only(inputs), options),
  emit: (inputs, _, { shape }) => {
    const x = only(inputs);
    return ops.reshape(x, [x.shape[0] ?? 0, ...shape]);
  },
};

/** The shape rule of {@link flatten}. */
export interface FlattenRule extends Rule {
  readonly out: [Size<ShapeIn<this>>];
  readonly verdict: "ok";
}

/** The shape rule of {@link reshape}. */
export interface ReshapeRule<T extends Shape> extends Rule {
  readonly out: Plain<T>;
  readonly verdict: VerdictOf<ReshapeVerdict<ShapeIn<this>, T>>;
}

/** Any shape to [number of elements]. */
export function flatten(options: NameOnly = {}): Layer<"flatten", FlattenRule> {
  return defineLayer(flattenDefinition, options);
}

/**
 * Any shape to one with as many elements.
 *
 * @throws OptionError for an unknown option
 * @example
 * ```ts
 * sequential([784]).apply(reshape({ shape: [28, 28, 1] })); // Net<[784], [28, 28, 1]>
 * ```
 */
export function reshape<const T extends Shape>(options: ReshapeOptions<T>): Layer<"reshape", ReshapeRule<T>> {
  return defineLayer(reshapeDefinition, options);
}
