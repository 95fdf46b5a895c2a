/** Where in a net the scores of classes and the last maps are. */
import { OptionError } from "../errors.js";
import { listNodes } from "../layers/node.js";
import type { NamedNode } from "../layers/node.js";
import { filterLayers } from "./filters.js";
import type { AnyModel } from "./model.js";

/**
 * The layer whose values are differentiated: the last one, or what a softmax at the end reads. A probability near 1 has
 * almost no gradient, its score does.
 */
export function scoreLayer({ node }: Pick<AnyModel, "node">): string {
  const named = listNodes(node);
  const last = named.at(-1)!;
  return last.node.definition.type === "softmax" ? last.inputs[0]! : last.name;
}

const isMap = ({ node }: NamedNode): boolean => node.outputShape.length === 3;

const activations: ReadonlySet<string> = new Set(["relu", "relu6", "leakyRelu", "sigmoid", "tanh"]);

/** What a layer reads if it is an activation, else the layer: where a ReLU gives 0 it has no gradient, what it reads has. */
export function beforeActivation({ node }: Pick<AnyModel, "node">, layer: string): string {
  const named = listNodes(node).find(({ name }) => name === layer)!;
  return activations.has(named.node.definition.type) ? named.inputs[0]! : layer;
}

/**
 * The last layer that still says where: the last convolution with what follows at its size, such as batch norm,
 * activation and the sum of a residual block.
 * @throws OptionError where the net has no convolution
 */
export function lastMapLayer({ node }: Pick<AnyModel, "node">, owner: string): string {
  const last = filterLayers({ node }).at(-1);
  if (last === undefined) throw new OptionError("layer", `${owner}: the net has no convolution to look at`);
  const named = listNodes(node);
  let at = named.findIndex(({ name }) => name === last);
  const [height, width] = named[at]!.node.outputShape;
  for (let next = named[at + 1]; next !== undefined && isMap(next); next = named[at + 1]) {
    if (next.node.outputShape[0] !== height || next.node.outputShape[1] !== width) break;
    at++;
  }
  return named[at]!.name;
}
