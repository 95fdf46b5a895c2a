// Batch normalisation, with PyTorch's meaning.
import type { Value } from "../graph/value.js";
import { batchNorm as batchNormOp, batchNormTrain, updateStatistics } from "../ops/batchNorm.js";
import { sizeOf } from "../shape/values.js";
import { only, present } from "./definition.js";
import type { LayerDefinition, ParameterSpec } from "./definition.js";
import type { SameRule } from "./activation.js";
import { defineLayer } from "./layer.js";
import type { Layer } from "./layer.js";
import { numberWhere, readOptions } from "./options.js";

/** Options of batchNorm. */
export interface BatchNormOptions {
  /**
   * The weight of the newest batch in the running statistics, 0 to 1. Default 0.1; Keras means the weight of the old
   * ones.
   */
  readonly momentum?: number;
  /** Added to the variance. Default 1e-5. */
  readonly epsilon?: number;
  /** The name of the parameters, `name.gamma`, `name.beta` and so on. Default: the type and a number. */
  readonly name?: string;
}

function perChannel(
  name: string,
  channels: number,
  kind: "zeros" | "ones",
  role: ParameterSpec["role"],
): ParameterSpec {
  const trainable = role !== "statistic";
  return { name, shape: [channels], initializer: { kind, fanIn: 1, fanOut: 1 }, trainable, role };
}

/** Mean 0 and variance 1 in each channel, then scale gamma and shift beta, which are learned. */
export const batchNormDefinition: LayerDefinition<BatchNormOptions, "batchNorm"> = {
  type: "batchNorm",
  checkOptions: (options) =>
    readOptions("batchNorm", options, {
      momentum: numberWhere("a number from 0 to 1", 0.1, (value) => value >= 0 && value <= 1),
      epsilon: numberWhere("a positive number", 1e-5, (value) => value > 0),
    }),
  outputShape: (inputs) => [...only(inputs)],
  sees: () => "pixel",
  parameters: (inputs) => {
    const channels = only(inputs).at(-1) ?? 0;
    return [
      perChannel("gamma", channels, "ones", "weight"),
      perChannel("beta", channels, "zeros", "bias"),
      perChannel("runningMean", channels, "zeros", "statistic"),
      perChannel("runningVariance", channels, "ones", "statistic"),
    ];
  },
  emit: (inputs, parameters, { momentum = 0.1, epsilon = 1e-5 }, context) => {
    const x = only(inputs);
    const [gamma, beta, mean, variance] = ["gamma", "beta", "runningMean", "runningVariance"].map((name) =>
      present(parameters[name], "batchNorm", name),
    ) as [Value, Value, Value, Value];
    if (!context.training) return batchNormOp(x, { gamma, beta, mean, variance }, { epsilon });
    const batch = batchNormTrain(x, { gamma, beta }, { epsilon });
    const pixelsPerRow = sizeOf(x.shape.slice(1, -1));
    const running = updateStatistics(batch, { mean, variance }, { momentum, pixelsPerRow });
    context.update("runningMean", running.mean);
    context.update("runningVariance", running.variance);
    return batch.y;
  },
};

/**
 * Normalises each channel: by the mean and variance of the batch while training, by running ones afterwards.
 *
 * @throws OptionError for an unknown option, or a value outside of its range
 * @example
 * ```ts
 * const block = stack(conv2d({ filters: 16, kernel: 3, padding: "same", useBias: false }), batchNorm(), relu());
 * ```
 */
export function batchNorm(options: BatchNormOptions = {}): Layer<"batchNorm", SameRule> {
  return defineLayer(batchNormDefinition, options);
}
