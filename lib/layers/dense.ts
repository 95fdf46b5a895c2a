// dense: every output sees every input.
import { dense as denseOp } from "../ops/matmul.js";
import { denseShape } from "../shape/dense.js";
import type { DenseOptions, DenseVerdict } from "../shape/dense.js";
import { only, present } from "./definition.js";
import type { LayerDefinition, ParameterSpec } from "./definition.js";
import { defineLayer } from "./layer.js";
import type { Layer, Rule, ShapeIn, VerdictOf } from "./layer.js";
import { flag, judged, readOptions } from "./options.js";

/** A fully connected layer; weights are [in, out]. */
export const denseDefinition: LayerDefinition<DenseOptions, "dense"> = {
  type: "dense",
  checkOptions: (options) =>
    readOptions("dense", options, { units: judged(), useBias: flag(true) }) as unknown as DenseOptions,
  outputShape: (inputs, options, label) => denseShape(label, only(inputs), options),
  parameters: (inputs, { units, useBias }) => {
    const features = only(inputs)[0] ?? 0;
    const fans = { fanIn: features, fanOut: units };
    const weight: ParameterSpec = {
      name: "weight",
      shape: [features, units],
      initializer: { kind: "glorotUniform", ...fans },
      trainable: true,
      role: "weight",
    };
    const bias: ParameterSpec = {
      name: "bias",
      shape: [units],
      initializer: { kind: "zeros", ...fans },
      trainable: true,
      role: "bias",
    };
    return useBias === false ? [weight] : [weight, bias];
  },
  sees: () => "everything",
  macs: (inputs, _, { units }) => (only(inputs)[0] ?? 0) * units,
  emit: (inputs, { weight, bias }) => denseOp(only(inputs), present(weight, "dense", "weight"), { bias }),
};

/** The shape rule of {@link dense}. */
export interface DenseRule<U extends number> extends Rule {
  readonly out: [U];
  readonly verdict: VerdictOf<DenseVerdict<ShapeIn<this>, U>>;
}

/**
 * A fully connected layer that waits for an input [features] and gives [units].
 *
 * @throws OptionError for an unknown option
 * @example
 * ```ts
 * const head = stack(flatten(), dense({ units: 10 }), softmax());
 * ```
 */
export function dense<const U extends number>(options: DenseOptions<U>): Layer<"dense", DenseRule<U>> {
  return defineLayer(denseDefinition, options);
}
