/** Arrays with a shape: what users pass in and get back. Plain objects, so that any typed array of any origin becomes one without a copy. */
import { ShapeError } from "../errors.js";

/** uint8 images are normalised by the first step of a Program; int32 holds labels. */
export type TensorData = Float32Array | Uint8Array | Int32Array;

/** A row-major array. Images are [batch, height, width, channels]. */
export interface Tensor<Shape extends readonly number[] = readonly number[], Data extends TensorData = TensorData> {
  readonly shape: Shape;
  readonly data: Data;
}

/** Elements of a shape; 1 for the shape of a scalar. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/**
 * Gives `data` a shape, without copying.
 *
 * @throws ShapeError if the sizes are not integers of at least 0 or their product is not the length of `data`
 * @example
 * ```ts
 * const image = tensor([1, 2, 2, 1], new Float32Array([0, 1, 1, 0]));
 * ```
 */
export function tensor<const Shape extends readonly number[], Data extends TensorData>(
  shape: Shape,
  data: Data,
): Tensor<Shape, Data> {
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new ShapeError("shape", `tensor: sizes must be integers of at least 0, got [${shape.join(", ")}]`);
    }
  }
  const count = elementCount(shape);
  if (count !== data.length) {
    throw new ShapeError("data", `tensor: shape [${shape.join(", ")}] needs ${count} elements, got ${data.length}`);
  }
  return { shape, data };
}

/** A shape to match: `"batch"` stands for any size. */
export type ShapePattern = readonly (number | "batch")[];

/** What is known once a tensor matches `Pattern`. */
export type Matched<Pattern extends ShapePattern> = {
  readonly [Axis in keyof Pattern]: Pattern[Axis] extends number ? Pattern[Axis] : number;
};

/**
 * Narrows a tensor of unknown shape: afterwards the compiler knows the sizes.
 *
 * @param pattern the sizes wanted; `"batch"` where any will do
 * @param owner the layer, op or argument named in the error
 * @throws ShapeError naming both shapes
 * @example
 * ```ts
 * assertShape(images, ["batch", 8, 8, 1]);
 * await model.predict(images);
 * ```
 */
export function assertShape<const Pattern extends ShapePattern, Data extends TensorData>(
  value: Tensor<readonly number[], Data>,
  pattern: Pattern,
  owner = "tensor",
): asserts value is Tensor<Matched<Pattern>, Data> {
  const { shape, data } = value;
  const fits =
    shape.length === pattern.length && pattern.every((wanted, axis) => wanted === "batch" || wanted === shape[axis]);
  if (!fits) {
    throw new ShapeError("shape", `${owner}: expects shape [${pattern.join(", ")}], got [${shape.join(", ")}]`);
  }
  if (elementCount(shape) !== data.length) {
    throw new ShapeError(
      "data",
      `${owner}: shape [${shape.join(", ")}] needs ${elementCount(shape)} elements, got ${data.length}`,
    );
  }
}
