// A net as JSON, for files, and back.
import { GraphError } from "../errors.js";
import { shortened, showValue } from "../shape/values.js";
import type { LayerDefinition, LayerNode } from "./definition.js";
import { appendLayer, inputDefinition, inputNode, listNodes } from "./node.js";
import { layerDefinitions } from "./table.js";

/** One layer in a file. */
export interface LayerRecord {
  readonly name: string;
  readonly type: string;
  /** With defaults written out. */
  readonly options: object;
  /** Names of layers that stand before this one. */
  readonly inputs: readonly string[];
}

/** A net in a file: every layer after its inputs, the last one is the output. JSON only. */
export interface LayerGraph {
  readonly layers: readonly LayerRecord[];
}

/**
 * The net that ends in `output` as plain JSON data.
 *
 * @throws OptionError where two layers have one name
 */
export function toGraph(output: LayerNode): LayerGraph {
  return {
    layers: listNodes(output).map(({ name, node, inputs }) => ({
      name,
      type: node.definition.type,
      options: structuredClone(node.options),
      inputs,
    })),
  };
}

/** A record with its fields checked; `place` names it in errors. */
function readRecord(value: unknown, place: string): LayerRecord {
  const record = (typeof value === "object" && value !== null ? value : {}) as Record<keyof LayerRecord, unknown>;
  const { name, type, options, inputs } = record;
  const wrong = (field: string, rule: string, found: unknown) =>
    new GraphError(`${place}: ${field} must be ${rule}, got ${showValue(found)}`);
  if (typeof name !== "string") throw wrong("name", "a string", name);
  if (typeof type !== "string") throw wrong("type", "a string", type);
  if (typeof options !== "object" || options === null) throw wrong("options", "an object", options);
  if (!Array.isArray(inputs) || !inputs.every((input) => typeof input === "string")) {
    throw wrong("inputs", "names of layers", inputs);
  }
  return { name, type, options, inputs };
}

function inputCountFault(definition: LayerDefinition, count: number): string | undefined {
  if (definition === inputDefinition) return count === 0 ? undefined : "takes no input";
  if (definition.inputs === "many") return count >= 1 ? undefined : "takes one input or more";
  return count === 1 ? undefined : "takes one input";
}

/**
 * The output of the net in a file. Everything is checked as if it were built anew.
 *
 * @param graph what {@link toGraph} wrote, or anything that a stranger's file holds
 * @param custom definitions of layers that are not of this package
 * @throws GraphError for a malformed graph; OptionError and ShapeError as for code, named after the layer in the file
 */
export function fromGraph(graph: unknown, custom: readonly LayerDefinition[] = []): LayerNode {
  const layers: unknown = typeof graph === "object" && graph !== null && "layers" in graph ? graph.layers : undefined;
  if (!Array.isArray(layers)) throw new GraphError(`graph: layers must be a list, got ${showValue(layers)}`);
  const definitions = new Map([inputDefinition, ...layerDefinitions, ...custom].map((each) => [each.type, each]));
  const nodes = new Map<string, LayerNode>();
  let last: LayerNode | undefined;
  for (const [index, value] of (layers as readonly unknown[]).entries()) {
    const { name, type, options, inputs } = readRecord(value, `graph: layers[${index}]`);
    const place = `graph: layer '${shortened(name)}'`;
    const definition = definitions.get(type);
    if (definition === undefined) {
      throw new GraphError(
        `${place}: there is no layer type '${shortened(type)}'; it has ${[...definitions.keys()].join(", ")}`,
      );
    }
    if (nodes.has(name)) throw new GraphError(`${place}: two layers have this name`);
    const sources = inputs.map((input) => {
      const source = nodes.get(input);
      if (source === undefined)
        throw new GraphError(`${place}: its input '${shortened(input)}' is none of the layers before it`);
      return source;
    });
    const fault = inputCountFault(definition, sources.length);
    if (fault !== undefined) throw new GraphError(`${place}: ${type} ${fault}, got ${sources.length}`);
    last =
      definition === inputDefinition
        ? { ...inputNode(inputDefinition.checkOptions(options).shape), name }
        : appendLayer(definition, sources, { ...options, name });
    nodes.set(name, last);
  }
  if (last === undefined) throw new GraphError("graph: layers must be one or more, got []");
  const needed = new Set(listNodes(last).map(({ node }) => node));
  for (const [name, node] of nodes) {
    if (!needed.has(node)) throw new GraphError(`graph: layer '${shortened(name)}': the output does not need it`);
  }
  return last;
}
