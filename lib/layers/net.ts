// The fluent surface: an immutable symbolic tensor that knows the shapes of the net's input and of its own output. Each
// method returns a new net, so a variable is a branch and nothing else is needed to build a graph.
import { GraphError } from "../errors.js";
import type {
  Conv2dOptions,
  Conv2dShape,
  Conv2dVerdict,
  DepthwiseConv2dOptions,
  DepthwiseConv2dShape,
  DepthwiseConv2dVerdict,
} from "../shape/conv2d.js";
import type { DenseOptions, DenseVerdict, ReshapeOptions, ReshapeVerdict } from "../shape/dense.js";
import type { AddShape, AddVerdict, ConcatShape, ConcatVerdict } from "../shape/merge.js";
import type {
  AvgPool2dOptions,
  GlobalPoolVerdict,
  Pool2dOptions,
  Pool2dShape,
  Pool2dVerdict,
} from "../shape/pool2d.js";
import type { Channels, Demand, DemandArgument, Padding, Pair, Plain, Rounding, Shape, Size } from "../shape/types.js";
import { showValue } from "../shape/values.js";
import { Model } from "../training/model.js";
import type { ModelOptions } from "../training/modelOptions.js";
import * as activation from "./activation.js";
import type { LeakyReluOptions, RescaleOptions } from "./activation.js";
import { batchNormDefinition } from "./batchNorm.js";
import type { BatchNormOptions } from "./batchNorm.js";
import { conv2dDefinition, depthwiseConv2dDefinition } from "./conv2d.js";
import type { LayerDefinition, LayerNode } from "./definition.js";
import { denseDefinition } from "./dense.js";
import { fromGraph, toGraph } from "./graph.js";
import type { LayerGraph } from "./graph.js";
import type { AnyLayer, DemandLayer, LayerShape } from "./layer.js";
import { addDefinition, concatDefinition } from "./merge.js";
import { appendLayer, checkLayer, inputNode, rootOf } from "./node.js";
import type { NameOnly } from "./options.js";
import * as pool from "./pool2d.js";
import { flattenDefinition, reshapeDefinition } from "./reshape.js";
import { summary } from "./summary.js";

/**
 * What code that takes any net should ask for: no methods, so that a net of a known shape is cheaply seen to be one of
 * an unknown shape.
 */
export interface Branch<In extends Shape = Shape, Out extends Shape = Shape> {
  /** The shape of one sample, without the batch. */
  readonly inputShape: In;
  /** The shape of what comes out for one sample. */
  readonly outputShape: Out;
  /** The last layer, as plain data. */
  readonly node: LayerNode;
}

// eslint-disable-next-line @typescript-eslint/ban-ts-comment -- no other directive survives into the declaration file
/**
 * A net under construction, from `In` to `Out`; both leave the batch out. Sizes that the compiler knows are checked
 * while typing, all others when the method is called, with the same sentence. Every method throws ShapeError where
 * sizes do not fit and OptionError for an option that the layer does not know.
 *
 * @example
 * ```ts
 * const conv = sequential([8, 8, 1]).conv2d({ filters: 16, kernel: 3, padding: "same" });
 * const net = conv.relu().flatten().dense({ units: 10 }); // Net<[8, 8, 1], [10]>
 * net.outputShape; // [10]
 * ```
 *
 * @ts-ignore TS2636: the rules make Out formally invariant, while a net of a known shape is one of an unknown shape. */
export interface Net<out In extends Shape, out Out extends Shape> extends Branch<In, Out> {
  /** Convolution: [height, width, channels] to [height, width, filters], sizes (N + 2P - F) / S + 1. */
  conv2d<
    const F extends number,
    const K extends Pair,
    const S extends Pair = 1,
    const P extends Padding = 0,
    const D extends Pair = 1,
    const G extends number = 1,
    const R extends Rounding = "exact",
    const C extends number = number,
  >(
    options: Conv2dOptions<F, K, S, P, D, G, R, C> & Demand<Conv2dVerdict<Out, F, K, S, P, D, G, R, C>, "conv2d">,
  ): Net<In, Conv2dShape<Out, F, K, S, P, D, R>>;

  /**
   * A convolution of each channel by itself: [height, width, channels] to [height, width, channels * depthMultiplier].
   */
  depthwiseConv2d<
    const K extends Pair,
    const S extends Pair = 1,
    const P extends Padding = 0,
    const D extends Pair = 1,
    const M extends number = 1,
    const R extends Rounding = "exact",
  >(
    options: DepthwiseConv2dOptions<K, S, P, D, M, R> &
      Demand<DepthwiseConv2dVerdict<Out, K, S, P, D, M, R>, "depthwiseConv2d">,
  ): Net<In, DepthwiseConv2dShape<Out, K, S, P, D, M, R>>;

  /** The largest element of each window, channel by channel; padding never wins. */
  maxPool2d<
    const K extends Pair,
    const S extends Pair | undefined = undefined,
    const P extends Padding = 0,
    const R extends Rounding = "exact",
  >(
    options: Pool2dOptions<K, S, P, R> & Demand<Pool2dVerdict<Out, K, S, P, R>, "maxPool2d">,
  ): Net<In, Pool2dShape<Out, K, S, P, R>>;

  /** The mean of each window, channel by channel. */
  avgPool2d<
    const K extends Pair,
    const S extends Pair | undefined = undefined,
    const P extends Padding = 0,
    const R extends Rounding = "exact",
  >(
    options: AvgPool2dOptions<K, S, P, R> & Demand<Pool2dVerdict<Out, K, S, P, R>, "avgPool2d">,
  ): Net<In, Pool2dShape<Out, K, S, P, R>>;

  /** The mean of each channel: [height, width, channels] to [channels]. */
  globalAvgPool2d(
    this: Net<In, Out> & DemandArgument<GlobalPoolVerdict<Out>, "globalAvgPool2d">,
    options?: NameOnly,
  ): Net<In, [Channels<Out>]>;
  /** The largest element of each channel: [height, width, channels] to [channels]. */
  globalMaxPool2d(
    this: Net<In, Out> & DemandArgument<GlobalPoolVerdict<Out>, "globalMaxPool2d">,
    options?: NameOnly,
  ): Net<In, [Channels<Out>]>;

  /** Mean 0 and variance 1 in each channel, then a learned scale and shift. */
  batchNorm(options?: BatchNormOptions): Net<In, Out>;
  /** max(x, 0) */
  relu(options?: NameOnly): Net<In, Out>;
  /** max(x, 0), but at most 6 */
  relu6(options?: NameOnly): Net<In, Out>;
  /** x from 0, slope * x below; slope 0.1 unless given. */
  leakyRelu(options?: LeakyReluOptions): Net<In, Out>;
  /** 1 / (1 + exp(-x)) */
  sigmoid(options?: NameOnly): Net<In, Out>;
  /** The hyperbolic tangent. */
  tanh(options?: NameOnly): Net<In, Out>;
  /** Positive numbers that add up to 1 along the last axis. */
  softmax(options?: NameOnly): Net<In, Out>;
  /** scale * x + offset; bytes to 0..1 unless given. */
  rescale(options?: RescaleOptions): Net<In, Out>;

  /** All elements in one axis: [number of elements]. */
  flatten(options?: NameOnly): Net<In, [Size<Out>]>;
  /** The same elements under another shape. */
  reshape<const T extends Shape>(
    options: ReshapeOptions<T> & Demand<ReshapeVerdict<Out, T>, "reshape">,
  ): Net<In, Plain<T>>;
  /** Fully connected: [features] to [units]. */
  dense<const U extends number>(options: DenseOptions<U> & Demand<DenseVerdict<Out, U>, "dense">): Net<In, [U]>;

  /** The element-wise sum with another branch from the same input; the shapes must be equal. */
  add<B extends Shape>(
    other: Branch<Shape, B> & DemandArgument<AddVerdict<Out, B>, "add">,
    options?: NameOnly,
  ): Net<In, AddShape<Out, B>>;
  /** The channels of this and another branch from the same input; heights and widths must be equal. */
  concat<B extends Shape>(
    other: Branch<Shape, B> & DemandArgument<ConcatVerdict<Out, B>, "concat">,
    options?: NameOnly,
  ): Net<In, ConcatShape<Out, B>>;
  /** body(x) + x */
  residual<B extends Shape>(
    body: (x: Net<In, Out>) => Branch<Shape, B> & DemandArgument<AddVerdict<B, Out>, "residual">,
  ): Net<In, AddShape<B, Out>>;
  /** body(x) + shortcut(x) */
  residual<B extends Shape, A extends Shape>(
    body: (x: Net<In, Out>) => Branch<Shape, B>,
    shortcut: (x: Net<In, Out>) => Branch<Shape, A> & DemandArgument<AddVerdict<B, A>, "residual">,
  ): Net<In, AddShape<B, A>>;

  /** Adds a layer value or a block: `conv2d({...})`, `stack(...)`, one of your own. */
  apply<const L extends AnyLayer>(layer: L & DemandLayer<L, Out>): Net<In, LayerShape<L, Out>>;

  /** Layers, shapes, parameters, multiply-adds and formulas as text. */
  summary(): string;
  /** The layers as plain JSON data, for files; see {@link netFromJson}. */
  toJSON(): LayerGraph;
  /** Parameters for this net, drawn from the seed: what trains and predicts. */
  model(options?: ModelOptions): Model<In, Out>;
}

/** The net at run time. Shapes are known here, so its methods need no types of their own. */
class FluentNet implements Branch {
  readonly node: LayerNode;

  constructor(node: LayerNode) {
    this.node = node;
  }

  get inputShape(): Shape {
    return rootOf(this.node).outputShape;
  }

  get outputShape(): Shape {
    return this.node.outputShape;
  }

  #append(definition: LayerDefinition, options: object = {}): FluentNet {
    return new FluentNet(appendLayer(definition, [this.node], options));
  }

  #merge(definition: LayerDefinition, label: string, other: unknown, options: object = {}): FluentNet {
    return new FluentNet(appendLayer(definition, [this.node, nodeOf(other, label)], options, label));
  }

  conv2d(options: object): FluentNet {
    return this.#append(conv2dDefinition, options);
  }
  depthwiseConv2d(options: object): FluentNet {
    return this.#append(depthwiseConv2dDefinition, options);
  }
  maxPool2d(options: object): FluentNet {
    return this.#append(pool.maxPool2dDefinition, options);
  }
  avgPool2d(options: object): FluentNet {
    return this.#append(pool.avgPool2dDefinition, options);
  }
  globalAvgPool2d(options?: object): FluentNet {
    return this.#append(pool.globalAvgPool2dDefinition, options);
  }
  globalMaxPool2d(options?: object): FluentNet {
    return this.#append(pool.globalMaxPool2dDefinition, options);
  }
  batchNorm(options?: object): FluentNet {
    return this.#append(batchNormDefinition, options);
  }
  relu(options?: object): FluentNet {
    return this.#append(activation.reluDefinition, options);
  }
  relu6(options?: object): FluentNet {
    return this.#append(activation.relu6Definition, options);
  }
  leakyRelu(options?: object): FluentNet {
    return this.#append(activation.leakyReluDefinition, options);
  }
  sigmoid(options?: object): FluentNet {
    return this.#append(activation.sigmoidDefinition, options);
  }
  tanh(options?: object): FluentNet {
    return this.#append(activation.tanhDefinition, options);
  }
  softmax(options?: object): FluentNet {
    return this.#append(activation.softmaxDefinition, options);
  }
  rescale(options?: object): FluentNet {
    return this.#append(activation.rescaleDefinition, options);
  }
  flatten(options?: object): FluentNet {
    return this.#append(flattenDefinition, options);
  }
  reshape(options: object): FluentNet {
    return this.#append(reshapeDefinition, options);
  }
  dense(options: object): FluentNet {
    return this.#append(denseDefinition, options);
  }
  add(other: unknown, options?: object): FluentNet {
    return this.#merge(addDefinition, "add", other, options);
  }
  concat(other: unknown, options?: object): FluentNet {
    return this.#merge(concatDefinition, "concat", other, options);
  }
  residual(body: (x: FluentNet) => unknown, shortcut?: (x: FluentNet) => unknown): FluentNet {
    for (const branch of [body, shortcut ?? body] as unknown[]) {
      if (typeof branch !== "function") throw new GraphError(`residual: needs functions, got ${showValue(branch)}`);
    }
    const long = new FluentNet(nodeOf(body(this), "residual"));
    return long.#merge(addDefinition, "residual", shortcut === undefined ? this : shortcut(this));
  }
  apply(layer: AnyLayer): FluentNet {
    checkLayer("apply", layer);
    return new FluentNet(layer.applyTo(this.node));
  }
  summary(): string {
    return summary(this);
  }
  toJSON(): LayerGraph {
    return toGraph(this.node);
  }
  model(options?: ModelOptions): Model {
    return new Model(this.node, options);
  }
}

/** The node of a branch that may come from JavaScript. */
function nodeOf(branch: unknown, label: string): LayerNode {
  if (branch instanceof FluentNet) return branch.node;
  throw new GraphError(`${label}: needs a net, got ${branch === null ? "null" : typeof branch}`);
}

function fluent<S extends Shape>(shape: S): Net<Plain<S>, Plain<S>> {
  // The class does at run time what the interface says of types; only the compiler cannot see that they belong
  // together.
  return new FluentNet(inputNode(shape)) as unknown as Net<Plain<S>, Plain<S>>;
}

/**
 * Begins a net.
 *
 * @param shape of one sample, without the batch: [height, width, channels] of an image, or [features]
 * @throws ShapeError unless all sizes are positive whole numbers
 * @example
 * ```ts
 * const net = sequential([8, 8, 1]).flatten().dense({ units: 10 }); // Net<[8, 8, 1], [10]>
 * ```
 */
export function sequential<const S extends Shape>(shape: S): Net<Plain<S>, Plain<S>> {
  return fluent(shape);
}

/**
 * Begins a net, size by size: `input(8, 8, 1)` is `sequential([8, 8, 1])`.
 *
 * @throws ShapeError unless all sizes are positive whole numbers
 */
export function input<const S extends Shape>(...shape: S): Net<Plain<S>, Plain<S>> {
  return fluent(shape);
}

/**
 * The net that {@link Net.toJSON} wrote, checked as if it were built anew. Its shapes are known at run time only.
 *
 * @param custom definitions of layers that are not of this package
 * @throws GraphError, OptionError, ShapeError
 */
export function netFromJson(graph: unknown, custom: readonly LayerDefinition[] = []): Net<Shape, Shape> {
  return new FluentNet(fromGraph(graph, custom)) as unknown as Net<Shape, Shape>;
}
