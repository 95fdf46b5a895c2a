// The run-time twins of the small type functions in types.ts. The rules here judge values that may come from
// JavaScript, so they look at everything and trust no type.
import { ShapeError } from "../errors.js";
import type { Fault, Shape } from "./types.js";

/** A safe integer from 1. */
export function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}

/** A safe integer from 0. */
export function isNatural(value: unknown): value is number {
  return value === 0 || isPositive(value);
}

/** A pair's two numbers, [height, width]; undefined where the value is not a number or a pair. */
export function pairOf(value: unknown): readonly [unknown, unknown] | undefined {
  if (typeof value === "number") return [value, value];
  return Array.isArray(value) && value.length === 2 ? [value[0] as unknown, value[1] as unknown] : undefined;
}

/** An option's value as it is written in code. */
export function showValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showValue).join(", ")}]`;
  if (typeof value === "string") return `'${value}'`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value);
}

/** A shape as it is written in code: "[8, 8, 3]". */
export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** The number of elements of one sample. */
export function sizeOf(shape: Shape): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The sentence about an option that counts something. */
export function mustBePositive(option: string, value: unknown): Fault {
  return [option, `${option} must be a positive whole number, got ${showValue(value)}`];
}

/** The sentence of every rule that works on images only; `option` is what is blamed. */
export function needsImage(option: string, input: Shape): Fault | undefined {
  return input.length === 3 ? undefined : [option, `needs an input [height, width, channels], got ${showShape(input)}`];
}

/**
 * Throws the fault that a rule found.
 *
 * @param layer begins the sentence: "conv2d"
 * @throws ShapeError
 */
export function reject(layer: string, fault: Fault | undefined): void {
  if (fault !== undefined) throw new ShapeError(fault[0], `${layer}: ${fault[1]}`);
}
