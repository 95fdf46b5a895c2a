/**
 * Fusion: batch norm into the scale and bias of the op before it (inference only), a residual add and an activation into the epilogue of
 * the op that computes their operand. Runs after differentiation, so a fused step never needs a gradient; what the
 * backward ops read (activated outputs, inputs of convolutions) stays available since it is never what is fused away.
 */
import { activationCodes } from "../opSchema.js";
import { makeIrNode, type Ir, type IrNode, type IrValue } from "./ir.js";

/** Ops whose schema ends in an epilogue (activation, slope). */
const withActivation: ReadonlySet<string> = new Set([
  "conv2d",
  "matmul",
  "add",
  "batchNorm.inference",
  "batchNorm.train",
]);
/** Ops that also take a residual and a scale. */
const withResidual: ReadonlySet<string> = new Set(["conv2d", "matmul"]);
const biasPosition = 2;
const residualPosition = 3;
const scalePosition = 4;

export function fuse(ir: Ir): void {
  for (const node of [...ir.nodes]) {
    if (node.op === "batchNorm.inference") foldBatchNorm(ir, node);
    else if (node.op === "add") fuseResidual(ir, node);
    else if (node.op === "activation") fuseActivation(ir, node);
  }
  ir.removeDead();
}

/** No activation is fused into the node yet. */
export function isPlain(node: IrNode): boolean {
  return node.attributes["activation"] === activationCodes.none;
}

/**
 * y = bn(conv(x, w, b)) = conv(x, w * scale, shift), where scale and shift depend on State alone: computed once per State
 * version. The scaled filter is never stored beside the filter; backends multiply while they read or pack it.
 */
function foldBatchNorm(ir: Ir, norm: IrNode): void {
  const [x, gamma, beta, mean, variance] = norm.operands;
  const producer = x!.node;
  if (!withResidual.has(producer.op) || producer.attributes["transposeA"] === 1) return;
  if (!isPlain(producer) || ir.uses(x!) !== 1) return;
  if (producer.operands[residualPosition] !== undefined || producer.operands[scalePosition] !== undefined) return;
  const constants = [producer.operands[biasPosition], gamma, beta, mean, variance];
  if (!constants.every((value) => value === undefined || value.node.op === "state")) return;
  const fold = makeIrNode(
    "batchNorm.fold",
    constants,
    { epsilon: norm.attributes["epsilon"]! },
    [gamma!, gamma!],
    norm.label,
  );
  ir.nodes.splice(ir.nodes.indexOf(norm), 0, fold);
  producer.operands[scalePosition] = fold.results[0];
  producer.operands[biasPosition] = fold.results[1];
  ir.moveBefore(producer, norm);
  copyEpilogue(norm, producer);
  ir.replaceUses(norm.results[0]!, producer.results[0]!);
  ir.remove(norm);
}

function fuseResidual(ir: Ir, add: IrNode): void {
  // The later operand takes the add, so that the other one is ready by then; the node then runs in the add's place.
  const order = (value: IrValue): number => ir.nodes.indexOf(value.node);
  const candidates = [...(add.operands as IrValue[])].sort((a, b) => order(b) - order(a));
  for (const value of candidates) {
    const producer = value.node;
    if (!withResidual.has(producer.op) || producer.operands[residualPosition] !== undefined) continue;
    if (!isPlain(producer) || ir.uses(value) !== 1) continue;
    const other = add.operands[0] === value ? add.operands[1]! : add.operands[0]!;
    producer.operands[residualPosition] = other;
    ir.moveBefore(producer, add);
    copyEpilogue(add, producer);
    ir.replaceUses(add.results[0]!, value);
    ir.remove(add);
    return;
  }
}

function fuseActivation(ir: Ir, activation: IrNode): void {
  const value = activation.operands[0]!;
  const producer = value.node;
  if (!withActivation.has(producer.op) || value.index !== 0 || !isPlain(producer) || ir.uses(value) !== 1) return;
  copyEpilogue(activation, producer);
  ir.replaceUses(activation.results[0]!, value);
  ir.remove(activation);
}

/** The activation of one node becomes that of another. */
export function copyEpilogue(from: IrNode, to: IrNode): void {
  to.attributes["activation"] = from.attributes["activation"]!;
  to.attributes["slope"] = from.attributes["slope"]!;
}
