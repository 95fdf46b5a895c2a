/** What the op functions share: making one-result nodes, checking operands, naming activations. */
import { GraphError } from "../errors.js";
import { activationCodes, type ActivationKind } from "../graph/opSchema.js";
import { makeNode, requireValue, type Attributes, type OpDefinition, type Value } from "../graph/value.js";
import type { Window } from "../shape/window.js";
import { showShape, showValue } from "../shape/values.js";

/** Makes a node with one f32 result. */
export function makeOne(
  definition: OpDefinition,
  operands: readonly (Value | undefined)[],
  attributes: Attributes,
  shape: readonly number[],
  batched: boolean,
): Value {
  return makeNode(definition, operands, attributes, [{ shape, batched }])[0]!;
}

/** Why backward ops have no gradient of their own. */
export const secondOrder = {
  none: "second-order gradients are not supported: it is the gradient of another op",
} as const;

/** Refuses a dtype that the op cannot take. */
export function requireF32(op: string, operand: string, value: Value): void {
  requireValue(op, operand, value);
  if (value.dtype !== "f32")
    throw new GraphError(`${op}: ${operand} must be f32, got ${value.dtype}; use rescale() on images`);
}

/** Refuses an operand whose shape is not the expected one. */
export function requireShape(op: string, operand: string, value: Value, expected: readonly number[]): void {
  requireF32(op, operand, value);
  if (value.shape.length !== expected.length || value.shape.some((size, i) => size !== expected[i])) {
    throw new GraphError(`${op}: ${operand} must have the shape ${showShape(expected)}, got ${showShape(value.shape)}`);
  }
}

/** Refuses anything but [rows, height, width, channels]. */
export function requireImage(op: string, value: Value): readonly [number, number, number, number] {
  requireF32(op, "x", value);
  if (value.shape.length !== 4) {
    throw new GraphError(`${op}: x must be [rows, height, width, channels], got ${showShape(value.shape)}`);
  }
  return value.shape as unknown as readonly [number, number, number, number];
}

/** The attributes of a fused epilogue; none until the fusion pass sets it. */
export function epilogue(kind: ActivationKind = "none", slope = 0): { activation: number; slope: number } {
  return { activation: activationCodes[kind], slope };
}

/** Refuses a number that is none, or fails its rule. */
export function requireNumber(
  op: string,
  name: string,
  value: unknown,
  must: string,
  test: (value: number) => boolean,
): void {
  if (typeof value === "number" && test(value)) return;
  throw new GraphError(`${op}: ${name} must be ${must}, got ${showValue(value)}`);
}

/** A window's attributes for convolutions: effective padding, so that the floor formula holds. */
export function convolutionWindow(window: Window): Attributes {
  const { strideH, strideW, padTop, padBottom, padLeft, padRight, dilationH, dilationW } = window;
  return { strideH, strideW, padTop, padBottom, padLeft, padRight, dilationH, dilationW };
}

/** A window's attributes for pooling: declared padding, since only that counts in an average. */
export function poolWindow(window: Window): Attributes {
  const { kernelH, kernelW, strideH, strideW, declared } = window;
  return {
    ...{ kernelH, kernelW, strideH, strideW },
    ...{ padTop: declared.top, padBottom: declared.bottom, padLeft: declared.left, padRight: declared.right },
  };
}
