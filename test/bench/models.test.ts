// The bench's models are the published ones: as many learned numbers, the same multiply-adds, the same sizes on the way.
import { describe, expect, it } from "vitest";
import { models } from "../../bench/models/index.js";
import { countNet } from "../../lib/layers/summary.js";

const summaryOf = (name: string) => countNet(models.get(name)!.net().node);

/** Where the layers of some types end, "56x56x64", without repetitions. */
function sizes(name: string, ...types: readonly string[]): string[] {
  const ends = summaryOf(name).layers.filter(({ type }) => types.includes(type));
  return ends.map(({ outputShape }) => outputShape.join("x")).filter((size, i, all) => size !== all[i - 1]);
}

// torchvision's documentation for the ones of ImageNet ("num_params", "GFLOPS", which are multiply-adds there, in 1e9 and
// with two digits); counted by hand for the others.
describe.each<[string, number, number]>([
  ["lenet5", 61_706, 0.00041652],
  ["lecture_cnn", 51_810, 0.001878],
  ["cifar_small_vgg", 591_274, 0.025003264],
  ["cifar_small_vgg_bn", 591_658, 0.025003264],
  ["squeezenet1_1", 1_235_496, 0.35],
  ["mobilenet_v2", 3_504_872, 0.3],
  ["googlenet", 6_624_904, 1.5],
  ["resnet18", 11_689_512, 1.81],
  ["resnet18_cifar32", 11_173_962, 0.56],
  ["resnet50", 25_557_032, 4.09],
  ["vgg16", 138_357_544, 15.47],
])("%s", (name, parameters, macs) => {
  const digits = macs < 0.1 ? 9 : 2;
  it(`has ${parameters} parameters, as published`, () => {
    expect(summaryOf(name).parameters).toBe(parameters);
    expect(models.get(name)!.parameters).toBe(parameters);
  });
  it("takes as many multiply-adds as published", () => {
    expect((summaryOf(name).macs / 1e9).toFixed(digits)).toBe(macs.toFixed(digits));
  });
});

it("is a list of all of them", () => {
  expect([...models.keys()]).toHaveLength(11);
});

describe("sizes on the way", () => {
  it("LeNet-5: 6 maps of 28x28 to 16 of 5x5", () => {
    expect(sizes("lenet5", "conv2d", "maxPool2d")).toEqual(["28x28x6", "14x14x6", "10x10x16", "5x5x16"]);
  });
  it("the lecture's: 5x5 filters without padding, with 380, 1,008, 2,412 and 48,010 parameters", () => {
    expect(sizes("lecture_cnn", "conv2d")).toEqual(["28x28x5", "24x24x8", "20x20x12"]);
    const counts = summaryOf("lecture_cnn").layers.map(({ parameters }) => parameters);
    expect(counts.filter((count) => count > 0)).toEqual([380, 1008, 2412, 48010]);
  });
  it("VGG-16: halved five times", () => {
    expect(sizes("vgg16", "maxPool2d")).toEqual(["112x112x64", "56x56x128", "28x28x256", "14x14x512", "7x7x512"]);
  });
  it.each([
    ["resnet18", ["56x56x64", "28x28x128", "14x14x256", "7x7x512"]],
    ["resnet50", ["56x56x256", "28x28x512", "14x14x1024", "7x7x2048"]],
    ["resnet18_cifar32", ["32x32x64", "16x16x128", "8x8x256", "4x4x512"]],
  ])("%s: four stages", (name, stages) => {
    expect(sizes(name, "add")).toEqual(stages);
  });
  it("SqueezeNet 1.1: eight fire modules between three pools", () => {
    expect(sizes("squeezenet1_1", "maxPool2d", "concat")).toEqual(
      ["55x55x64", "55x55x128", "27x27x128", "27x27x256", "13x13x256", "13x13x384", "13x13x512"], // prettier-ignore
    );
    expect(summaryOf("squeezenet1_1").layers.filter(({ type }) => type === "concat")).toHaveLength(8);
  });
  it("MobileNetV2: table 2 of the paper, narrow ends only", () => {
    // Layers without an activation behind them: the projections.
    const { layers } = summaryOf("mobilenet_v2");
    const ends = layers.filter(({ type }, i) => type === "batchNorm" && layers[i + 1]!.type !== "relu6");
    expect(ends.map(({ outputShape }) => outputShape.join("x"))).toEqual([
      "112x112x16",
      ...Array.from({ length: 2 }, () => "56x56x24"),
      ...Array.from({ length: 3 }, () => "28x28x32"),
      ...Array.from({ length: 4 }, () => "14x14x64"),
      ...Array.from({ length: 3 }, () => "14x14x96"),
      ...Array.from({ length: 3 }, () => "7x7x160"),
      "7x7x320",
    ]);
  });
  it("GoogLeNet: table 1 of the paper", () => {
    const ends = summaryOf("googlenet").layers.filter(({ type }) => type === "concat");
    expect(ends.map(({ outputShape }) => outputShape.join("x"))).toEqual([
      ...["28x28x256", "28x28x480"],
      ...["14x14x512", "14x14x512", "14x14x512", "14x14x528", "14x14x832"],
      ...["7x7x832", "7x7x1024"],
    ]);
  });
});
