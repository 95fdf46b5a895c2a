/** Graph to Program: passes, placement, steps, memory. The only maker of Programs. */
import { GraphError } from "../errors.js";
import { alignUp, planArena } from "./arena.js";
import { opSchemas, type OpName } from "./opSchema.js";
import { fuse } from "./passes/fuse.js";
import { fuseBackward } from "./passes/fuseBackward.js";
import { Ir, type GraphRoots, type IrNode, type IrValue } from "./passes/ir.js";
import { Allocation, channelsOf, claimPlaces, densePlacement, isStructural, type Placement } from "./placement.js";
import { PROGRAM_VERSION, type Buffer, type Program, type Step, type Storage } from "./program.js";
import { sizeOf } from "../shape/values.js";

export interface LowerOptions {
  /** Capacity of the batch: the leading size of every batched Value. */
  readonly rows: number;
  /** Turns fusion off, to compare. Default true. */
  readonly fuse?: boolean;
}

/** Operands that an op may overwrite with its result: it reads element i before it writes element i. */
const inPlaceOperands: Partial<Record<OpName, readonly number[]>> = {
  activation: [0],
  add: [0, 1],
  "batchNorm.inference": [0],
  "activation.backward": [1, 0],
  "batchNorm.trainBackward": [4],
};

/** Ops that update State in place, as commit steps; each result replaces the operand at this position. */
const commitOperands: Partial<Record<OpName, readonly number[]>> = {
  sgd: [0, 2],
  "batchNorm.updateStatistics": [2, 3],
};

/** A step whose operands are still placements: offsets in the arena are not known yet. */
interface PlacedStep {
  readonly op: OpName;
  readonly inputs: readonly (PlacedOperand | undefined)[];
  readonly outputs: readonly (PlacedOperand | undefined)[];
  readonly attributes: readonly number[];
  readonly label: string;
}
interface PlacedOperand {
  readonly place: Placement;
  readonly shape: readonly number[];
  readonly batched: boolean;
}

/**
 * Turns a graph into a Program.
 * @throws GraphError where an update does not fit its State tensor, or an output is not f32
 */
export function lower(roots: GraphRoots, options: LowerOptions): Program {
  const ir = new Ir(roots);
  if (options.fuse !== false) {
    fuse(ir);
    fuseBackward(ir);
  }
  return new Lowering(ir, options.rows).program();
}

class Lowering {
  private readonly fixed: Allocation[] = [];
  private readonly places: Map<IrValue, Placement>;
  private readonly prepare: PlacedStep[] = [];
  private readonly steps: PlacedStep[] = [];
  private readonly commit: PlacedStep[] = [];
  private readonly outputs: Allocation[];
  private readonly states = new Map<string, Allocation>();

  constructor(
    private readonly ir: Ir,
    private readonly rows: number,
  ) {
    for (const node of ir.nodes) if (node.op === "input") this.addFixed("input", node.results[0]!, node.name);
    this.outputs = ir.outputs.map(({ name, value }) => {
      // Nothing copies bytes, so they must come from an op that can write them into the output itself.
      const bytes = value.dtype === "u8" && value.node.op !== "input";
      if (value.dtype !== "f32" && !bytes) throw new GraphError(`output ${name}: must be f32, got ${value.dtype}`);
      return this.addFixed("output", value, name);
    });
    const preset = new Set(
      ir.nodes.filter((node) => commitOperands[node.op as OpName] || node.op === "batchNorm.fold"),
    );
    this.places = claimPlaces(ir, this.outputs, preset);
  }

  private addFixed(kind: "input" | "output" | "state" | "prepared", value: IrValue, name: string): Allocation {
    const allocation = new Allocation(kind, value.dtype, sizeOf(value.shape), name);
    this.fixed.push(allocation);
    return allocation;
  }

  program(): Program {
    let inputs = 0;
    for (const node of this.ir.nodes) {
      if (node.op === "input")
        this.places.set(node.results[0]!, densePlacement(this.fixed[inputs++]!, node.results[0]!));
      else if (node.op === "state") this.placeState(node);
      else if (isStructural(node)) this.placeView(node);
      else if (node.op === "batchNorm.fold") this.emitPrepare(node);
      else if (commitOperands[node.op as OpName]) this.emitCommit(node);
      else this.emitStep(node);
    }
    this.ir.outputs.forEach(({ value }, i) => {
      if (this.operand(value).place.allocation !== this.outputs[i])
        this.emitCopy(this.steps, value, densePlacement(this.outputs[i]!, value));
    });
    for (const update of this.ir.updates) this.finishUpdate(update.tensor, update.value);
    const arenaBeforeReuse = this.measureLives();
    this.mergeInPlace();
    return this.assemble(arenaBeforeReuse);
  }

  private placeState(node: IrNode): void {
    const value = node.results[0]!;
    let allocation = this.states.get(node.name);
    if (allocation === undefined) {
      allocation = this.addFixed("state", value, node.name);
      this.states.set(node.name, allocation);
    } else if (allocation.size !== sizeOf(value.shape)) {
      throw new GraphError(
        `state ${node.name}: declared with ${allocation.size} and with ${sizeOf(value.shape)} elements`,
      );
    }
    this.places.set(value, densePlacement(allocation, value));
  }

  private placeView(node: IrNode): void {
    const result = node.results[0]!;
    if (node.op === "concat") {
      const whole = this.places.get(result)!;
      let channel = 0;
      for (const operand of node.operands as IrValue[]) {
        const slot = { ...whole, offset: whole.offset + channel };
        const place = this.places.get(operand)!;
        if (place.allocation !== slot.allocation || place.offset !== slot.offset)
          this.emitCopy(this.steps, operand, slot);
        channel += channelsOf(operand);
      }
      return;
    }
    const source = node.operands[0]!;
    const place = this.places.get(source)!;
    if (node.op === "channelSlice") {
      this.places.set(result, { ...place, offset: place.offset + node.attributes["start"]! });
    } else if (channelsOf(source) === channelsOf(result)) {
      this.places.set(result, place);
    } else if (place.pixelStride === channelsOf(source) || sizeOf(source.shape) === channelsOf(source)) {
      this.places.set(result, { ...place, pixelStride: channelsOf(result) });
    } else {
      const packed = densePlacement(new Allocation("arena", source.dtype, sizeOf(source.shape), node.label), source);
      this.emitCopy(this.steps, source, packed);
      this.places.set(result, { ...packed, pixelStride: channelsOf(result) });
    }
  }

  private emitPrepare(node: IrNode): void {
    for (const value of node.results) {
      this.places.set(value, densePlacement(this.addFixed("prepared", value, `${node.label} folded`), value));
    }
    this.prepare.push(this.placedStep(node, node.results));
  }

  private emitStep(node: IrNode): void {
    for (const value of node.results) {
      if (this.places.has(value)) continue;
      if (value.dtype !== "f32")
        throw new GraphError(`${node.op}: a result of ${value.dtype} must be an output, and once only`);
      this.places.set(
        value,
        densePlacement(new Allocation("arena", value.dtype, sizeOf(value.shape), node.label), value),
      );
    }
    this.steps.push(this.placedStep(node, node.results));
  }

  private emitCommit(node: IrNode): void {
    node.results.forEach((result, i) => {
      const operand = node.operands[commitOperands[node.op as OpName]![i]!]!;
      if (operand.node.op !== "state")
        throw new GraphError(`${node.op}: updates State tensors only, got the result of ${operand.node.op}`);
      const updated = this.ir.updates.find((update) => update.value === result);
      if (updated?.tensor !== operand.node.name) {
        throw new GraphError(`${node.op}: its result must update ${operand.node.name}, which it replaces in place`);
      }
      this.places.set(result, this.places.get(operand)!);
    });
    this.commit.push(this.placedStep(node, node.results));
  }

  /** An update that no commit op made in place is copied into its State tensor. */
  private finishUpdate(tensor: string, value: IrValue): void {
    if (commitOperands[value.node.op as OpName]) return;
    let allocation = this.states.get(tensor);
    if (allocation === undefined) {
      allocation = this.addFixed("state", value, tensor);
      this.states.set(tensor, allocation);
    }
    if (value.batched || value.dtype !== "f32" || allocation.size !== sizeOf(value.shape)) {
      throw new GraphError(
        `state ${tensor}: has ${allocation.size} elements, cannot take a value of shape [${value.shape.join(", ")}]`,
      );
    }
    if (this.places.get(value)!.allocation === allocation) return;
    this.emitCopy(this.commit, value, densePlacement(allocation, value));
  }

  private placedStep(node: IrNode, results: readonly IrValue[]): PlacedStep {
    const op = node.op as OpName;
    const schema = opSchemas[op];
    return {
      op,
      inputs: schema.operands.map((_, i) => node.operands[i] && this.operand(node.operands[i])),
      outputs: schema.results.map((_, i) => results[i] && this.operand(results[i])),
      attributes: schema.attributes.map((name) => {
        const value = node.attributes[name];
        if (value === undefined) throw new GraphError(`${op}: attribute ${name} is missing`);
        return value;
      }),
      label: node.label,
    };
  }

  private operand(value: IrValue): PlacedOperand {
    return { place: this.places.get(value)!, shape: value.shape, batched: value.batched };
  }

  private emitCopy(list: PlacedStep[], source: IrValue, target: Placement): void {
    const from = this.operand(source);
    list.push({
      op: "copy",
      inputs: [from],
      outputs: [{ ...from, place: target }],
      attributes: [],
      label: source.node.label,
    });
  }

  /** Sets first and last use of every allocation; returns the arena's elements without any reuse. */
  private measureLives(): number {
    const seen = new Set<Allocation>();
    [...this.steps, ...this.commit].forEach((step, time) => {
      for (const operand of [...step.inputs, ...step.outputs]) {
        if (operand?.place.allocation.kind !== "arena") continue;
        operand.place.allocation.touch(time);
        seen.add(operand.place.allocation);
      }
    });
    return [...seen].reduce((total, allocation) => total + alignUp(allocation.size), 0);
  }

  /** A result takes over the memory of an operand that dies with the step, where the op allows it. */
  private mergeInPlace(): void {
    this.steps.forEach((step, time) => {
      const result = step.outputs[0];
      if (!result || !ownsWhole(result, time, "first")) return;
      for (const position of inPlaceOperands[step.op] ?? []) {
        const operand = step.inputs[position];
        if (!operand || !ownsWhole(operand, time, "last")) continue;
        if (operand.batched !== result.batched) continue;
        // Another operand that looks into the same memory differently would see it half overwritten.
        const root = operand.place.allocation.root;
        const others = step.inputs.filter((other) => other?.place.allocation.root === root);
        if (others.some((other) => !ownsWhole(other!, time, "last"))) continue;
        if (root.size !== result.place.allocation.root.size) continue;
        result.place.allocation.root.mergeInto(root);
        return;
      }
    });
  }

  private assemble(arenaBeforeReuse: number): Program {
    const arenas = new Set<Allocation>();
    for (const step of [...this.steps, ...this.commit]) {
      for (const operand of [...step.inputs, ...step.outputs]) {
        const root = operand?.place.allocation.root;
        if (root?.kind === "arena") arenas.add(root);
      }
    }
    const arenaSize = planArena([...arenas]);
    const storages: Storage[] = this.fixed.map(({ kind, dtype, size, name }) => ({
      kind,
      dtype,
      size,
      name,
    }));
    const arenaStorage = storages.length;
    if (arenaSize > 0) storages.push({ kind: "arena", dtype: "f32", size: arenaSize, name: "arena" });

    const buffers: Buffer[] = [];
    const numbers = new Map<string, number>();
    const bufferOf = (operand: PlacedOperand | undefined): number => {
      if (!operand) return -1;
      const { place, shape, batched } = operand;
      const root = place.allocation.root;
      const inArena = root.kind === "arena";
      const storage = inArena ? arenaStorage : this.fixed.indexOf(root);
      const offset = place.offset + (inArena ? root.offset : 0);
      const key = `${storage} ${offset} ${place.pixelStride} ${batched} ${shape.join("x")}`;
      let number = numbers.get(key);
      if (number === undefined) {
        number = buffers.push({ storage, offset, pixelStride: place.pixelStride, shape: [...shape], batched }) - 1;
        numbers.set(key, number);
      }
      return number;
    };
    const finish = (step: PlacedStep): Step => ({
      op: step.op,
      inputs: step.inputs.map(bufferOf),
      outputs: step.outputs.map(bufferOf),
      attributes: step.attributes,
      label: step.label,
    });
    return {
      version: PROGRAM_VERSION,
      rows: this.rows,
      storages,
      buffers,
      prepare: this.prepare.map(finish),
      steps: this.steps.map(finish),
      commit: this.commit.map(finish),
      arenaBeforeReuse,
    };
  }
}

/** The operand is a dense view of its whole arena allocation, whose life begins (or ends) with this step. */
function ownsWhole(operand: PlacedOperand, time: number, end: "first" | "last"): boolean {
  const { allocation, offset, pixelStride } = operand.place;
  const root = allocation.root;
  return (
    root.kind === "arena" &&
    root[end] === time &&
    offset === 0 &&
    pixelStride === channelsOf(operand) &&
    root.size === sizeOf(operand.shape)
  );
}
