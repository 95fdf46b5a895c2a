// Layers made of layers: a chain, a sum around a chain, parallel branches. They add no node of their own but the merge,
// and their sentences say which layer of the block is at fault.
import { ShapeError } from "../errors.js";
import type { AddShape, AddVerdict, ConcatShape, ConcatVerdict } from "../shape/merge.js";
import type { Fault, Shape } from "../shape/types.js";
import type { LayerDefinition, LayerNode } from "./definition.js";
import type {
  ChainShape,
  ChainVerdict,
  AnyLayer,
  Layer,
  LayerShape,
  LayerVerdict,
  NameOf,
  Rule,
  ShapeIn,
  VerdictOf,
} from "./layer.js";
import type { SameRule } from "./activation.js";
import { addDefinition, concatDefinition } from "./merge.js";
import { appendLayer, checkLayer } from "./node.js";

/** Applies a part of a block; a shape error of it then begins with the block and says which part. */
function inBlock(place: string, layer: AnyLayer, input: LayerNode): LayerNode {
  checkLayer(place, layer);
  try {
    return layer.applyTo(input);
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    throw new ShapeError("block", `${place} ${error.message}`, { cause: error });
  }
}

/** The shape rule of {@link stack}. */
export interface StackRule<Layers> extends Rule {
  readonly out: ChainShape<Layers, ShapeIn<this>>;
  readonly verdict: VerdictOf<ChainVerdict<Layers, ShapeIn<this>>>;
}

/**
 * Layers one after the other, as one layer.
 *
 * @example
 * ```ts
 * const convRelu = <const F extends number>(filters: F) =>
 *   stack(conv2d({ filters, kernel: 3, padding: "same" }), relu());
 * sequential([28, 28, 1]).apply(convRelu(16)).apply(convRelu(32)); // Net<[28, 28, 1], [28, 28, 32]>
 * ```
 */
export function stack<const Layers extends readonly AnyLayer[]>(...layers: Layers): Layer<"stack", StackRule<Layers>> {
  return {
    type: "stack",
    applyTo: (input) => layers.reduce((node, layer, index) => inBlock(`stack: [${index}]`, layer, node), input),
  };
}

/** A body that does not fit, else a sum or a joint that does not. */
type BranchesVerdict<Layers, I extends Shape, Merged> =
  BranchFault<Layers, I> extends infer F extends Fault ? F : Merged;
type BranchFault<Layers, I extends Shape, Done extends readonly unknown[] = []> = Layers extends readonly [
  infer L,
  ...infer Rest,
]
  ? LayerVerdict<L, I> extends readonly [string, infer Sentence extends string]
    ? ["block", `[${Done["length"]}] ${NameOf<L>}: ${Sentence}`]
    : BranchFault<Rest, I, [...Done, L]>
  : "ok";

/**
 * A shortcut that is omitted: x itself. A layer here too, since a rule with a condition on its parts is too deep for
 * the compiler.
 */
export type Identity = Layer<"identity", SameRule>;

/** The shape rule of {@link residual}. */
export interface ResidualRule<Body, Shortcut> extends Rule {
  readonly out: AddShape<LayerShape<Body, ShapeIn<this>>, LayerShape<Shortcut, ShapeIn<this>>>;
  readonly verdict: VerdictOf<
    BranchesVerdict<
      [Body, Shortcut],
      ShapeIn<this>,
      AddVerdict<LayerShape<Body, ShapeIn<this>>, LayerShape<Shortcut, ShapeIn<this>>>
    >
  >;
}

/**
 * body(x) + x, or body(x) + shortcut(x), as one layer.
 *
 * @example
 * ```ts
 * const basic = <const F extends number>(filters: F) =>
 *   residual(stack(conv2d({ filters, kernel: 3, padding: "same" }), batchNorm(), relu()));
 * ```
 */
export function residual<const Body extends AnyLayer, const Shortcut extends AnyLayer = Identity>(
  body: Body,
  shortcut?: Shortcut,
): Layer<"residual", ResidualRule<Body, Shortcut>> {
  return {
    type: "residual",
    applyTo: (input) => {
      const long = inBlock("residual: [0]", body, input);
      const short = shortcut === undefined ? input : inBlock("residual: [1]", shortcut, input);
      return appendLayer(addDefinition, [long, short], {}, "residual");
    },
  };
}

function branches(type: string, definition: LayerDefinition, layers: readonly AnyLayer[]) {
  return (input: LayerNode): LayerNode => {
    const ends = layers.map((layer, index) => inBlock(`${type}: [${index}]`, layer, input));
    return appendLayer(definition, ends, {}, type);
  };
}

type FoldAdd<Sum extends Shape, Layers, I extends Shape> = Layers extends readonly [infer L, ...infer Rest]
  ? FoldAdd<AddShape<Sum, LayerShape<L, I>>, Rest, I>
  : Sum;
type FoldConcat<Joined extends Shape, Layers, I extends Shape> = Layers extends readonly [infer L, ...infer Rest]
  ? FoldConcat<ConcatShape<Joined, LayerShape<L, I>>, Rest, I>
  : Joined;
type AllAdd<First extends Shape, Layers, I extends Shape> = Layers extends readonly [infer L, ...infer Rest]
  ? AddVerdict<First, LayerShape<L, I>> extends infer F extends Fault
    ? F
    : AllAdd<First, Rest, I>
  : "ok";
type AllConcat<First extends Shape, Layers, I extends Shape> = Layers extends readonly [infer L, ...infer Rest]
  ? ConcatVerdict<First, LayerShape<L, I>> extends infer F extends Fault
    ? F
    : AllConcat<First, Rest, I>
  : "ok";

/** The shape rule of {@link addBranches}. */
export interface AddBranchesRule<First, Rest> extends Rule {
  readonly out: FoldAdd<LayerShape<First, ShapeIn<this>>, Rest, ShapeIn<this>>;
  readonly verdict: VerdictOf<
    BranchesVerdict<
      Rest extends readonly unknown[] ? [First, ...Rest] : never,
      ShapeIn<this>,
      AllAdd<LayerShape<First, ShapeIn<this>>, Rest, ShapeIn<this>>
    >
  >;
}

/** The shape rule of {@link concatBranches}. */
export interface ConcatBranchesRule<First, Rest> extends Rule {
  readonly out: FoldConcat<LayerShape<First, ShapeIn<this>>, Rest, ShapeIn<this>>;
  readonly verdict: VerdictOf<
    BranchesVerdict<
      Rest extends readonly unknown[] ? [First, ...Rest] : never,
      ShapeIn<this>,
      AllConcat<LayerShape<First, ShapeIn<this>>, Rest, ShapeIn<this>>
    >
  >;
}

/** The sum of branches that all start from the same input; their shapes must be equal. */
export function addBranches<const First extends AnyLayer, const Rest extends readonly AnyLayer[]>(
  first: First,
  ...rest: Rest
): Layer<"addBranches", AddBranchesRule<First, Rest>> {
  return { type: "addBranches", applyTo: branches("addBranches", addDefinition, [first, ...rest]) };
}

/**
 * Branches that all start from the same input, side by side in the channels; heights and widths must be equal.
 *
 * @example
 * ```ts
 * const inception = concatBranches(
 *   conv2d({ filters: 16, kernel: 1 }),
 *   stack(conv2d({ filters: 8, kernel: 1 }), conv2d({ filters: 16, kernel: 3, padding: "same" })),
 *   maxPool2d({ size: 3, stride: 1, padding: "same" }),
 * );
 * ```
 */
export function concatBranches<const First extends AnyLayer, const Rest extends readonly AnyLayer[]>(
  first: First,
  ...rest: Rest
): Layer<"concatBranches", ConcatBranchesRule<First, Rest>> {
  return { type: "concatBranches", applyTo: branches("concatBranches", concatDefinition, [first, ...rest]) };
}
