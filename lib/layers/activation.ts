// Layers that keep the shape and have no parameters: activations, softmax, rescale.
import * as ops from "../ops/activation.js";
import { rescale as rescaleOp } from "../ops/arithmetic.js";
import { softmax as softmaxOp } from "../ops/softmax.js";
import { only } from "./definition.js";
import type { LayerDefinition } from "./definition.js";
import { defineLayer } from "./layer.js";
import type { Layer, Rule, ShapeIn } from "./layer.js";
import { numberWhere, readOptions } from "./options.js";
import type { NameOnly, OptionRule } from "./options.js";

/** Options of leakyRelu. */
export interface LeakyReluOptions {
  /** The factor of negative inputs, from 0. Default 0.1, the lecture's; PyTorch's is 0.01 and Keras's 0.3. */
  readonly slope?: number;
  /** Default: the type and a number. */
  readonly name?: string;
}

/** Options of rescale: y = scale * x + offset. */
export interface RescaleOptions {
  /** Default 1/255, which brings bytes to 0..1. */
  readonly scale?: number;
  /** Default 0. */
  readonly offset?: number;
  /** Default: the type and a number. */
  readonly name?: string;
}

function elementwise<Type extends string, Options extends object = object>(
  type: Type,
  rules: Readonly<Record<string, OptionRule>>,
  emit: LayerDefinition<Options>["emit"],
): LayerDefinition<Options, Type> {
  return {
    type,
    checkOptions: (options) => readOptions(type, options, rules) as Options,
    outputShape: (inputs) => [...only(inputs)],
    sees: () => "pixel",
    emit,
  };
}

/** max(x, 0) */
export const reluDefinition = elementwise("relu", {}, (inputs) => ops.relu(only(inputs)));
/** max(x, 0), but at most 6 */
export const relu6Definition = elementwise("relu6", {}, (inputs) => ops.relu6(only(inputs)));
/** x from 0, slope * x below. */
export const leakyReluDefinition = elementwise<"leakyRelu", LeakyReluOptions>(
  "leakyRelu",
  // The gradient is computed from the output, which tells the sign of the input only while the slope is not negative.
  { slope: numberWhere("a number from 0", 0.1, (slope) => slope >= 0) },
  (inputs, _, options) => ops.leakyRelu(only(inputs), options),
);
/** 1 / (1 + exp(-x)) */
export const sigmoidDefinition = elementwise("sigmoid", {}, (inputs) => ops.sigmoid(only(inputs)));
/** The hyperbolic tangent. */
export const tanhDefinition = elementwise("tanh", {}, (inputs) => ops.tanh(only(inputs)));
/** exp(x) / sum of exp(x) along the last axis. */
export const softmaxDefinition: LayerDefinition<object, "softmax"> = {
  ...elementwise("softmax", {}, (inputs) => softmaxOp(only(inputs))),
  // The last axis of a flat vector is all there is.
  sees: (inputs) => (only(inputs).length === 1 ? "everything" : "pixel"),
};
/** scale * x + offset */
export const rescaleDefinition = elementwise<"rescale", RescaleOptions>(
  "rescale",
  {
    scale: numberWhere("a number", 1 / 255, () => true),
    offset: numberWhere("a number", 0, () => true),
  },
  (inputs, _, options) => rescaleOp(only(inputs), options),
);

/** The shape rule of every layer that keeps the shape. */
export interface SameRule extends Rule {
  readonly out: ShapeIn<this>;
  readonly verdict: "ok";
}

/** max(x, 0) */
export function relu(options: NameOnly = {}): Layer<"relu", SameRule> {
  return defineLayer(reluDefinition, options);
}

/** max(x, 0), but at most 6: what MobileNetV2 is made with. */
export function relu6(options: NameOnly = {}): Layer<"relu6", SameRule> {
  return defineLayer(relu6Definition, options);
}

/** x from 0, slope * x below. */
export function leakyRelu(options: LeakyReluOptions = {}): Layer<"leakyRelu", SameRule> {
  return defineLayer(leakyReluDefinition, options);
}

/** 1 / (1 + exp(-x)) */
export function sigmoid(options: NameOnly = {}): Layer<"sigmoid", SameRule> {
  return defineLayer(sigmoidDefinition, options);
}

/** The hyperbolic tangent. */
export function tanh(options: NameOnly = {}): Layer<"tanh", SameRule> {
  return defineLayer(tanhDefinition, options);
}

/**
 * Positive numbers that add up to 1 along the last axis. A crossEntropy loss behind it uses the fused log-softmax form.
 */
export function softmax(options: NameOnly = {}): Layer<"softmax", SameRule> {
  return defineLayer(softmaxDefinition, options);
}

/**
 * scale * x + offset. As the first layer it takes images of bytes.
 *
 * @example
 * ```ts
 * sequential([28, 28, 1]).rescale({ scale: 2 / 255, offset: -1 }); // bytes to -1..1
 * ```
 */
export function rescale(options: RescaleOptions = {}): Layer<"rescale", SameRule> {
  return defineLayer(rescaleDefinition, options);
}
