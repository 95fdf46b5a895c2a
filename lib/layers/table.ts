// Every layer of the package by its type: what a saved graph may name.
import {
  leakyReluDefinition,
  relu6Definition,
  reluDefinition,
  rescaleDefinition,
  sigmoidDefinition,
  softmaxDefinition,
  tanhDefinition,
} from "./activation.js";
import { batchNormDefinition } from "./batchNorm.js";
import { conv2dDefinition, depthwiseConv2dDefinition } from "./conv2d.js";
import type { LayerDefinition } from "./definition.js";
import { denseDefinition } from "./dense.js";
import { addDefinition, concatDefinition } from "./merge.js";
import {
  avgPool2dDefinition,
  globalAvgPool2dDefinition,
  globalMaxPool2dDefinition,
  maxPool2dDefinition,
} from "./pool2d.js";
import { flattenDefinition, reshapeDefinition } from "./reshape.js";

/** The definitions, without the leaves'. */
export const layerDefinitions: readonly LayerDefinition[] = [
  conv2dDefinition,
  depthwiseConv2dDefinition,
  denseDefinition,
  maxPool2dDefinition,
  avgPool2dDefinition,
  globalAvgPool2dDefinition,
  globalMaxPool2dDefinition,
  batchNormDefinition,
  reluDefinition,
  relu6Definition,
  leakyReluDefinition,
  sigmoidDefinition,
  tanhDefinition,
  softmaxDefinition,
  rescaleDefinition,
  flattenDefinition,
  reshapeDefinition,
  addDefinition,
  concatDefinition,
];
