// A net as a table for people: shapes, parameters, work, and the lecture's formula with its numbers.
import { inputShapes } from "./definition.js";
import type { LayerNode, ParameterRole } from "./definition.js";
import { listNodes } from "./node.js";

/** The numbers of one layer, or of a whole net. */
export interface LayerCounts {
  /** Learned numbers: weights and biases. */
  readonly parameters: number;
  readonly weights: number;
  readonly biases: number;
  /** Numbers that are kept but not learned, such as running means. */
  readonly statistics: number;
  /** Multiply-adds for one sample. */
  readonly macs: number;
}

/** One layer in a {@link NetSummary}. */
export interface LayerSummary extends LayerCounts {
  readonly name: string;
  readonly type: string;
  /** The names of the layers that it reads. */
  readonly inputs: readonly string[];
  readonly outputShape: readonly number[];
  /** How the output size comes about: "(32 + 2*2 - 5)/1 + 1 = 32". */
  readonly formula: string | undefined;
}

/** The layers of a net, each after its inputs, and their sums. */
export interface NetSummary extends LayerCounts {
  readonly layers: readonly LayerSummary[];
}

function countRole(node: LayerNode, role: ParameterRole): number {
  const specs = node.definition.parameters?.(inputShapes(node), node.options) ?? [];
  return specs
    .filter((spec) => spec.role === role)
    .reduce((sum, spec) => sum + spec.shape.reduce((product, size) => product * size, 1), 0);
}

/** The numbers of the net that ends in `output`, layer by layer. */
export function countNet(output: LayerNode): NetSummary {
  const layers = listNodes(output).map(({ name, node, inputs }): LayerSummary => {
    const { definition, options, outputShape } = node;
    const weights = countRole(node, "weight");
    const biases = countRole(node, "bias");
    return {
      name,
      type: definition.type,
      inputs,
      outputShape,
      parameters: weights + biases,
      weights,
      biases,
      statistics: countRole(node, "statistic"),
      macs: definition.macs?.(inputShapes(node), outputShape, options) ?? 0,
      formula: definition.formula?.(inputShapes(node), options),
    };
  });
  const sum = (key: keyof LayerCounts): number => layers.reduce((total, layer) => total + layer[key], 0);
  return {
    layers,
    parameters: sum("parameters"),
    weights: sum("weights"),
    biases: sum("biases"),
    statistics: sum("statistics"),
    macs: sum("macs"),
  };
}

/** 1234567 as 1,234,567. Not by Intl: its first formatter takes 10 ms. */
const group = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
const count = (value: number): string => (value === 0 ? "" : group(value));

/** Columns as wide as their widest cell; the ones in `right` end flush. */
function table(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) =>
        right.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
}

/**
 * A net as text: one line for each layer, and a line of sums. Multiply-adds (MACs) are for one sample.
 *
 * @example
 * ```ts
 * console.log(sequential([32, 32, 3]).conv2d({ filters: 10, kernel: 5, padding: 2 }).summary());
 * // layer    output    parameters  weights  biases     MACs  formula
 * // -------------------------------------------------------------------------------------
 * // input    32x32x3
 * // conv2d1  32x32x10         760      750      10  768,000  (32 + 2*2 - 5)/1 + 1 = 32
 * // ...
 * ```
 */
export function summary(net: { readonly node: LayerNode }): string {
  const { layers, ...total } = countNet(net.node);
  const rows = layers.map((layer, index) => {
    // In a plain chain every layer reads the one above it; only other sources are worth saying.
    const above = layers[index - 1]?.name;
    const plain = layer.inputs.length === 0 || (layer.inputs.length === 1 && layer.inputs[0] === above);
    const name = plain ? layer.name : `${layer.name} (${layer.inputs.join(", ")})`;
    return [
      name,
      layer.outputShape.join("x"),
      count(layer.parameters),
      count(layer.weights),
      count(layer.biases),
      count(layer.macs),
      layer.formula ?? "",
    ];
  });
  const head = ["layer", "output", "parameters", "weights", "biases", "MACs", "formula"];
  const numbers = [total.parameters, total.weights, total.biases, total.macs].map((value) => group(value));
  const lines = table([head, ...rows, ["total", "", ...numbers, ""]], new Set([2, 3, 4, 5]));
  const width = Math.max(...lines.map((line) => line.length));
  const rule = "-".repeat(width);
  const text = [lines[0], rule, ...lines.slice(1, -1), rule, lines.at(-1)];
  if (total.statistics > 0) text.push(`and ${group(total.statistics)} running statistics, which are not learned`);
  return text.join("\n");
}
