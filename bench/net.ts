/** The net of a work, with weights that every process makes alike. */
import type { LayerNode } from "../lib/layers/definition.js";
import { netParameters } from "../lib/layers/emit.js";
import { countNet } from "../lib/layers/summary.js";
import type { Model } from "../lib/training/model.js";
import type { Tensor } from "../lib/data/tensor.js";
import type { Variant } from "./contenders/contender.js";
import { models } from "./models/index.js";
import { randomArray } from "./random.js";
import { striate } from "./striate.js";
import { flopsOf, product, type CalledWork, type ConvShape, type MemoryWork, type Work } from "./work.js";

/** Whether a work is a net's forward pass or training step, rather than a single op of a Program. */
export function isNet(work: CalledWork): boolean {
  if (work.kind === "conv") return work.direction === "forward";
  return work.kind === "gemm" ? work.packed : work.kind !== "pixelwise";
}

/** @throws RangeError where the model has not as many parameters as was published */
export function buildNet(work: CalledWork, variant: Variant): Model {
  const node = netNode(work, variant);
  return new striate.Model(node, { parameters: weights(node, work.id) });
}

export function netNode(work: CalledWork | MemoryWork, { repeats, algorithm }: Variant): LayerNode {
  switch (work.kind) {
    case "conv":
      return inARow(striate.sequential(work.shape.input).node, [convLayer(work.shape, algorithm)], repeats);
    case "pair": {
      const one = (filters: number) => striate.conv2d({ filters, kernel: 1, algorithm });
      return inARow(striate.sequential(work.input).node, [one(work.middle), one(work.input[2])], repeats);
    }
    case "gemm":
      return striate.sequential([work.k]).dense({ units: work.n, useBias: false }).node;
    case "infer":
    case "train":
    case "memory":
      return modelNode(work.model.name);
    case "call":
      return striate.sequential([1]).relu().node;
    case "pixelwise":
      throw new RangeError(`bench: ${work.id} is not a net`);
  }
}

function convLayer(shape: ConvShape, algorithm: Variant["algorithm"]) {
  const { filters, kernel, stride, padding, groups } = shape;
  return striate.conv2d({ filters, kernel, stride, padding, groups, algorithm, rounding: "floor" });
}

function inARow(
  node: LayerNode,
  layers: readonly { applyTo(node: LayerNode): LayerNode }[],
  repeats: number,
): LayerNode {
  for (let i = 0; i < repeats; i++) for (const layer of layers) node = layer.applyTo(node);
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

/** As flopsOf; a training step counts three forward passes. */
export function flopsOfNet(work: Work, node: LayerNode): number {
  const known = flopsOf(work);
  if (known !== undefined) return known;
  return (work.kind === "train" ? 6 : 2) * countNet(node).macs * work.batch;
}

/** The most terms that are added up on the way to one element of the result, layer after layer. */
export function termsOfNet(node: LayerNode): number {
  return countNet(node).layers.reduce((sum, { weights, outputShape }) => sum + weights / outputShape.at(-1)!, 0);
}

/** Scaled so that the size of values stays the same from layer to layer, however many there are. */
export function weights(node: LayerNode, purpose: string): Map<string, Tensor> {
  const drawn = new Map<string, Tensor>();
  for (const { tensor: name, shape } of netParameters(node)) {
    const size = product(shape);
    const fanIn = size / shape.at(-1)!;
    const part = name.slice(name.lastIndexOf(".") + 1);
    const data = randomArray(size, `${purpose}/${name}`, part === "weight" ? Math.sqrt(3 / fanIn) : 0.5);
    // Gamma and the running variance around 1: neither negative nor near 0.
    if (part === "gamma" || part === "runningVariance") data.forEach((value, i) => (data[i] = 1 + value));
    drawn.set(name, { shape, data });
  }
  return drawn;
}
