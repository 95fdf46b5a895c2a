// Making nodes, and listing a graph: order, names, JSON.
import { GraphError, OptionError } from "../errors.js";
import { allPositive, reject, showShape, showValue, sizeOf } from "../shape/values.js";
import type { Shape } from "../shape/types.js";
import type { LayerDefinition, LayerNode } from "./definition.js";
import { readOptions, splitName } from "./options.js";

/** The definition of the leaves. */
export const inputDefinition: LayerDefinition<{ readonly shape: Shape }> = {
  type: "input",
  checkOptions: (options) => readOptions("input", options, { shape: {} }) as { shape: Shape },
  outputShape: (_, { shape }) => {
    if (!Array.isArray(shape) || shape.length === 0 || !allPositive(shape)) {
      reject("input", ["shape", `shape must be positive whole numbers, got ${showValue(shape)}`]);
    }
    checkCountable("input", shape);
    return [...shape];
  },
  emit: () => {
    throw new OptionError("input", "input: an input is given, not computed");
  },
};

/** A leaf. */
export function inputNode(shape: Shape): LayerNode {
  const options = inputDefinition.checkOptions({ shape });
  const outputShape = inputDefinition.outputShape([], options, "input");
  return { definition: inputDefinition, options, name: undefined, inputs: [], outputShape };
}

/** Leaves by node: to walk there anew for each layer of a file would take hours for a hundred thousand of them. */
const roots = new WeakMap<LayerNode, LayerNode>();

/** The leaf that a node starts from. All inputs of a node start from the same one, so the first will do. */
export function rootOf(node: LayerNode): LayerNode {
  let root = node;
  for (let next = root.inputs[0]; next !== undefined; next = root.inputs[0]) root = roots.get(root) ?? next;
  if (root !== node) roots.set(node, root);
  return root;
}

/** Sizes above 2^53 would be inexact, and with them every check to come. */
function checkCountable(label: string, shape: Shape): void {
  if (Number.isSafeInteger(sizeOf(shape))) return;
  reject(label, ["shape", `its output must have fewer than 2^53 elements, got ${showShape(shape)}`]);
}

/**
 * @param owner begins the sentence: "stack"
 * @throws GraphError where a layer value is none
 */
export function checkLayer(owner: string, layer: unknown): void {
  if (typeof (layer as { applyTo?: unknown } | null | undefined)?.applyTo === "function") return;
  throw new GraphError(`${owner}: needs a layer such as relu(), got ${showValue(layer)}`);
}

/**
 * A layer behind some nodes, checked.
 *
 * @param label begins the sentence of a shape error; default the layer's type
 * @throws OptionError, ShapeError
 */
export function appendLayer(
  definition: LayerDefinition,
  inputs: readonly LayerNode[],
  options: object,
  label: string = definition.type,
): LayerNode {
  const { name, rest } = splitName(label, options);
  const checked = definition.checkOptions(rest);
  const starts = new Set(inputs.map(rootOf));
  if (starts.size > 1) {
    const advice = "begin them all from one input";
    throw new OptionError("other", `${label}: the branches start from ${starts.size} different inputs; ${advice}`);
  }
  const shapes = inputs.map((input) => input.outputShape);
  const outputShape = definition.outputShape(shapes, checked, label);
  checkCountable(label, outputShape);
  return { definition, options: checked, name, inputs: [...inputs], outputShape };
}

/** A node with its name, which is unique in its graph. */
export interface NamedNode {
  readonly name: string;
  readonly node: LayerNode;
  /** The names of the nodes that it reads. */
  readonly inputs: readonly string[];
}

/** Every node that `output` needs, each after its inputs; the same for the same graph. */
function orderNodes(output: LayerNode): LayerNode[] {
  const order = new Set<LayerNode>();
  // A stack of our own: a net of some thousand layers would exhaust the engine's.
  const pending: { readonly node: LayerNode; ready: boolean }[] = [{ node: output, ready: false }];
  for (let top = pending.at(-1); top !== undefined; top = pending.at(-1)) {
    if (top.ready || order.has(top.node)) {
      pending.pop();
      order.add(top.node);
      continue;
    }
    top.ready = true;
    for (const input of top.node.inputs.toReversed()) pending.push({ node: input, ready: false });
  }
  return [...order];
}

/**
 * The nodes that `output` needs, each after its inputs, with the names that were given or `type1`, `type2`, ... in this
 * order.
 *
 * @throws OptionError where one name was given to two layers
 */
export function listNodes(output: LayerNode): NamedNode[] {
  const nodes = orderNodes(output);
  const names = new Map<LayerNode, string>();
  const taken = new Set<string>();
  for (const node of nodes) {
    if (node.name === undefined) continue;
    if (taken.has(node.name)) {
      throw new OptionError("name", `${node.definition.type}: two layers have the name '${node.name}'`);
    }
    taken.add(node.name);
    names.set(node, node.name);
  }
  const counts = new Map<string, number>();
  const nextName = (type: string): string => {
    const count = (counts.get(type) ?? 0) + 1;
    counts.set(type, count);
    return `${type}${count}`;
  };
  for (const node of nodes) {
    if (names.has(node)) continue;
    const { type } = node.definition;
    let name = node.inputs.length === 0 ? type : nextName(type);
    while (taken.has(name)) name = nextName(type);
    taken.add(name);
    names.set(node, name);
  }
  const nameOf = (node: LayerNode): string => names.get(node) ?? node.definition.type;
  return nodes.map((node) => ({ name: nameOf(node), node, inputs: node.inputs.map(nameOf) }));
}

/** The name of the net's input, as listNodes gives it. */
export function inputName(output: LayerNode): string {
  const root = rootOf(output);
  return listNodes(output).find(({ node }) => node === root)!.name;
}

/**
 * The same net behind an input of another size: every shape is worked out anew, by the same rules.
 *
 * @throws ShapeError where a layer cannot take the new sizes
 */
export function withInputShape(output: LayerNode, shape: Shape): LayerNode {
  const copies = new Map<LayerNode, LayerNode>();
  for (const node of orderNodes(output)) {
    const { definition, options, name } = node;
    const inputs = node.inputs.map((input) => copies.get(input) ?? input);
    const outputShape =
      inputs.length === 0
        ? [...shape]
        : definition.outputShape(
            inputs.map((input) => input.outputShape),
            options,
            name ?? definition.type,
          );
    copies.set(node, { definition, options, name, inputs, outputShape });
  }
  return copies.get(output) ?? output;
}
