/** Predictions as a generator of runs (see drive.ts): what models and Predictors have in common. */
import type { ImageArray } from "../data/dataset.js";
import { elementCount, type Tensor } from "../data/tensor.js";
import { StriateError } from "../errors.js";
import { newFloats } from "../memory.js";
import type { Shape } from "../shape/types.js";
import type { RunLoop } from "./drive.js";
import type { ImagePlan } from "./inspect.js";
import { checkInto } from "./modelOptions.js";

export type Images<B extends number, In extends Shape> = Tensor<readonly [B, ...In], ImageArray>;
export type Predictions<B extends number, Out extends Shape> = Tensor<readonly [B, ...Out], Float32Array>;

/** The output for each of the plan's images, in as many runs as its capacity asks for. */
export function* predictLoop<B extends number, Out extends Shape>(
  { executable, images, rows, node }: ImagePlan,
  given: Float32Array | undefined,
): RunLoop<Predictions<B, Out>> {
  const capacity = executable.program.rows;
  const size = images.length / rows;
  const perRow = elementCount(node.outputShape);
  const shape = [rows, ...node.outputShape] as unknown as readonly [B, ...Out];
  if (given !== undefined) checkInto(given, rows * perRow);
  if (rows <= capacity && given === undefined) {
    const [output] = yield { executable, inputs: [images], scalars: { rows } };
    return { shape, data: output! };
  }
  const data = given ?? newFloats("predict", rows * perRow);
  for (let start = 0; start < rows; start += capacity) {
    const live = Math.min(capacity, rows - start);
    if (images.length !== rows * size || data.length !== rows * perRow) {
      throw new StriateError("ERR_STRIATE_DATA", "predict: an array was detached or resized while in use");
    }
    const inputs = [images.subarray(start * size, (start + live) * size)];
    const into = data.subarray(start * perRow, (start + live) * perRow);
    const [output] = yield { executable, inputs, scalars: { rows: live }, into: [into] };
    // A run off this thread brings an array of its own.
    if (output !== into) into.set(output!);
  }
  return { shape, data };
}
