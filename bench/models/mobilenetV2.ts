/** MobileNetV2 (Sandler et al. 2018), width 1, for 224x224 images and 1,000 classes. */
import { striate } from "../striate.js";

const { batchNorm, conv2d, depthwiseConv2d, relu6, residual, sequential, stack } = striate;

/** A convolution of all channels: 1x1, or 3x3 in the stem. */
const conv = (filters: number, kernel = 1, stride = 1) =>
  stack(conv2d({ filters, kernel, stride, padding: (kernel - 1) / 2, rounding: "floor", useBias: false }), batchNorm());

/** 3x3 in each channel by itself. */
const depthwise = (stride: number) =>
  stack(depthwiseConv2d({ kernel: 3, stride, padding: 1, rounding: "floor", useBias: false }), batchNorm(), relu6());

/** Wide inside, narrow outside: expand, 3x3 in each channel, project; the input is added where the shape stays. */
function inverted(channels: number, filters: number, stride: number) {
  const body = stack(conv(6 * channels), relu6(), depthwise(stride), conv(filters));
  return stride === 1 && channels === filters ? residual(body) : body;
}

/** So many blocks, the first of which changes the shape. */
const stage = (channels: number, filters: number, blocks: number, stride: number) =>
  stack(
    inverted(channels, filters, stride),
    ...Array.from({ length: blocks - 1 }, () => inverted(filters, filters, 1)),
  );

export const mobilenetV2 = {
  parameters: 3_504_872,
  net: () =>
    sequential([224, 224, 3])
      .apply(stack(conv(32, 3, 2), relu6()))
      .apply(stack(depthwise(1), conv(16)))
      .apply(stage(16, 24, 2, 2))
      .apply(stage(24, 32, 3, 2))
      .apply(stage(32, 64, 4, 2))
      .apply(stage(64, 96, 3, 1))
      .apply(stage(96, 160, 3, 2))
      .apply(stage(160, 320, 1, 1))
      .apply(stack(conv(1280), relu6()))
      .globalAvgPool2d()
      .dense({ units: 1000 }),
};
