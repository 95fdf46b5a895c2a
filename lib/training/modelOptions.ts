/** What a model and its calls take, and what of it is checked before anything runs. */
import type { Backend } from "../backend/backend.js";
import { isTensorData, type Tensor } from "../data/tensor.js";
import { OptionError, reasonOf } from "../errors.js";
import { isJsonObject, type JsonObject } from "../io/json.js";
import type { LayerNode } from "../layers/definition.js";
import type { LossName } from "../losses/losses.js";
import { requireOptions, showValue } from "../shape/values.js";
import type { Shape } from "../shape/types.js";
import { checkOptimizer } from "./fit.js";
import { checkLayers } from "./inspect.js";
import { planKinds, type PlanKind } from "./plans.js";

export interface ModelOptions {
  /** Of initial weights, shuffling and augmentation. Default 0. */
  readonly seed?: number;
  /** Default: what backendInfo() tells. */
  readonly backend?: Backend;
  /** What parameters start with, by name; the others are drawn from the seed. */
  readonly parameters?: ReadonlyMap<string, Tensor>;
  /** Whatever belongs to the model, as JSON: it is saved with it. The names of the classes, say. */
  readonly metadata?: JsonObject;
}

export interface CallOptions {
  /** The most images in one run. Default 32. */
  readonly batchSize?: number;
  /** Aborting rejects the call; a training step under way leaves no trace. */
  readonly signal?: AbortSignal;
}

export interface PredictOptions extends CallOptions {
  /**
   * Receives the result, which is then returned in it: used again and again it spares large results the cost of fresh
   * memory. Must have as many elements as the result, and share no memory with the images.
   */
  readonly into?: Float32Array;
}

export interface EvaluateOptions extends CallOptions {
  /** Default "crossEntropy". */
  readonly loss?: LossName;
}

export interface ActivationsOptions extends CallOptions {
  /** Names of layers. Default: all. */
  readonly layers?: readonly string[];
}

export interface GradientsOptions extends CallOptions {
  /** The layer to differentiate. */
  readonly of: string;
  /** The gradient to start with, shaped like what `of` gives. */
  readonly seed: Tensor<Shape, Float32Array>;
  /** The layers with respect to which. Default: the net's input. */
  readonly wrt?: readonly string[];
}

/** What save() could not write, or load() would refuse, must not be found out after a night of training. */
export function checkMetadata(metadata: JsonObject): JsonObject {
  try {
    if (isJsonObject(metadata) && isJsonObject(JSON.parse(JSON.stringify(metadata)) as JsonObject)) return metadata;
  } catch (cause) {
    throw new OptionError("metadata", `model: metadata must be JSON: ${reasonOf(cause)}`, { cause });
  }
  throw new OptionError("metadata", `model: metadata must be an object, got ${showValue(metadata)}`);
}

/** @throws OptionError where it cannot take a result of so many elements */
export function checkInto(into: Float32Array, size: number): void {
  // By name: arrays from another realm (a test runner's, say) have other constructors.
  const name = Object.prototype.toString.call(into).slice("[object ".length, -1);
  if (isTensorData(into) && name === "Float32Array" && into.length === size) return;
  const got = name === "Float32Array" ? into.length : name;
  throw new OptionError("into", `predict: into must be a Float32Array of ${size} elements, got ${got}`);
}

/** @throws OptionError where it is no kind of run, or one that the net does not have the layers for */
export function checkKind(owner: string, node: LayerNode, kind: PlanKind): void {
  requireOptions(owner, kind);
  if (!planKinds.includes(kind.kind)) {
    throw new OptionError("kind", `${owner}: kind must be one of ${planKinds.join(", ")}, got ${showValue(kind.kind)}`);
  }
  if (kind.kind === "train") checkOptimizer(owner, kind.optimizer);
  if (kind.kind === "activations") checkLayers(node, kind.layers, "layers", owner);
  if (kind.kind !== "gradients") return;
  checkLayers(node, [kind.of], "of", owner);
  checkLayers(node, kind.wrt, "wrt", owner);
}
