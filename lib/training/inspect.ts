/** Looking inside a net: what its layers give, and gradients between any two of them; as generators of runs (see drive.ts). */
import type { Executable, InputArray } from "../backend/backend.js";
import { elementCount, requireTensor, type Tensor } from "../data/tensor.js";
import { OptionError, ShapeError } from "../errors.js";
import { newFloats } from "../memory.js";
import type { LayerNode } from "../layers/definition.js";
import { listNodes } from "../layers/node.js";
import { shortened, showShape, showValue } from "../shape/values.js";
import type { Shape } from "../shape/types.js";
import type { RunLoop } from "./drive.js";

/** What one layer gives for each image: [batch, ...the layer's output shape]. */
export type Activation = Tensor<Shape, Float32Array>;

/** The gradient that reached a layer, beside what the layer gave. */
export interface LayerGradient {
  readonly activation: Activation;
  /** Shaped like the activation; zeros where `of` does not depend on the layer. */
  readonly gradient: Activation;
}

/** What `model.gradients` gives. */
export interface LayerGradients {
  /** What the layer `of` gave. */
  readonly output: Activation;
  /** By layer, in the order of `wrt`. */
  readonly layers: ReadonlyMap<string, LayerGradient>;
}

/** A Program that is planned for some images. */
export interface ImagePlan {
  readonly executable: Executable;
  readonly images: InputArray;
  readonly rows: number;
  /** The net for images of this size. */
  readonly node: LayerNode;
}

/** Every layer's output shape by its name, the input's included. */
export function layerShapes(node: LayerNode): Map<string, Shape> {
  return new Map(listNodes(node).map(({ name, node: { outputShape } }) => [name, outputShape]));
}

/**
 * Throws unless the net has layers of these names.
 * @param option named in the error, as `owner` is
 */
export function checkLayers(node: LayerNode, names: readonly string[], option: string, owner: string): void {
  const known = [...layerShapes(node).keys()];
  const given: unknown = names;
  if (!Array.isArray(given) || !Array.from<unknown>(given).every((name) => typeof name === "string")) {
    throw new OptionError(option, `${owner}: ${option} must name layers, got ${showValue(names)}`);
  }
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new OptionError(option, `${owner}: the net has no layer ${shortened(unknown)}; it has ${known.join(", ")}`);
  }
  if (names.length === 0) throw new OptionError(option, `${owner}: ${option} must name at least one layer, got none`);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) throw new OptionError(option, `${owner}: ${option} names ${twice} twice`);
}

/** Runs a plan over all rows; returns its outputs, each of them whole. */
function* runRows({ executable, rows }: ImagePlan, inputs: readonly InputArray[]): RunLoop<Float32Array[]> {
  const { program } = executable;
  const perRow = program.storages.filter(({ kind }) => kind === "output").map(({ size }) => size / program.rows);
  const whole = perRow.map((size) => newFloats("activations", rows * size));
  for (let start = 0; start < rows; start += program.rows) {
    const live = Math.min(program.rows, rows - start);
    const part = inputs.map((each) => {
      const size = each.length / rows;
      return each.subarray(start * size, (start + live) * size);
    });
    const outputs = yield { executable, inputs: part, scalars: { rows: live } };
    outputs.forEach((output, i) => whole[i]!.set(output, start * perRow[i]!));
  }
  return whole;
}

/** What each of `layers` gives for the images. */
export function* activationsLoop(plan: ImagePlan, layers: readonly string[]): RunLoop<Map<string, Activation>> {
  const shapes = layerShapes(plan.node);
  const outputs = yield* runRows(plan, [plan.images]);
  return new Map(layers.map((name, i) => [name, { shape: [plan.rows, ...shapes.get(name)!], data: outputs[i]! }]));
}

/** The gradients of sum(seed * activation of `of`) with respect to what each layer of `wrt` gives. */
export function* gradientsLoop(
  plan: ImagePlan,
  request: { readonly of: string; readonly seed: Tensor; readonly wrt: readonly string[] },
): RunLoop<LayerGradients> {
  const { of, seed, wrt } = request;
  requireTensor("gradients", "seed", seed);
  const shapes = layerShapes(plan.node);
  const shapeOf = (name: string): Shape => [plan.rows, ...shapes.get(name)!];
  const expected = shapeOf(of);
  if (showShape(seed.shape) !== showShape(expected) || seed.data.length !== elementCount(expected)) {
    const got = `${showShape(seed.shape)} with ${seed.data.length} elements`;
    throw new ShapeError("seed", `gradients: seed must be ${showShape(expected)} as ${of} is, got ${got}`);
  }
  if (!(seed.data instanceof Float32Array)) {
    throw new OptionError("seed", "gradients: seed must be a Float32Array");
  }
  const [output, ...pairs] = yield* runRows(plan, [plan.images, seed.data]);
  const layers = wrt.map((name, i): [string, LayerGradient] => {
    const shape = shapeOf(name);
    return [name, { activation: { shape, data: pairs[2 * i]! }, gradient: { shape, data: pairs[2 * i + 1]! } }];
  });
  return { output: { shape: expected, data: output! }, layers: new Map(layers) };
}
