/** TensorFlow.js in plain JavaScript ("cpu") and in WebAssembly: the same net in Keras's layers, channels last as ours. */
import { createRequire } from "node:module";
import type { Conv2dOptions } from "../../lib/shape/conv2d.js";
import { inputShapes, only } from "../../lib/layers/definition.js";
import { listNodes, type NamedNode } from "../../lib/layers/node.js";
import { resolvePoolWindow, type Pool2dOptions } from "../../lib/shape/pool2d.js";
import { resolveWindow, type Window } from "../../lib/shape/window.js";
import type { Model } from "../../lib/training/model.js";
import { buildNet } from "../net.js";
import { inputsOf } from "../work.js";
import { training, type Contender, type ContenderRequest, type InputArray } from "./contender.js";

/** What is used of the package, which is not there when the repository is type-checked. */
interface TfTensor {
  data(): Promise<Float32Array>;
  dispose(): void;
}
/** A tensor that stands for those to come. */
interface TfSymbol {
  readonly shape: readonly unknown[];
}
interface TfLayer {
  apply(inputs: TfSymbol | readonly TfSymbol[]): TfSymbol;
  setWeights(weights: readonly TfTensor[]): void;
}
interface TfModel {
  predictOnBatch(x: TfTensor): TfTensor;
  apply(x: TfTensor, options: { readonly training: boolean }): TfTensor;
  dispose(): void;
}
type Make = (options: object) => TfLayer;
interface Tf {
  readonly version: { readonly tfjs: string };
  readonly layers: Readonly<Record<string, Make>>;
  readonly losses: { softmaxCrossEntropy(labels: TfTensor, logits: TfTensor): TfTensor };
  readonly train: {
    momentum(rate: number, momentum: number): { minimize(f: () => TfTensor, returnCost: true): TfTensor };
  };
  enableProdMode(): void;
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  tensor(data: InputArray, shape: readonly number[], dtype?: "int32"): TfTensor;
  oneHot(labels: TfTensor, classes: number): TfTensor;
  cast(x: TfTensor, dtype: "float32"): TfTensor;
  tidy<T>(run: () => T): T;
  input(options: { readonly shape: readonly number[] }): TfSymbol;
  model(options: { readonly inputs: TfSymbol; readonly outputs: TfSymbol }): TfModel;
}

interface Wrapped {
  readonly x: TfTensor;
  readonly labels: TfTensor | undefined;
}

const require = createRequire(import.meta.url);

/** @throws Error where the backend has no kernel for the work, or RangeError where the net has no counterpart */
export async function tfjsContender(backend: "cpu" | "wasm", request: ContenderRequest): Promise<Contender> {
  const { work, variant } = request;
  const tf = require("@tensorflow/tfjs") as Tf;
  if (backend === "wasm") require("@tensorflow/tfjs-backend-wasm");
  tf.enableProdMode();
  await tf.setBackend(backend);
  await tf.ready();
  const net = buildNet(work, variant);
  const model = tfModel(tf, net);
  net.dispose();
  const [images, labels] = inputsOf(work);
  const optimizer = tf.train.momentum(training.learningRate, training.momentum);

  const wrap = (inputs: readonly InputArray[]): Wrapped => ({
    x: tf.tensor(inputs[0]!, images!.shape),
    labels:
      labels &&
      tf.tidy(() => tf.cast(tf.oneHot(tf.tensor(inputs[1]!, labels.shape, "int32"), labels.classes!), "float32")),
  });
  const predict = ({ x }: Wrapped): TfTensor => tf.tidy(() => model.predictOnBatch(x));
  const train = ({ x, labels: hot }: Wrapped): TfTensor =>
    optimizer.minimize(() => tf.losses.softmaxCrossEntropy(hot!, model.apply(x, { training: true })), true);
  const call = async (wrapped: unknown): Promise<Float32Array> => {
    const result = (work.kind === "train" ? train : predict)(wrapped as Wrapped);
    const data = await result.data();
    result.dispose();
    return data;
  };
  return {
    description: `TensorFlow.js ${tf.version.tfjs} (${backend})`,
    verify: async (inputs) => {
      const wrapped = wrap(inputs);
      if (work.kind !== "train") return call(wrapped);
      const losses: number[] = [];
      for (let step = 0; step < training.verifiedSteps; step++) losses.push((await call(wrapped))[0]!);
      return Float32Array.from(losses);
    },
    wrap,
    call: async (wrapped) => {
      await call(wrapped);
      const { x, labels: hot } = wrapped as Wrapped;
      x.dispose();
      hot?.dispose();
    },
    isAwaited: true,
    close: () => model.dispose(),
  };
}

/** A net of ours in Keras's layers, with our weights: their layouts are the same. */
function tfModel(tf: Tf, net: Model): TfModel {
  const parameters = net.parameters();
  const symbols = new Map<string, TfSymbol>();
  const named = listNodes(net.node);
  for (const { name, node, inputs } of named) {
    if (inputs.length === 0) {
      symbols.set(name, tf.input({ shape: node.outputShape }));
      continue;
    }
    const from = inputs.map((each) => symbols.get(each)!);
    let source: TfSymbol | readonly TfSymbol[] = from.length === 1 ? from[0]! : from;
    const { border, make, options, weights } = counterpart({ name, node, inputs });
    if (border !== undefined) source = tf.layers["zeroPadding2d"]!({ padding: border }).apply(source);
    const layer = tf.layers[make]!(options);
    symbols.set(name, layer.apply(source));
    const tensors = weights
      .map((part) => parameters.get(`${name}.${part}`))
      .filter((parameter) => parameter !== undefined)
      .map(({ shape, data }) => {
        const [kernelH, kernelW, , filters] = shape;
        return tf.tensor(data, make === "depthwiseConv2d" ? [kernelH!, kernelW!, filters!, 1] : shape);
      });
    if (tensors.length > 0) layer.setWeights(tensors);
    for (const tensor of tensors) tensor.dispose();
  }
  return tf.model({ inputs: symbols.get(named[0]!.name)!, outputs: symbols.get(named.at(-1)!.name)! });
}

interface Counterpart {
  /** Zeros to put around the image first: [[top, bottom], [left, right]]. */
  readonly border?: readonly (readonly [number, number])[] | undefined;
  /** A function of tf.layers. */
  readonly make: string;
  readonly options: object;
  /** Our parameters in the layer's order; those that the net does not have are left out. */
  readonly weights: readonly string[];
}

function counterpart({ name, node }: NamedNode): Counterpart {
  const { type } = node.definition;
  const bare = (make: string, options: object = {}): Counterpart => ({ make, options, weights: [] });
  switch (type) {
    case "conv2d":
    case "depthwiseConv2d": {
      const options = node.options as Conv2dOptions & { readonly depthMultiplier?: number };
      const { groups = 1, useBias, depthMultiplier = 1 } = options;
      if (groups !== 1 || depthMultiplier !== 1) throw new RangeError(`tfjs: groups are not converted (${name})`);
      const window = resolveWindow(type, only(inputShapes(node)), options);
      const own = type === "conv2d" ? { filters: options.filters } : {};
      return {
        ...sameOrBorder(window, { ...own, ...windowOptions(window, "kernelSize"), useBias }),
        make: type,
        weights: ["weight", "bias"],
      };
    }
    case "maxPool2d": {
      const window = resolvePoolWindow(type, only(inputShapes(node)), node.options as Pool2dOptions);
      // Zeros may win against negative numbers.
      if (isPadded(window)) throw new RangeError(`tfjs: padded max pooling is not converted (${name})`);
      return bare("maxPooling2d", { ...windowOptions(window, "poolSize"), padding: "valid" });
    }
    case "batchNorm": {
      const { momentum, epsilon } = node.options as { readonly momentum: number; readonly epsilon: number };
      // Keras weighs the old statistics.
      const weights = ["gamma", "beta", "runningMean", "runningVariance"];
      return { make: "batchNormalization", options: { momentum: 1 - momentum, epsilon }, weights };
    }
    case "dense": {
      const { units, useBias } = node.options as { readonly units: number; readonly useBias: boolean };
      return { make: "dense", options: { units, useBias }, weights: ["weight", "bias"] };
    }
    case "relu":
      return bare("reLU");
    case "relu6":
      return bare("reLU", { maxValue: 6 });
    case "dropout":
      return bare("dropout", node.options);
    case "flatten":
      return bare("flatten");
    case "globalAvgPool2d":
      return bare("globalAveragePooling2d");
    case "add":
      return bare("add");
    case "concat":
      return bare("concatenate");
    default:
      throw new RangeError(`tfjs: no counterpart for the layer type ${type} (${name})`);
  }
}

function windowOptions({ kernelH, kernelW, strideH, strideW }: Window, size: "kernelSize" | "poolSize"): object {
  return { [size]: [kernelH, kernelW], strides: [strideH, strideW] };
}

function isPadded({ padTop, padBottom, padLeft, padRight }: Window): boolean {
  return padTop + padBottom + padLeft + padRight > 0;
}

/** Keras pads "same" by itself, which is faster than a layer of zeros; with other strides it pads other sides than we. */
function sameOrBorder(window: Window, options: object): Pick<Counterpart, "border" | "options"> {
  const { kernelH, kernelW, strideH, strideW, padTop, padBottom, padLeft, padRight, dilationH, dilationW } = window;
  const keepsSize =
    strideH * strideW === 1 &&
    [padTop, padBottom].every((pad) => pad === (dilationH * (kernelH - 1)) / 2) &&
    [padLeft, padRight].every((pad) => pad === (dilationW * (kernelW - 1)) / 2);
  const dilationRate = [dilationH, dilationW];
  if (keepsSize) return { options: { ...options, dilationRate, padding: "same" } };
  const border = isPadded(window) ? ([[padTop, padBottom], [padLeft, padRight]] as const) : undefined; // prettier-ignore
  return { border, options: { ...options, dilationRate, padding: "valid" } };
}
