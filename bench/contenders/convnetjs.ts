/** convnetjs: plain JavaScript, one image after the other, float64. It knows chains of convolutions, pools and dense layers. */
import { createRequire } from "node:module";
import { inputShapes, only } from "../../lib/layers/definition.js";
import { listNodes, type NamedNode } from "../../lib/layers/node.js";
import type { Conv2dOptions } from "../../lib/shape/conv2d.js";
import { resolvePoolWindow, type Pool2dOptions } from "../../lib/shape/pool2d.js";
import { resolveWindow, type Window } from "../../lib/shape/window.js";
import type { Model } from "../../lib/training/model.js";
import { buildNet } from "../net.js";
import { inputsOf, product, type CalledWork } from "../work.js";
import { training, type Contender, type ContenderRequest, type InputArray } from "./contender.js";

/** What is used of the package, which has no types. Volumes are [height, width, channels], as ours. */
interface Vol {
  w: Float64Array;
}
interface CnLayer {
  readonly layer_type: string;
  /** One for each unit. */
  readonly filters?: readonly Vol[];
  readonly biases?: Vol;
}
interface CnNet {
  readonly layers: readonly CnLayer[];
  makeLayers(definitions: readonly object[]): void;
  forward(x: Vol, isTraining: boolean): Vol;
}
interface Convnetjs {
  readonly Net: new () => CnNet;
  readonly Vol: new (width: number, height: number, depth: number, value: number) => Vol;
  readonly SGDTrainer: new (
    net: CnNet,
    options: object,
  ) => { train(x: Vol, label: number): { readonly cost_loss: number } };
}

interface Wrapped {
  readonly images: readonly Vol[];
  readonly labels: InputArray | undefined;
}

const require = createRequire(import.meta.url);

/** @throws RangeError where the net has no counterpart */
export function convnetjsContender({ work, variant }: ContenderRequest): Contender {
  const cn = require("convnetjs") as Convnetjs;
  const { version } = require("convnetjs/package.json") as { readonly version: string };
  const own = buildNet(work, variant);
  const net = cnNet(cn, own, work);
  own.dispose();
  const { batch } = work;
  const { learningRate, momentum } = training;
  const trainer = new cn.SGDTrainer(net, {
    ...{ method: "sgd", learning_rate: learningRate, momentum, batch_size: batch, l2_decay: 0, l1_decay: 0 },
  });
  const [, height, width, channels] = inputsOf(work)[0]!.shape as readonly [number, number, number, number];
  const size = product([height, width, channels]);

  const wrap = ([data, labels]: readonly InputArray[]): Wrapped => {
    const images = Array.from({ length: batch }, (_, row) => {
      const image = new cn.Vol(width, height, channels, 0);
      image.w = Float64Array.from(data!.subarray(row * size, (row + 1) * size));
      return image;
    });
    return { images, labels };
  };
  const predict = ({ images }: Wrapped): Float32Array =>
    Float32Array.from(images.flatMap((image) => [...net.forward(image, false).w]));
  /** One step: the trainer updates behind every batch. */
  const step = ({ images, labels }: Wrapped): number =>
    images.reduce((sum, image, i) => sum + trainer.train(image, labels![i]!).cost_loss, 0) / batch;
  return {
    description: `convnetjs ${version}`,
    verify: (inputs) => {
      const wrapped = wrap(inputs);
      if (work.kind !== "train") return Promise.resolve(predict(wrapped));
      return Promise.resolve(Float32Array.from({ length: training.verifiedSteps }, () => step(wrapped)));
    },
    wrap,
    call: (wrapped) => (work.kind === "train" ? step(wrapped as Wrapped) : predict(wrapped as Wrapped)),
    isAwaited: false,
    close: () => {},
  };
}

function cnNet(cn: Convnetjs, model: Model, work: CalledWork): CnNet {
  const net = new cn.Net();
  const named = listNodes(model.node);
  const last = named.at(-1)!;
  net.makeLayers(named.flatMap((each) => counterpart(each, work.kind === "train" && each === last)));
  const parameters = model.parameters();
  const withWeights = named.filter(({ name }) => parameters.has(`${name}.weight`));
  net.layers
    .filter(({ filters }) => filters !== undefined)
    .forEach(({ filters, biases }, i) => {
      const { name } = withWeights[i]!;
      const { data } = parameters.get(`${name}.weight`)!;
      const units = filters!.length;
      // Ours have the units fastest: [kh, kw, in, out] and [in, out].
      filters!.forEach((filter, unit) => {
        for (let k = 0; k < filter.w.length; k++) filter.w[k] = data[k * units + unit]!;
      });
      biases!.w.set(parameters.get(`${name}.bias`)!.data);
    });
  return net;
}

/** @param withSoftmax whether the layer is the last one of a classifier that is trained */
function counterpart({ name, node }: NamedNode, withSoftmax: boolean): object[] {
  const { type } = node.definition;
  switch (type) {
    case "input": {
      const [height, width, channels] = node.outputShape;
      return [{ type: "input", out_sx: width, out_sy: height, out_depth: channels }];
    }
    case "conv2d": {
      const options = node.options as Conv2dOptions;
      const { kernel, ...window } = squareWindow(name, resolveWindow(type, only(inputShapes(node)), options));
      if ((options.groups ?? 1) !== 1 || options.useBias === false) {
        throw new RangeError(`convnetjs: groups and missing biases are not converted (${name})`);
      }
      return [{ type: "conv", sx: kernel, filters: options.filters, ...window }];
    }
    case "maxPool2d": {
      const resolved = resolvePoolWindow(type, only(inputShapes(node)), node.options as Pool2dOptions);
      const { kernel, ...window } = squareWindow(name, resolved);
      return [{ type: "pool", sx: kernel, ...window }];
    }
    case "dense": {
      const { units } = node.options as { readonly units: number };
      return [withSoftmax ? { type: "softmax", num_classes: units } : { type: "fc", num_neurons: units }];
    }
    case "relu":
      return [{ type: "relu" }];
    case "flatten":
      return [];
    default:
      throw new RangeError(`convnetjs: no counterpart for the layer type ${type} (${name})`);
  }
}

function squareWindow(name: string, window: Window): { kernel: number; stride: number; pad: number } {
  const { kernelH, kernelW, strideH, strideW, padTop, padBottom, padLeft, padRight } = window;
  const even = [padBottom, padLeft, padRight].every((pad) => pad === padTop);
  if (kernelH !== kernelW || strideH !== strideW || !even || window.dilationH * window.dilationW !== 1) {
    throw new RangeError(`convnetjs: windows must be square and evenly padded (${name})`);
  }
  return { kernel: kernelH, stride: strideH, pad: padTop };
}
