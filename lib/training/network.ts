/** Layers to Values: the forward pass of a net, for inference or for training. */
import { input, state, withLabel, type Value } from "../graph/value.js";
import type { ParameterSpec } from "../layers/definition.js";
import { inputShapes } from "../layers/definition.js";
import type { NamedNode } from "../layers/node.js";
import { rescale } from "../ops/arithmetic.js";

/** A parameter under the name that files and State use: "conv2d1.weight". */
export interface NamedParameter {
  readonly name: string;
  readonly spec: ParameterSpec;
}

/** Every parameter of a net, in the order of its layers. */
export function listParameters(nodes: readonly NamedNode[]): NamedParameter[] {
  return nodes.flatMap(({ name, node }) =>
    (node.definition.parameters?.(inputShapes(node), node.options) ?? []).map((spec) => ({
      name: `${name}.${spec.name}`,
      spec,
    })),
  );
}

export interface EmitOptions {
  /** Capacity of the batch. */
  readonly rows: number;
  readonly training: boolean;
  /** u8 images are converted by the first step. */
  readonly inputDtype: "f32" | "u8";
}

export interface EmittedNetwork {
  readonly output: Value;
  /** By the name in the State. */
  readonly parameters: ReadonlyMap<string, Value>;
  /** New contents of State tensors that the layers ask for. */
  readonly updates: readonly { readonly tensor: string; readonly value: Value }[];
}

/** Builds the ops of every layer. */
export function emitNetwork(nodes: readonly NamedNode[], options: EmitOptions): EmittedNetwork {
  const values = new Map<string, Value>();
  const parameters = new Map<string, Value>();
  const updates: { tensor: string; value: Value }[] = [];
  for (const { name, node, inputs } of nodes) {
    if (node.inputs.length === 0) {
      values.set(
        name,
        input("input", [options.rows, ...node.outputShape], { batched: true, dtype: options.inputDtype }),
      );
      continue;
    }
    const own: Record<string, Value> = {};
    for (const spec of node.definition.parameters?.(inputShapes(node), node.options) ?? []) {
      own[spec.name] = state(`${name}.${spec.name}`, spec.shape);
      parameters.set(`${name}.${spec.name}`, own[spec.name]!);
    }
    const value = withLabel(name, () => {
      const operands = inputs.map((source) => asFloat(values.get(source)!, node.definition.type));
      return node.definition.emit(operands, own, node.options, {
        name,
        training: options.training,
        update: (parameter, updated) => updates.push({ tensor: `${name}.${parameter}`, value: updated }),
      });
    });
    values.set(name, value);
  }
  return { output: values.get(nodes.at(-1)!.name)!, parameters, updates };
}

/** Bytes become numbers 0 to 255 where a layer other than rescale reads them. */
function asFloat(value: Value, reader: string): Value {
  return value.dtype === "u8" && reader !== "rescale" ? rescale(value) : value;
}
