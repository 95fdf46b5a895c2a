/** The models that shapes/models.json names, written with the public API. */
import type { Branch } from "../../lib/layers/net.js";
import { googlenet } from "./googlenet.js";
import { lectureCnn } from "./lectureCnn.js";
import { lenet5 } from "./lenet5.js";
import { mobilenetV2 } from "./mobilenetV2.js";
import { resnet18, resnet18Small, resnet50 } from "./resnet.js";
import { smallVgg, smallVggNorm } from "./smallVgg.js";
import { squeezenet } from "./squeezenet.js";
import { vgg16 } from "./vgg16.js";

export interface BenchModel {
  /** Learned numbers, as published: a model that lacks a layer must not win. */
  readonly parameters: number;
  net(): Branch;
}

export const models: ReadonlyMap<string, BenchModel> = new Map<string, BenchModel>([
  ["lenet5", lenet5],
  ["lecture_cnn", lectureCnn],
  ["cifar_small_vgg", smallVgg],
  ["cifar_small_vgg_bn", smallVggNorm],
  ["squeezenet1_1", squeezenet],
  ["mobilenet_v2", mobilenetV2],
  ["googlenet", googlenet],
  ["resnet18", resnet18],
  ["resnet18_cifar32", resnet18Small],
  ["resnet50", resnet50],
  ["vgg16", vgg16],
]);
