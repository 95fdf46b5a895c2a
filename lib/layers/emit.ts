// From layers to ops: the parameters of a net, and its graph of Values.
import { GraphError } from "../errors.js";
import { state, withLabel } from "../graph/value.js";
import type { Value } from "../graph/value.js";
import { showShape } from "../shape/values.js";
import { inputShapes, present } from "./definition.js";
import type { LayerNode, ParameterSpec } from "./definition.js";
import { listNodes, rootOf } from "./node.js";
import type { NamedNode } from "./node.js";

/** A parameter with its layer: its State tensor is called `layer.name`. */
export interface NetParameter extends ParameterSpec {
  /** `layer.name`, unique in the net: "conv2d1.weight". */
  readonly tensor: string;
  /** The layer's name: "conv2d1". */
  readonly layer: string;
}

function parametersOf({ name: layer, node }: NamedNode): NetParameter[] {
  const specs = node.definition.parameters?.(inputShapes(node), node.options) ?? [];
  return specs.map((spec) => ({ ...spec, layer, tensor: `${layer}.${spec.name}` }));
}

/** Every parameter of the net that ends in `output`, layer by layer. */
export function netParameters(output: LayerNode): NetParameter[] {
  return listNodes(output).flatMap(parametersOf);
}

/** A net as ops. */
export interface EmittedNet {
  readonly output: Value;
  /** What each layer gives, by its name; the input layer gives what the net is given. */
  readonly layers: ReadonlyMap<string, Value>;
  /** New values of State tensors that no gradient makes: running statistics. Empty unless training. */
  readonly updates: readonly { readonly tensor: string; readonly value: Value }[];
}

/** How {@link emitNet} builds. */
export interface EmitNetOptions {
  /** Batch norm uses the batch and updates its statistics. */
  readonly training: boolean;
  /** The Value of a parameter. Default: the State tensor of its name. */
  readonly parameter?: (parameter: NetParameter) => Value;
}

/**
 * Builds the ops of a net.
 *
 * @param output the net's last node
 * @param x the rows of a batch first: [rows, ...inputShape]
 * @throws GraphError where x does not have the net's input shape
 * @example
 * ```ts
 * const { output, updates } = emitNet(net.node, input("x", [32, 8, 8, 1], { batched: true }), { training: true });
 * ```
 */
export function emitNet(output: LayerNode, x: Value, options: EmitNetOptions): EmittedNet {
  const { training, parameter = ({ tensor, shape }: NetParameter) => state(tensor, shape) } = options;
  const expected = rootOf(output).outputShape;
  if (showShape(x.shape.slice(1)) !== showShape(expected)) {
    throw new GraphError(`input: must have the shape [rows, ${expected.join(", ")}], got ${showShape(x.shape)}`);
  }
  const values = new Map<LayerNode, Value>();
  const layers = new Map<string, Value>();
  const updates: { tensor: string; value: Value }[] = [];
  for (const named of listNodes(output)) {
    const { name, node } = named;
    if (node.inputs.length === 0) {
      values.set(node, x);
      layers.set(name, x);
      continue;
    }
    const own = parametersOf(named);
    const update = (target: string, value: Value): void => {
      const parameter = own.find((each) => each.name === target);
      updates.push({ tensor: present(parameter, name, target).tensor, value });
    };
    const emit = (): Value => {
      const inputs = node.inputs.map((each) => present(values.get(each), name, "input"));
      const parameters = Object.fromEntries(own.map((each) => [each.name, parameter(each)]));
      return node.definition.emit(inputs, parameters, node.options, { training, name, update });
    };
    const value = withLabel(name, emit);
    values.set(node, value);
    layers.set(name, value);
  }
  return { output: present(values.get(output), "net", "output"), layers, updates };
}
