/** The losses by name: what they want as a target, and the ops they emit. */
import { OptionError } from "../errors.js";
import { input, type Value } from "../graph/value.js";
import { meanSquaredError, softmaxCrossEntropy } from "../ops/loss.js";
import { showValue } from "../shape/values.js";
import type { Dtype } from "../graph/program.js";

export type LossName = "crossEntropy" | "meanSquaredError";

interface LossDefinition {
  /** Class numbers, or numbers like the output. */
  readonly targetDtype: Dtype & ("i32" | "f32");
  targetShape(output: readonly number[]): readonly number[];
  emit(output: Value, target: Value): Value;
}

const losses: Readonly<Record<LossName, LossDefinition>> = {
  crossEntropy: {
    targetDtype: "i32",
    targetShape: (output) => output.slice(0, -1),
    emit: (output, target) => softmaxCrossEntropy(logitsOf(output), target).loss,
  },
  meanSquaredError: {
    targetDtype: "f32",
    targetShape: (output) => output,
    emit: (output, target) => meanSquaredError(output, target),
  },
};

/** A softmax at the end is left out: the loss takes its operand in the log-sum-exp form, which cannot overflow. */
function logitsOf(output: Value): Value {
  return output.node.op === "softmax" ? output.node.operands[0]! : output;
}

export interface EmittedLoss {
  readonly target: Value;
  /** [1], the mean over the live rows. */
  readonly loss: Value;
}

/**
 * Emits a loss behind a network's output.
 * @param output [rows, ...]; for "crossEntropy" a softmax, or the logits themselves
 */
export function emitLoss(name: LossName, output: Value): EmittedLoss {
  const definition = lossOf(name);
  const target = input("target", definition.targetShape(output.shape), {
    dtype: definition.targetDtype,
    batched: true,
  });
  return { target, loss: definition.emit(output, target) };
}

/** Whether a loss takes class numbers (and so has an accuracy). */
export function takesLabels(name: LossName): boolean {
  return lossOf(name).targetDtype === "i32";
}

function lossOf(name: LossName): LossDefinition {
  if (typeof name !== "string" || !Object.hasOwn(losses, name)) {
    throw new OptionError("loss", `loss: must be one of ${Object.keys(losses).join(", ")}, got ${showValue(name)}`);
  }
  return losses[name];
}
