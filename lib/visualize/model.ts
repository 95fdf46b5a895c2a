/** What pictures ask of a model and of data: little enough that a model of known shapes is one of any shapes. */
import type { ImageArray } from "../data/dataset.js";
import type { Tensor } from "../data/tensor.js";
import type { Model } from "../training/model.js";

/** Any {@link Model}. */
export type AnyModel = Pick<
  Model,
  "node" | "inputShape" | "outputShape" | "metadata" | "parameters" | "predict" | "activations" | "gradients"
>;

/** Images [n, height, width, channels], bytes or floats. */
export type Images = Tensor<readonly [number, ...number[]], ImageArray>;
