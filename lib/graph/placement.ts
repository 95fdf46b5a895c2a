/**
 * Where each Value of a lowered graph lives: reshapes and slices share their operand's memory, the operands of a
 * concat are computed straight into their channels of the result, outputs straight into the output storage.
 */
import type { Dtype, StorageKind } from "./program.js";
import type { Ir, IrNode, IrValue } from "./passes/ir.js";
import { sizeOf } from "../shape/values.js";

/** One block of memory; several Values may be views of it. */
export class Allocation {
  first = Infinity;
  last = -1;
  offset = 0;
  private mergedInto: Allocation | undefined;
  constructor(
    readonly kind: StorageKind,
    readonly dtype: Dtype,
    readonly size: number,
    readonly name: string,
  ) {}
  /** The allocation that stands for this one after in-place merges. */
  get root(): Allocation {
    return this.mergedInto === undefined ? this : this.mergedInto.root;
  }
  mergeInto(other: Allocation): void {
    other.first = Math.min(other.first, this.first);
    other.last = Math.max(other.last, this.last);
    this.mergedInto = other;
  }
  touch(step: number): void {
    this.first = Math.min(this.first, step);
    this.last = Math.max(this.last, step);
  }
}

export interface Placement {
  readonly allocation: Allocation;
  /** Elements from the start of the allocation. */
  readonly offset: number;
  readonly pixelStride: number;
}

/** Nodes that are leaves or views: no step computes them. */
export function isStructural(node: IrNode): boolean {
  return ["input", "state", "reshape", "concat", "channelSlice"].includes(node.op);
}

export function channelsOf(value: { readonly shape: readonly number[] }): number {
  return value.shape[value.shape.length - 1]!;
}

export function densePlacement(allocation: Allocation, value: IrValue): Placement {
  return { allocation, offset: 0, pixelStride: channelsOf(value) };
}

/**
 * Decides before any step is emitted which Values are computed in place of their reader: a Value that an output or a
 * concat reads gets its place there, the first reader winning; later ones copy.
 */
export function claimPlaces(
  ir: Ir,
  outputs: readonly Allocation[],
  preset: ReadonlySet<IrNode>,
): Map<IrValue, Placement> {
  const places = new Map<IrValue, Placement>();
  const claimable = (value: IrValue): boolean =>
    !places.has(value) && !preset.has(value.node) && (value.node.op === "concat" || !isStructural(value.node));

  ir.outputs.forEach(({ value }, i) => {
    let source = value;
    while (source.node.op === "reshape") source = source.node.operands[0]!;
    if (claimable(source)) places.set(source, densePlacement(outputs[i]!, source));
  });
  // Outer concats come later in execution order, so going backwards their place is known before their operands'.
  for (const node of [...ir.nodes].reverse()) {
    if (node.op !== "concat") continue;
    const result = node.results[0]!;
    let place = places.get(result);
    if (place === undefined) {
      place = densePlacement(new Allocation("arena", result.dtype, sizeOf(result.shape), node.label), result);
      places.set(result, place);
    }
    let channel = 0;
    for (const operand of node.operands as IrValue[]) {
      if (claimable(operand)) places.set(operand, { ...place, offset: place.offset + channel });
      channel += channelsOf(operand);
    }
  }
  return places;
}
