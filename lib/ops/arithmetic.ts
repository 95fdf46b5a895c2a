/** Element-wise arithmetic and sums. */
import { GraphError } from "../errors.js";
import { requireValue, type OpDefinition, type Value } from "../graph/value.js";
import { isShape, requireOptions, showShape, showValue } from "../shape/values.js";
import { epilogue, makeOne, requireF32, requireNumber } from "./define.js";

const addDefinition: OpDefinition = { name: "add", gradient: (_, [dy]) => [dy, dy] };
const copyDefinition: OpDefinition = { name: "copy", gradient: (_, [dy]) => [dy], flops: () => 0 };
const fillDefinition: OpDefinition = {
  name: "fill",
  gradient: { none: "it has no operands" },
  flops: () => 0,
};
const rescaleDefinition: OpDefinition = {
  name: "rescale",
  gradient: ({ operands: [x], attributes }, [dy]) =>
    x!.dtype === "f32" ? [rescale(dy!, { scale: attributes["scale"]!, offset: 0 })] : [undefined],
};
const channelSumDefinition: OpDefinition = {
  name: "channelSum",
  gradient: { none: "it is the gradient of a bias" },
  flops: ([x]) => x!.reduce((product, size) => product * size, 1),
};

export const arithmeticDefinitions = [
  addDefinition,
  copyDefinition,
  fillDefinition,
  rescaleDefinition,
  channelSumDefinition,
];

/**
 * Element-wise sum of two Values of the same shape.
 * @throws GraphError where shapes differ
 */
export function add(a: Value, b: Value): Value {
  requireF32("add", "a", a);
  requireF32("add", "b", b);
  if (showShape(a.shape) !== showShape(b.shape) || a.batched !== b.batched) {
    throw new GraphError(`add: shapes ${showShape(a.shape)} and ${showShape(b.shape)} must be equal`);
  }
  return makeOne(addDefinition, [a, b], epilogue(), a.shape, a.batched);
}

/** A tensor with the same value everywhere. */
export function fill(shape: readonly number[], value: number, options: { readonly batched?: boolean } = {}): Value {
  requireOptions("fill", options);
  if (!isShape(shape)) throw new GraphError(`fill: shape must be positive whole numbers, got ${showValue(shape)}`);
  requireNumber("fill", "value", value, "a number", () => true);
  const { batched = false } = options;
  if (typeof batched !== "boolean")
    throw new GraphError(`fill: batched must be true or false, got ${showValue(batched)}`);
  return makeOne(fillDefinition, [], { value }, shape, batched);
}

/**
 * x * scale + offset as f32; x may be u8, as images are.
 * @param options.scale default 1
 * @param options.offset default 0
 */
export function rescale(x: Value, options: { readonly scale?: number; readonly offset?: number } = {}): Value {
  requireValue("rescale", "x", x);
  requireOptions("rescale", options);
  const { scale = 1, offset = 0 } = options;
  if (x.dtype === "i32") throw new GraphError("rescale: x must be f32 or u8, got i32");
  if (!Number.isFinite(scale) || !Number.isFinite(offset)) {
    const got = `${showValue(scale)} and ${showValue(offset)}`;
    throw new GraphError(`rescale: scale and offset must be finite, got ${got}`);
  }
  return makeOne(rescaleDefinition, [x], { scale, offset }, x.shape, x.batched);
}

/** The sum of each channel (the last dimension) over all live pixels. @returns [channels] */
export function channelSum(x: Value): Value {
  requireF32("channelSum", "x", x);
  return makeOne(channelSumDefinition, [x], {}, [x.shape.at(-1)!], false);
}
