/** The net of a work, with weights that every process makes alike. */
import type { LayerNode } from "../lib/layers/definition.js";
import type { Model } from "../lib/training/model.js";
import type { Tensor } from "../lib/data/tensor.js";
import { models } from "./models/index.js";
import { randomArray } from "./random.js";
import { countNet, striate } from "./striate.js";
import type { ConvShape, Work } from "./works.js";

export interface BenchNet {
  readonly model: Model;
  /** Floating-point operations of one call, nominal: 2 for each multiply-add of convolutions and dense layers. */
  readonly flops: number;
}

/** @param repeats so many times the same layer, one after the other; models ignore it */
export function buildNet(work: Work, repeats = 1): BenchNet {
  const model = new striate.Model(work.kind === "conv" ? convNode(work.shape, repeats) : modelNode(work.shape.name));
  model.setParameters(weights(model, work.id));
  return { model, flops: 2 * countNet(model.node).macs * work.shape.batch };
}

function convNode(shape: ConvShape, repeats: number): LayerNode {
  const { filters, kernel, stride, padding, groups = 1 } = shape;
  const layer = striate.conv2d({ filters, kernel, stride, padding, groups, rounding: "floor" });
  let { node } = striate.sequential(shape.input);
  for (let i = 0; i < repeats; i++) node = layer.applyTo(node);
  return node;
}

function modelNode(name: string): LayerNode {
  const model = models.get(name);
  if (model === undefined) throw new RangeError(`bench/models: no ${name}; there is ${[...models.keys()].join(", ")}`);
  const { node } = model.net();
  const { parameters } = countNet(node);
  if (parameters !== model.parameters) {
    throw new RangeError(`bench/models/${name}: has ${parameters} parameters, published are ${model.parameters}`);
  }
  return node;
}

/** Scaled so that the size of values stays the same from layer to layer, however many there are. */
function weights(model: Model, purpose: string): Map<string, Tensor> {
  const drawn = new Map<string, Tensor>();
  for (const [name, { shape }] of model.parameters()) {
    const size = shape.reduce((product, each) => product * each, 1);
    const fanIn = size / shape.at(-1)!;
    const part = name.slice(name.lastIndexOf(".") + 1);
    const data = randomArray(size, `${purpose}/${name}`, part === "weight" ? Math.sqrt(3 / fanIn) : 0.5);
    // Gamma and the running variance around 1: neither negative nor near 0.
    if (part === "gamma" || part === "runningVariance") data.forEach((value, i) => (data[i] = 1 + value));
    drawn.set(name, { shape, data });
  }
  return drawn;
}
