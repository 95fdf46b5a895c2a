/** Differentiation of a loss, with the ops that it needs itself. */
import { GraphError } from "../errors.js";
import { backpropagate } from "../graph/gradient.js";
import type { Value } from "../graph/value.js";
import { showShape, sizeOf } from "../shape/values.js";
import { add, fill } from "./arithmetic.js";

/**
 * The gradients of a scalar with respect to each of `wrt`.
 * @param loss one element
 * @param seed the gradient of the loss itself, default 1; with a seed like `loss`, `loss` may have any shape
 * @returns one Value per entry of `wrt`: zeros where the loss does not depend on it
 * @throws GradientError where a path crosses an op without a gradient
 * @example
 * ```ts
 * const [dFilter] = gradients(meanSquaredError(conv2d(x, filter), target), [filter]);
 * ```
 */
export function gradients(loss: Value, wrt: readonly Value[], seed?: Value): Value[] {
  if (seed === undefined && sizeOf(loss.shape) !== 1) {
    throw new GraphError(
      `gradients: the loss must be one number or come with a seed, got the shape ${showShape(loss.shape)}`,
    );
  }
  const results = backpropagate(loss, seed ?? fill(loss.shape, 1, { batched: loss.batched }), wrt, add);
  return results.map((gradient, i) => gradient ?? fill(wrt[i]!.shape, 0, { batched: wrt[i]!.batched }));
}
