/**
 * ResNet-18 and ResNet-50 (He et al. 2016) for 224x224 images and 1,000 classes, and ResNet-18 for 32x32 images and 10
 * classes, whose stem keeps the size. The stride of a bottleneck is in its 3x3 convolution, as in torchvision.
 */
import { striate } from "../striate.js";

const { batchNorm, conv2d, relu, residual, sequential, stack } = striate;

/** Batch norm makes a bias useless. Half the kernel is padded on both sides; a stride of 2 leaves the last row unread. */
const conv = (filters: number, kernel: number, stride = 1) =>
  stack(conv2d({ filters, kernel, stride, padding: (kernel - 1) / 2, rounding: "floor", useBias: false }), batchNorm());

/** Two 3x3 convolutions, and their input added; it takes a convolution of its own along where the shape changes. */
function basic(filters: number, stride = 1) {
  const body = stack(conv(filters, 3, stride), relu(), conv(filters, 3));
  return stack(residual(body, stride === 1 ? undefined : conv(filters, 1, stride)), relu());
}

/** 1x1 to a quarter of the filters, 3x3, 1x1 back, and the input added. */
function bottleneck(filters: number, stride = 1, shapeChanges = false) {
  const body = stack(conv(filters / 4, 1), relu(), conv(filters / 4, 3, stride), relu(), conv(filters, 1));
  return stack(residual(body, shapeChanges ? conv(filters, 1, stride) : undefined), relu());
}

/** So many bottlenecks, the first of which changes the shape. */
const stage = (filters: number, blocks: number, stride: number) =>
  stack(bottleneck(filters, stride, true), ...Array.from({ length: blocks - 1 }, () => bottleneck(filters)));

/** 224x224x3 to 56x56x64. */
const stem = () =>
  sequential([224, 224, 3])
    .apply(conv(64, 7, 2))
    .relu()
    .maxPool2d({ size: 3, stride: 2, padding: 1, rounding: "floor" });

export const resnet18 = {
  parameters: 11_689_512,
  net: () =>
    stem()
      .apply(stack(basic(64), basic(64)))
      .apply(stack(basic(128, 2), basic(128)))
      .apply(stack(basic(256, 2), basic(256)))
      .apply(stack(basic(512, 2), basic(512)))
      .globalAvgPool2d()
      .dense({ units: 1000 }),
};

export const resnet18Small = {
  parameters: 11_173_962,
  net: () =>
    sequential([32, 32, 3])
      .apply(conv(64, 3))
      .relu()
      .apply(stack(basic(64), basic(64)))
      .apply(stack(basic(128, 2), basic(128)))
      .apply(stack(basic(256, 2), basic(256)))
      .apply(stack(basic(512, 2), basic(512)))
      .globalAvgPool2d()
      .dense({ units: 10 }),
};

export const resnet50 = {
  parameters: 25_557_032,
  net: () =>
    stem()
      .apply(stage(256, 3, 1))
      .apply(stage(512, 4, 2))
      .apply(stage(1024, 6, 2))
      .apply(stage(2048, 3, 2))
      .globalAvgPool2d()
      .dense({ units: 1000 }),
};
