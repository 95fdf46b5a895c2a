// What a layer is at run time: a definition, one object for each type, and a node, plain data that names its type and
// its inputs.
import type { InitializerName } from "../random/initializers.js";
import type { Shape } from "../shape/types.js";
import type { Window } from "../shape/window.js";
import type { Value } from "../graph/value.js";

/** What a parameter counts as: biases are exempt from weight decay, statistics are not learned. */
export type ParameterRole = "weight" | "bias" | "statistic";

/** A tensor of the State that a layer owns. */
export interface ParameterSpec {
  /** Without the layer's name: "weight", "bias", "gamma", ... */
  readonly name: string;
  readonly shape: Shape;
  /** How it starts. Fans count connections of one unit. */
  readonly initializer: { readonly kind: InitializerName; readonly fanIn: number; readonly fanOut: number };
  /** Whether training changes it by its gradient. */
  readonly trainable: boolean;
  readonly role: ParameterRole;
}

/** Which pixels of its input one output of a layer sees: its own, all, or those under a sliding window. */
export type Sight = "pixel" | "everything" | Window;

/** What a layer may ask while its ops are built. */
export interface EmitContext {
  /** Batch norm normalises by the batch while training, by running statistics afterwards. */
  readonly training: boolean;
  /** The layer's name, which also labels its ops. */
  readonly name: string;
  /**
   * Makes `value` the new content of one of the layer's own parameters, committed at the end of a training step: the
   * running statistics of a batch norm. `parameter` is a name of {@link ParameterSpec}.
   */
  update(parameter: string, value: Value): void;
}

/**
 * Everything that is known about one type of layer. `Options` are plain JSON data, as `checkOptions` returns them.
 *
 * Third parties write such an object for a layer of their own, see {@link Layer}.
 */
export interface LayerDefinition<Options extends object = object, Type extends string = string> {
  /** Begins the sentence of every error: "conv2d". */
  readonly type: Type;
  /** How many inputs it takes; default 1. */
  readonly inputs?: "many";
  /**
   * Copies the options, with defaults written out so that a saved graph keeps its meaning should a default change.
   *
   * @throws OptionError for an unknown option, or a value that no input could make legal
   */
  checkOptions(options: unknown): Options;
  /**
   * The shape of the output, without the batch.
   *
   * @param label begins the sentence of an error; the type, or the name of the method that was called
   * @throws ShapeError with the sentence that the compiler shows where it knows the sizes
   */
  outputShape(inputs: readonly Shape[], options: Options, label: string): number[];
  /** The parameters, in the order in which files list them. Absent: none. */
  parameters?(inputs: readonly Shape[], options: Options): readonly ParameterSpec[];
  /** Multiply-adds for one sample. Absent: none worth counting. */
  macs?(inputs: readonly Shape[], output: Shape, options: Options): number;
  /** What one output sees, for receptive fields, while predicting. Absent: not known. */
  sees?(inputs: readonly Shape[], options: Options): Sight;
  /** The output size with its numbers in it, for people. */
  formula?(inputs: readonly Shape[], options: Options): string;
  /**
   * Builds the layer's ops. Shapes of Values begin with the rows of the batch; `parameters` has the names of the specs.
   */
  emit(
    inputs: readonly Value[],
    parameters: Readonly<Record<string, Value>>,
    options: Options,
    context: EmitContext,
  ): Value;
}

/**
 * One application of a layer: a node of an acyclic graph whose leaves are of type "input". Plain data, never changed.
 */
export interface LayerNode {
  readonly definition: LayerDefinition;
  /** As `checkOptions` returned them, without the name. */
  readonly options: object;
  /** The name that was given; others are numbered when the whole graph is known. */
  readonly name: string | undefined;
  readonly inputs: readonly LayerNode[];
  readonly outputShape: Shape;
}

/** The shapes that a node receives. */
export function inputShapes(node: LayerNode): Shape[] {
  return node.inputs.map((input) => input.outputShape);
}

/** The first input of a definition that takes one. */
export function only<T>(inputs: readonly T[]): T {
  const first = inputs[0];
  if (first === undefined) throw new RangeError("a layer was given no input");
  return first;
}

/** A parameter that the layer's own list promises. */
export function present<T>(value: T | undefined, layer: string, name: string): T {
  if (value === undefined) throw new RangeError(`${layer}: was given no parameter ${name}`);
  return value;
}
