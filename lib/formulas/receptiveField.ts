// How much of the image one output sees.
import { ShapeError } from "../errors.js";
import { inputShapes, type LayerNode, type Sight } from "../layers/definition.js";
import { listNodes } from "../layers/node.js";
import type { Add, Multiply, Subtract } from "../shape/arithmetic.js";
import { windowExtent } from "../shape/axis.js";
import type { HeightOf, IsPositivePair, Pair, Shape, Sides, WidthOf } from "../shape/types.js";
import { reject, requireOptions, showShape, showValue } from "../shape/values.js";
import { resolveWindow, windowOptionsFault, type Window } from "../shape/window.js";
import type { Extent } from "../shape/windowTypes.js";

/** One layer in a list: a convolution or a pooling. What has no window, such as relu, is left out. */
export interface FieldLayer {
  /** Window size: a number, or [height, width]. */
  readonly kernel: Pair;
  /** Default 1. */
  readonly stride?: Pair;
  /** Default 0. "same" is known at stride 1 only; otherwise it depends on the size, which a net knows. */
  readonly padding?: Pair | Sides | "same" | "valid";
  /** Default 1. */
  readonly dilation?: Pair;
}

/** What one output sees of the input, each as [height, width] in pixels. */
export interface ReceptiveField<
  Size extends readonly [number, number] = readonly [number, number],
  Stride extends readonly [number, number] = readonly [number, number],
> {
  /** From the first pixel seen to the last. It may reach beyond the image, into the padding. */
  readonly size: Size;
  /** How far the field moves from one output to the next. */
  readonly stride: Stride;
  /** The first pixel that output [0, 0] sees; negative in the padding. */
  readonly start: readonly [number, number];
}

/** Size and stride along one axis, layer by layer; `number` once something is not known or counts nothing. */
type Along<
  Layers,
  Axis extends "height" | "width",
  Size extends number = 1,
  Stride extends number = 1,
> = Layers extends readonly [infer L, ...infer Rest]
  ? StepOf<L, Axis> extends [infer E extends number, infer S extends number]
    ? Along<Rest, Axis, Grown<Size, E, Stride>, Multiply<Stride, S>>
    : [number, number]
  : Layers extends readonly []
    ? [Size, Stride]
    : [number, number];
type Grown<Size extends number, E extends number, Stride extends number> =
  Subtract<E, 1> extends infer more extends number ? Add<Size, Multiply<more, Stride>> : number;
type Part<P, Axis> = Axis extends "height" ? HeightOf<P> : WidthOf<P>;
type OptionOf<L, Name extends string> = L extends { readonly [_ in Name]: infer V } ? V : 1;
type StepOf<L, Axis> =
  IsPositivePair<OptionOf<L, "kernel">> extends true
    ? IsPositivePair<OptionOf<L, "dilation">> extends true
      ? [
          Extent<Part<OptionOf<L, "kernel">, Axis>, Part<OptionOf<L, "dilation">, Axis>>,
          Part<OptionOf<L, "stride">, Axis>,
        ]
      : never
    : never;

/** The receptive field of a list of layers, with literals, or of a net. */
export type FieldOf<L> = L extends readonly unknown[]
  ? ReceptiveField<
      readonly [Along<L, "height">[0], Along<L, "width">[0]],
      readonly [Along<L, "height">[1], Along<L, "width">[1]]
    >
  : ReceptiveField;

/** One axis of a field, and how many outputs stand along it. */
interface AxisField {
  readonly size: number;
  readonly stride: number;
  readonly start: number;
  readonly outputs: number;
}
type Fields = readonly [height: AxisField, width: AxisField];

const onePixel = (outputs: number): AxisField => ({ size: 1, stride: 1, start: 0, outputs });

/** The field behind a window over outputs whose fields are known. */
function behindWindow(field: AxisField, extent: number, stride: number, before: number, outputs: number): AxisField {
  return {
    size: field.size + (extent - 1) * field.stride,
    stride: field.stride * stride,
    start: field.start - before * field.stride,
    outputs,
  };
}

function behind([height, width]: Fields, sight: Sight): Fields {
  if (sight === "pixel") return [height, width];
  if (sight === "everything") {
    return [behindWindow(height, height.outputs, 1, 0, 1), behindWindow(width, width.outputs, 1, 0, 1)];
  }
  const { kernelH, kernelW, dilationH, dilationW, strideH, strideW, padTop, padLeft, outH, outW } = sight;
  return [
    behindWindow(height, windowExtent(kernelH, dilationH), strideH, padTop, outH),
    behindWindow(width, windowExtent(kernelW, dilationW), strideW, padLeft, outW),
  ];
}

/** Where branches meet, an output sees what any of them sees. */
function union(a: AxisField, b: AxisField, place: string): AxisField {
  if (a.stride !== b.stride && a.outputs > 1) {
    throw new ShapeError(
      "layers",
      `receptiveField: ${place} joins branches that move by ${a.stride} and by ${b.stride} pixels, so its field has no one size`,
    );
  }
  const start = Math.min(a.start, b.start);
  const end = Math.max(a.start + a.size, b.start + b.size);
  return { size: end - start, stride: a.stride, start, outputs: a.outputs };
}

function ofNet(output: LayerNode): Fields {
  const fields = new Map<LayerNode, Fields>();
  let last: Fields | undefined;
  for (const { name, node } of listNodes(output)) {
    const { definition, options, inputs, outputShape } = node;
    const place = name === definition.type ? name : `${definition.type} '${name}'`;
    if (inputs.length === 0) {
      if (outputShape.length !== 3) {
        throw new ShapeError(
          "layers",
          `receptiveField: needs a net on images [height, width, channels], got one on ${showShape(outputShape)}`,
        );
      }
      last = [onePixel(outputShape[0]!), onePixel(outputShape[1]!)];
    } else {
      const sight = definition.sees?.(inputShapes(node), options);
      if (sight === undefined) {
        throw new ShapeError(
          "layers",
          `receptiveField: ${place} does not tell which pixels it sees: its definition has no 'sees'`,
        );
      }
      last = inputs
        .map((input) => behind(fields.get(input)!, sight))
        .reduce(([h, w], [h2, w2]) => [union(h, h2, place), union(w, w2, place)]);
    }
    fields.set(node, last);
  }
  return last!;
}

/** A window without an image: its own size is what "valid" needs, so there is always one that it fits. */
function windowOf(layer: FieldLayer, index: number): Window {
  const owner = `receptiveField: layers[${index}]`;
  requireOptions(owner, layer);
  const { kernel, stride = 1, padding = 0, dilation = 1 } = layer;
  if (padding === "same" && [stride].flat().some((step) => step !== 1)) {
    throw new ShapeError(
      "padding",
      `${owner}: padding 'same' at a stride of more than 1 depends on the size of the image: give numbers, or the net`,
    );
  }
  reject(owner, windowOptionsFault({ kernel, stride, padding, dilation }));
  const [kernelH, kernelW] = [kernel].flat() as [number, number?];
  const [dilationH, dilationW] = [dilation].flat() as [number, number?];
  const image: Shape = [windowExtent(kernelH, dilationH), windowExtent(kernelW ?? kernelH, dilationW ?? dilationH)];
  return resolveWindow(owner, image, { kernel, stride, padding, dilation, rounding: "floor" });
}

function checkNet(net: unknown): void {
  const { definition, inputs } = ((net as { node?: unknown } | null | undefined)?.node ?? {}) as Partial<LayerNode>;
  if (definition !== undefined && Array.isArray(inputs)) return;
  throw new ShapeError("layers", `receptiveField: layers must be a list of windows, or a net, got ${showValue(net)}`);
}

function ofList(layers: readonly FieldLayer[]): Fields {
  return layers.reduce<Fields>(
    (fields, layer, index) => behind(fields, windowOf(layer, index)),
    [onePixel(Infinity), onePixel(Infinity)],
  );
}

/**
 * How much of the image one output sees, through a list of windows or a whole net.
 *
 * Behind windows of F pixels every S, the size grows by `(F - 1) * stride` and the stride is multiplied by S. Dense
 * layers and global pooling see everything; where branches of a net meet, an output sees what any of them does.
 *
 * @param layers windows, first layer first; or a net or a model on images
 * @returns sizes as [height, width]; literals for a list of literals
 * @throws ShapeError for a window that is none, or a net of which it cannot be told
 * @example
 * ```ts
 * receptiveField([{ kernel: 3 }, { kernel: 3 }]).size; // [5, 5]: two 3x3 see what one 5x5 does
 * receptiveField(sequential([32, 32, 3]).conv2d({ filters: 8, kernel: 3 }).maxPool2d({ size: 2 })).size; // [4, 4]
 * ```
 */
export function receptiveField<const L extends readonly FieldLayer[] | { readonly node: LayerNode }>(
  layers: L,
): FieldOf<L> {
  if (!Array.isArray(layers)) checkNet(layers);
  const [height, width] = Array.isArray(layers)
    ? ofList(layers as readonly FieldLayer[])
    : ofNet((layers as { readonly node: LayerNode }).node);
  const field: ReceptiveField = {
    size: [height.size, width.size],
    stride: [height.stride, width.stride],
    start: [height.start, width.start],
  };
  return field as FieldOf<L>;
}
