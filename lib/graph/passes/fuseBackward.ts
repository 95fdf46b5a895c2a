/**
 * Fusion in a training step, after differentiation: the gradient of an activation into the op beside it that reads or
 * writes the same elements anyway, and the gradient of a bias, a sum over pixels, into the op that computes what is
 * summed. Each saves passes over tensors that do not fit a cache: a step's ops other than convolutions and products are
 * bound by memory.
 */
import { activationCodes, type OpName } from "../opSchema.js";
import { copyEpilogue, isPlain } from "./fuse.js";
import type { Ir, IrNode } from "./ir.js";

/** Operands of batchNorm.trainBackward. */
const gradientPosition = 4;
const betaPosition = 5;

/** Where ops that can return the channel sums of their first result do so. */
const sumsPosition: ReadonlyMap<string, number> = new Map<OpName, number>([
  ["activation.backward", 1],
  ["maxPool2d.backward", 1],
  ["batchNorm.trainBackward", 3],
]);

/** Worth computing again from the argument: the others would pay an exponential to save reading an element. */
const cheap: ReadonlySet<number> = new Set([activationCodes.relu, activationCodes.leakyRelu, activationCodes.relu6]);

export function fuseBackward(ir: Ir): void {
  for (const node of [...ir.nodes]) {
    if (node.op === "activation.backward") intoPool(ir, node);
    else if (node.op === "batchNorm.trainBackward") takeActivation(ir, node);
  }
  for (const node of [...ir.nodes]) if (node.op === "channelSum") intoProducer(ir, node);
}

/** act, then a max pool: the pool's gradient reads act's result to find the maxima, and so can multiply by act'. */
function intoPool(ir: Ir, activation: IrNode): void {
  const [y, dy] = activation.operands;
  const pool = dy!.node;
  if (pool.op !== "maxPool2d.backward" || pool.operands[0] !== y || !isPlain(pool) || ir.uses(dy!) !== 1) return;
  copyEpilogue(activation, pool);
  ir.replaceUses(activation.results[0]!, dy!);
  ir.remove(activation);
}

/** Batch norm, then act: batch norm's gradient reads x twice as it is, and can tell the sign of act's argument from it. */
function takeActivation(ir: Ir, norm: IrNode): void {
  const activation = norm.operands[gradientPosition]!.node;
  if (activation.op !== "activation.backward" || ir.uses(activation.results[0]!) !== 1) return;
  const [y, dy] = activation.operands;
  const forward = y!.node;
  if (forward.op !== "batchNorm.train" || y!.index !== 0 || !sameNorm(forward, norm)) return;
  const { activation: kind, slope } = activation.attributes;
  if (!cheap.has(kind!) || forward.attributes["activation"] !== kind || forward.attributes["slope"] !== slope) return;
  norm.operands[gradientPosition] = dy;
  norm.operands[betaPosition] = forward.operands[2];
  copyEpilogue(activation, norm);
  ir.remove(activation);
}

function sameNorm(forward: IrNode, backward: IrNode): boolean {
  const [x, gamma, mean] = backward.operands;
  return forward.operands[0] === x && forward.operands[1] === gamma && forward.results[1] === mean;
}

function intoProducer(ir: Ir, sum: IrNode): void {
  const value = sum.operands[0]!;
  const producer = value.node;
  const position = sumsPosition.get(producer.op);
  if (position === undefined || value.index !== 0 || producer.results[position] !== undefined) return;
  const { shape, dtype, batched } = sum.results[0]!;
  const sums = { node: producer, index: position, shape, dtype, batched };
  producer.results[position] = sums;
  ir.replaceUses(sum.results[0]!, sums);
  ir.remove(sum);
}
