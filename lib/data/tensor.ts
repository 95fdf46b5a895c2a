/** Arrays with a shape: what users pass in and get back. Plain objects, so that any typed array of any origin becomes one without a copy. */
import { OptionError, ShapeError } from "../errors.js";
import { isNatural, showShape, showValue } from "../shape/values.js";

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

const arrayNames = ["Float32Array", "Uint8Array", "Int32Array"];

/**
 * Refuses what is no tensor, whatever the types say. Whether it fits is another question.
 *
 * @param owner begins the sentence of the error
 * @param option what the tensor is called there
 * @throws OptionError
 */
export function requireTensor(owner: string, option: string, value: unknown): asserts value is Tensor {
  const { shape, data } = (value ?? {}) as Partial<Record<keyof Tensor, unknown>>;
  if (Array.isArray(shape) && isTensorData(data)) return;
  const rule = "a tensor, { shape, data }: data must hold a Float32Array, an Int32Array or a Uint8Array";
  const holds = Array.isArray(shape) ? `the shape ${showValue(shape)} with ${describe(data)}` : showValue(value);
  throw new OptionError(option, `${owner}: ${option} must be ${rule}, got ${holds}`);
}

const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
// eslint-disable-next-line @typescript-eslint/unbound-method -- called on the array in question
const lengthOf = Object.getOwnPropertyDescriptor(prototype, "length")!.get as (this: TensorData) => number;

/** Whether a value is an array of one of the types, and as long as it says. */
export function isTensorData(data: unknown): data is TensorData {
  // By name: arrays from another realm (a test runner's, say) have other constructors.
  if (!ArrayBuffer.isView(data) || !arrayNames.includes((data as TensorData)[Symbol.toStringTag])) return false;
  return lengthOf.call(data as TensorData) === (data as TensorData).length;
}

function describe(value: unknown): string {
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
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
  const value = { shape, data };
  requireTensor("tensor", "data", value);
  if (!Array.from(shape).every(isNatural)) {
    throw new ShapeError("shape", `tensor: sizes must be integers of at least 0, got ${showShape(shape)}`);
  }
  const count = elementCount(shape);
  if (count !== data.length) {
    throw new ShapeError("data", `tensor: shape [${shape.join(", ")}] needs ${count} elements, got ${data.length}`);
  }
  return value;
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
  requireTensor(owner, "value", value);
  const { shape, data } = value as Tensor;
  const fits =
    shape.length === pattern.length && pattern.every((wanted, axis) => wanted === "batch" || wanted === shape[axis]);
  if (!fits) {
    throw new ShapeError("shape", `${owner}: expects shape [${pattern.join(", ")}], got ${showShape(shape)}`);
  }
  if (elementCount(shape) !== data.length) {
    throw new ShapeError(
      "data",
      `${owner}: shape [${shape.join(", ")}] needs ${elementCount(shape)} elements, got ${data.length}`,
    );
  }
}
