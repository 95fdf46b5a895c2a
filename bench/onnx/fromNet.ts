/**
 * A striate net as an ONNX graph, in the layouts of that world: images [n, channels, height, width], filters
 * [out, in / groups, kh, kw], dense weights as MatMul + Add would be written by PyTorch's exporter (Gemm). Layouts of
 * constants are changed here, once, so the peer pays nothing for ours. Batch norm and activations stay nodes of their own:
 * ONNX Runtime folds and fuses them when it loads the file (it keeps 20 Conv and not one BatchNormalization, Relu or Add of
 * ResNet-18, 52 Conv of MobileNetV2 with the Clips in them).
 */
import { listNodes, type NamedNode } from "../../lib/layers/node.js";
import { inputShapes, only, type LayerNode } from "../../lib/layers/definition.js";
import { resolvePoolWindow, type AvgPool2dOptions, type Pool2dOptions } from "../../lib/shape/pool2d.js";
import type { Conv2dOptions } from "../../lib/shape/conv2d.js";
import { resolveWindow, type Window } from "../../lib/shape/window.js";
import type { OnnxGraph, OnnxNode, OnnxTensor } from "./graph.js";

/** Parameters by their names in the net, in striate's layouts. */
export type Parameters = ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;

/** Batch first; images with their channels second. */
export function peerShape(shape: readonly number[]): number[] {
  return shape.length === 3 ? [shape[2]!, shape[0]!, shape[1]!] : [...shape];
}

/**
 * @param output the net's last layer
 * @param batch rows of a call, or the name of a size that is free
 * @throws RangeError for a layer that has no counterpart here
 */
export function onnxFromNet(output: LayerNode, parameters: Parameters, batch: number | string): OnnxGraph {
  const converter = new Converter(parameters);
  const named = listNodes(output);
  for (const node of named) converter.add(node);
  const first = named[0]!;
  const last = named.at(-1)!;
  return {
    inputs: [{ name: first.name, shape: [batch, ...peerShape(first.node.outputShape)] }],
    output: { name: last.name, shape: [batch, ...peerShape(last.node.outputShape)] },
    nodes: converter.nodes,
    tensors: converter.tensors,
  };
}

class Converter {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensor[] = [];
  /** The image that a flat vector was, by the layer that made it flat: dense weights follow the peer's order. */
  private readonly flattened = new Map<string, readonly number[]>();

  constructor(private readonly parameters: Parameters) {}

  add({ name, node, inputs }: NamedNode): void {
    const emit = (op: string, constants: readonly string[] = [], attributes: OnnxNode["attributes"] = {}): void => {
      this.nodes.push({ op, inputs: [...inputs, ...constants], output: name, attributes });
    };
    const { type } = node.definition;
    switch (type) {
      case "input":
        return;
      case "conv2d":
      case "depthwiseConv2d":
        this.convolution(name, node, emit);
        return;
      case "batchNorm": {
        const constants = ["gamma", "beta", "runningMean", "runningVariance"].map((part) =>
          this.constant(`${name}.${part}`),
        );
        const { epsilon } = node.options as { readonly epsilon: number };
        emit("BatchNormalization", constants, { epsilon });
        return;
      }
      case "maxPool2d":
      case "avgPool2d":
        pooling(type, node, emit);
        return;
      case "globalAvgPool2d":
      case "globalMaxPool2d":
        this.nodes.push({
          op: type === "globalAvgPool2d" ? "GlobalAveragePool" : "GlobalMaxPool",
          inputs,
          output: `${name}.pooled`,
          attributes: {},
        });
        this.nodes.push({ op: "Flatten", inputs: [`${name}.pooled`], output: name, attributes: { axis: { int: 1 } } });
        return;
      case "flatten":
        this.flattened.set(name, only(inputShapes(node)));
        emit("Flatten", [], { axis: { int: 1 } });
        return;
      case "dense": {
        const hasBias = this.parameters.has(`${name}.bias`);
        const weight = this.denseWeight(`${name}.weight`, this.flattened.get(inputs[0]!));
        emit("Gemm", hasBias ? [weight, this.constant(`${name}.bias`)] : [weight], { transB: { int: 1 } });
        return;
      }
      case "relu":
        emit("Relu");
        return;
      case "relu6":
        emit("Clip", [this.scalar(`${name}.min`, 0), this.scalar(`${name}.max`, 6)]);
        return;
      case "sigmoid":
        emit("Sigmoid");
        return;
      case "tanh":
        emit("Tanh");
        return;
      case "leakyRelu":
        emit("LeakyRelu", [], { alpha: (node.options as { readonly slope: number }).slope });
        return;
      case "softmax":
        emit("Softmax", [], { axis: { int: 1 } });
        return;
      case "add":
        emit(inputs.length === 2 ? "Add" : "Sum");
        return;
      case "concat":
        emit("Concat", [], { axis: { int: 1 } });
        return;
      default:
        throw new RangeError(`onnx: no counterpart for the layer type ${type} (${name})`);
    }
  }

  private convolution(
    name: string,
    node: LayerNode,
    emit: (op: string, constants: readonly string[], attributes: OnnxNode["attributes"]) => void,
  ): void {
    const options = node.options as Conv2dOptions;
    const channels = only(inputShapes(node))[2]!;
    const window = resolveWindow(node.definition.type, only(inputShapes(node)), options);
    const { shape, data } = this.parameter(`${name}.weight`);
    const [kernelH, kernelW, perGroup, filters] = shape as readonly [number, number, number, number];
    this.tensors.push({
      name: `${name}.weight`,
      shape: [filters, perGroup, kernelH, kernelW],
      data: filtersFirst(data, kernelH * kernelW, perGroup, filters),
    });
    const hasBias = this.parameters.has(`${name}.bias`);
    emit("Conv", hasBias ? [`${name}.weight`, this.constant(`${name}.bias`)] : [`${name}.weight`], {
      ...windowAttributes(window),
      dilations: [window.dilationH, window.dilationW],
      group: { int: channels / perGroup },
    });
  }

  /** [in, out] as [out, in], with `in` in the order of the peer's flattened image. */
  private denseWeight(name: string, image: readonly number[] | undefined): string {
    const { shape, data } = this.parameter(name);
    const [features, units] = shape as readonly [number, number];
    const channels = image?.length === 3 ? image[2]! : 1;
    const pixels = features / channels;
    const turned = new Float32Array(features * units);
    for (let unit = 0; unit < units; unit++) {
      for (let channel = 0; channel < channels; channel++) {
        for (let pixel = 0; pixel < pixels; pixel++) {
          turned[unit * features + channel * pixels + pixel] = data[(pixel * channels + channel) * units + unit]!;
        }
      }
    }
    this.tensors.push({ name, shape: [units, features], data: turned });
    return name;
  }

  private constant(name: string): string {
    this.tensors.push({ name, ...this.parameter(name) });
    return name;
  }

  private scalar(name: string, value: number): string {
    this.tensors.push({ name, shape: [], data: Float32Array.of(value) });
    return name;
  }

  private parameter(name: string): { readonly shape: readonly number[]; readonly data: Float32Array } {
    const parameter = this.parameters.get(name);
    if (parameter === undefined) throw new RangeError(`onnx: the net has no parameter ${name}`);
    return parameter;
  }
}

function pooling(
  type: "maxPool2d" | "avgPool2d",
  node: LayerNode,
  emit: (op: string, constants: readonly string[], attributes: OnnxNode["attributes"]) => void,
): void {
  const options = node.options as Pool2dOptions & AvgPool2dOptions;
  const window = resolvePoolWindow(type, only(inputShapes(node)), options);
  const { bottom, right } = window.declared;
  if (type === "avgPool2d" && (window.padBottom > bottom || window.padRight > right)) {
    throw new RangeError(`onnx: an average over windows that reach past the padding is not converted (${type})`);
  }
  const count: OnnxNode["attributes"] =
    type === "avgPool2d" ? { count_include_pad: { int: options.countIncludePad === false ? 0 : 1 } } : {};
  emit(type === "maxPool2d" ? "MaxPool" : "AveragePool", [], { ...windowAttributes(window), ...count });
}

function windowAttributes(window: Window): OnnxNode["attributes"] {
  return {
    kernel_shape: [window.kernelH, window.kernelW],
    strides: [window.strideH, window.strideW],
    pads: [window.padTop, window.padLeft, window.padBottom, window.padRight],
  };
}

/** [tap, in, out] as [out, in, tap]. */
function filtersFirst(data: Float32Array, taps: number, channels: number, filters: number): Float32Array {
  const turned = new Float32Array(data.length);
  let from = 0;
  for (let tap = 0; tap < taps; tap++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let filter = 0; filter < filters; filter++) {
        turned[(filter * channels + channel) * taps + tap] = data[from++]!;
      }
    }
  }
  return turned;
}
