// A layer value: a layer without an input. It is polymorphic in the shape, so that a block is written once and checked
// wherever it is applied. Its rule is a type function of the input shape, written as an interface that reads
// `this["in"]`; so anybody can add a layer without touching this package.
import type { ShapeError } from "../errors.js";
import type { Fault, Shape, Verdict } from "../shape/types.js";
import type { LayerDefinition, LayerNode } from "./definition.js";
import { appendLayer } from "./node.js";
import { splitName } from "./options.js";

/**
 * A type function from the shape that a layer meets, `in`, to its output and its verdict.
 *
 * @example
 * ```ts
 * interface TransposeRule extends Rule {
 *   readonly out: ShapeIn<this> extends readonly [infer H, infer W, infer C] ? [W, H, C] : number[];
 *   readonly verdict: "ok";
 * }
 * ```
 */
export interface Rule {
  readonly in: unknown;
  readonly out: Shape;
  readonly verdict: Verdict;
}
/** The shape that a rule meets. */
export type ShapeIn<R extends { readonly in: unknown }> = R["in"] extends Shape ? R["in"] : Shape;
/** V, which is a verdict whatever its parameters are; the compiler cannot see that while they are unknown. */
export type VerdictOf<V> = V extends infer W extends Verdict ? W : never;

declare const rule: unique symbol;

/**
 * Any layer value, without its rule: what blocks ask for. Were the rule a part of it, the compiler would compare rules
 * of blocks in blocks structurally, with parameters not yet known, and give up.
 */
export interface AnyLayer {
  /** Begins the sentence of an error. */
  readonly type: string;
  /** Adds the layer behind a node. */
  applyTo(input: LayerNode): LayerNode;
}

/** A layer or a block that waits for an input: `net.apply(layer)`. `R` is its {@link Rule}. */
export interface Layer<Name extends string = string, R = Rule> extends AnyLayer {
  readonly type: Name;
  /** Exists for the compiler only. */
  readonly [rule]?: R;
}

/**
 * Makes a layer value of a definition; `R` is the shape rule for the compiler.
 *
 * @throws OptionError where the definition refuses the options
 * @example
 * ```ts
 * export const transpose = () => defineLayer<"transpose", TransposeRule>(transposeDefinition, {});
 * net.apply(transpose());
 * ```
 */
export function defineLayer<Name extends string, R extends Rule>(
  definition: LayerDefinition<object, Name>,
  options: object = {},
): Layer<Name, R> {
  // Here already, where the mistake was made, and not only where the layer meets an input.
  definition.checkOptions(splitName(definition.type, options).rest);
  return {
    type: definition.type,
    applyTo: (input) => appendLayer(definition, [input], options),
  };
}

type Applied<L, I extends Shape> = L extends { readonly [rule]?: infer R } ? R & { readonly in: I } : never;
/** The type of a layer value. */
export type NameOf<L> = L extends { readonly type: infer Name extends string } ? Name : string;
/** The shape that a layer value makes of a shape. */
export type LayerShape<L, I extends Shape> = Applied<L, I> extends { readonly out: infer O extends Shape } ? O : Shape;
/** What a layer value says of a shape. */
export type LayerVerdict<L, I extends Shape> = Applied<L, I> extends { readonly verdict: infer V } ? V : "ok";

/** The shape that layers, one after the other, make of a shape. */
export type ChainShape<Layers, I extends Shape> = Layers extends readonly [infer L, ...infer Rest]
  ? ChainShape<Rest, LayerShape<L, I>>
  : Layers extends readonly []
    ? I
    : number[];
/** "ok", or the first fault in a chain, with its place. */
export type ChainVerdict<Layers, I extends Shape, Done extends readonly unknown[] = []> = Layers extends readonly [
  infer L,
  ...infer Rest,
]
  ? LayerVerdict<L, I> extends readonly [string, infer Sentence extends string]
    ? ["block", `[${Done["length"]}] ${NameOf<L>}: ${Sentence}`]
    : ChainVerdict<Rest, LayerShape<L, I>, [...Done, L]>
  : "ok";

/** What `apply` demands of a layer value. */
export type DemandLayer<L, I extends Shape> =
  LayerVerdict<L, I> extends infer V extends Fault ? ShapeError<`${NameOf<L>}: ${V[1]}`> : unknown;
