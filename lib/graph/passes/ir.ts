/** An editable copy of a graph: what the passes rewrite. The user's Values are never changed. */
import type { Dtype } from "../program.js";
import type { GraphOpName, Value } from "../value.js";
import { reachable } from "../gradient.js";

export interface IrValue {
  readonly node: IrNode;
  readonly index: number;
  readonly shape: readonly number[];
  readonly dtype: Dtype;
  readonly batched: boolean;
}

export interface IrNode {
  readonly op: GraphOpName;
  readonly operands: (IrValue | undefined)[];
  readonly attributes: Record<string, number>;
  readonly results: IrValue[];
  readonly label: string;
  readonly name: string;
}

/** What a Program computes: named outputs, and new values for State tensors, committed together at the end. */
export interface GraphRoots {
  readonly outputs: readonly { readonly name: string; readonly value: Value }[];
  readonly updates?: readonly { readonly tensor: string; readonly value: Value }[];
}

export class Ir {
  /** In execution order: operands before users. */
  nodes: IrNode[];
  readonly outputs: { readonly name: string; value: IrValue }[];
  readonly updates: { readonly tensor: string; value: IrValue }[];

  constructor(roots: GraphRoots) {
    const copies = new Map<Value, IrValue>();
    const updates = roots.updates ?? [];
    this.nodes = reachable([...roots.outputs, ...updates].map((root) => root.value)).map((node) => {
      const copy = makeIrNode(
        node.op,
        node.operands.map((o) => o && copies.get(o)!),
        { ...node.attributes },
        node.results,
        node.label,
        node.name,
      );
      node.results.forEach((result, i) => copies.set(result, copy.results[i]!));
      return copy;
    });
    this.outputs = roots.outputs.map(({ name, value }) => ({ name, value: copies.get(value)! }));
    this.updates = updates.map(({ tensor, value }) => ({ tensor, value: copies.get(value)! }));
  }

  /** How often a value is read, outputs and updates included. */
  uses(value: IrValue): number {
    let count = 0;
    for (const node of this.nodes) for (const operand of node.operands) if (operand === value) count++;
    for (const root of [...this.outputs, ...this.updates]) if (root.value === value) count++;
    return count;
  }

  replaceUses(from: IrValue, to: IrValue): void {
    for (const node of this.nodes) {
      for (let i = 0; i < node.operands.length; i++) if (node.operands[i] === from) node.operands[i] = to;
    }
    for (const root of [...this.outputs, ...this.updates]) if (root.value === from) root.value = to;
  }

  remove(node: IrNode): void {
    this.nodes = this.nodes.filter((n) => n !== node);
  }

  /** Moves `node` to where `anchor` stands (just before it). */
  moveBefore(node: IrNode, anchor: IrNode): void {
    this.remove(node);
    this.nodes.splice(this.nodes.indexOf(anchor), 0, node);
  }

  /** Drops every node that no output and no update depends on. */
  removeDead(): void {
    const live = new Set<IrNode>();
    const open = [...this.outputs, ...this.updates].map((root) => root.value.node);
    while (open.length > 0) {
      const node = open.pop()!;
      if (live.has(node)) continue;
      live.add(node);
      for (const operand of node.operands) if (operand) open.push(operand.node);
    }
    this.nodes = this.nodes.filter((node) => live.has(node));
  }
}

export function makeIrNode(
  op: GraphOpName,
  operands: (IrValue | undefined)[],
  attributes: Record<string, number>,
  results: readonly { readonly shape: readonly number[]; readonly dtype: Dtype; readonly batched: boolean }[],
  label: string,
  name = "",
): IrNode {
  const node: IrNode = { op, operands, attributes, results: [], label, name };
  results.forEach(({ shape, dtype, batched }, index) => node.results.push({ node, index, shape, dtype, batched }));
  return node;
}
