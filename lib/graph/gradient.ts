/** Reverse-mode differentiation, graph to graph: each op's rule emits backward ops. */
import { withLabel, type GraphNode, type Value } from "./value.js";
import { GradientError } from "../errors.js";

/** How gradients of a Value with several readers are summed; an op of lib/ops, handed in to keep dependencies one way. */
export type Accumulate = (a: Value, b: Value) => Value;

/**
 * The gradients of `root` with respect to each of `wrt`, given the gradient of `root` itself.
 * @returns one Value per entry of `wrt`; undefined where `root` does not depend on it.
 * @throws GradientError where a path crosses an op without a gradient.
 */
export function backpropagate(
  root: Value,
  seed: Value,
  wrt: readonly Value[],
  accumulate: Accumulate,
): (Value | undefined)[] {
  const nodes = reachable([root]);
  const wanted = new Set(wrt);
  // A node matters where something it computes depends on a wanted Value.
  const matters = new Set<GraphNode>();
  for (const node of nodes) {
    if (node.operands.some((o) => o !== undefined && (wanted.has(o) || matters.has(o.node)))) matters.add(node);
  }
  const gradients = new Map<Value, Value>([[root, seed]]);
  for (const node of [...nodes].reverse()) {
    if (!matters.has(node)) continue;
    const resultGradients = node.results.map((r) => gradients.get(r));
    if (resultGradients.every((g) => g === undefined)) continue;
    const rule = node.definition.gradient;
    if (typeof rule !== "function") throw new GradientError(`${node.op}: has no gradient, ${rule.none}`);
    withLabel(node.label === "" ? "gradient" : `${node.label} gradient`, () => {
      rule(node, resultGradients).forEach((gradient, i) => {
        const operand = node.operands[i];
        if (gradient === undefined || operand === undefined) return;
        if (!wanted.has(operand) && !matters.has(operand.node)) return;
        const sum = gradients.get(operand);
        gradients.set(operand, sum === undefined ? gradient : accumulate(sum, gradient));
      });
    });
  }
  return wrt.map((value) => gradients.get(value));
}

/** Every node that `values` depend on, operands before users. */
export function reachable(values: readonly Value[]): GraphNode[] {
  const seen = new Set<GraphNode>();
  const open = values.map((v) => v.node);
  while (open.length > 0) {
    const node = open.pop()!;
    if (seen.has(node)) continue;
    seen.add(node);
    for (const operand of node.operands) if (operand !== undefined) open.push(operand.node);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
