// The run-time twins of the small type functions in types.ts. The rules here judge values that may come from
// JavaScript, so they look at everything and trust no type.
import { OptionError, ShapeError } from "../errors.js";
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

/** What is shown of a value that may come from anywhere, a stranger's file say: enough to find it again. */
const mostShown = { depth: 4, elements: 16, characters: 100 };

/** A name for a message, in one line. */
export function shortened(text: string): string {
  const shown = text.slice(0, mostShown.characters).replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, encodeURIComponent);
  return text.length > mostShown.characters ? `${shown}...` : shown;
}

/** An option's value as it is written in code, in one line; the ends of long ones are left out. */
export function showValue(value: unknown, depth = 0): string {
  if (Array.isArray(value)) {
    if (depth === mostShown.depth) return "[...]";
    // Not map(), which keeps holes.
    const shown = Array.from(value.slice(0, mostShown.elements), (each) => showValue(each, depth + 1));
    return `[${[...shown, ...(value.length > shown.length ? ["..."] : [])].join(", ")}]`;
  }
  if (typeof value === "string") return `'${shortened(value)}'`;
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "function" ? "a function" : String(value).slice(0, mostShown.characters);
}

/** A shape as it is written in code, all of it: "[8, 8, 3]". */
export function showShape(shape: Shape): string {
  return `[${Array.from(shape, (size) => showValue(size)).join(", ")}]`;
}

/** Whether a list holds safe integers from 1 only, and no holes, which every() alone would pass over. */
export function allPositive(list: readonly unknown[]): list is readonly number[] {
  for (let i = 0; i < list.length; i++) if (!isPositive(list[i])) return false;
  return true;
}

/** Whether a value is a list of whole numbers from 1 whose product can be counted with, below 2^53. */
export function isShape(value: unknown): value is Shape {
  return Array.isArray(value) && value.length > 0 && allPositive(value) && Number.isSafeInteger(sizeOf(value));
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

/**
 * Refuses what is no object of options, before a property is read of it.
 *
 * @throws OptionError
 */
export function requireOptions(owner: string, options: unknown): void {
  if (typeof options === "object" && options !== null && !Array.isArray(options)) return;
  throw new OptionError("options", `${owner}: needs an object of options, got ${showValue(options)}`);
}
