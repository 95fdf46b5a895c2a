/**
 * GoogLeNet (Szegedy et al. 2015) as torchvision has it: with batch norm, 3x3 in place of 5x5 filters, without the
 * classifiers that help training from the side; for 224x224 images and 1,000 classes. Training it adds a dropout of one
 * fifth before the dense layer.
 */
import { striate } from "../striate.js";

const { batchNorm, concatBranches, conv2d, maxPool2d, relu, sequential, stack } = striate;

/** Half the kernel is padded on both sides; a stride of 2 leaves the last row unread. */
const conv = (filters: number, kernel: number, stride = 1) =>
  stack(
    conv2d({ filters, kernel, stride, padding: (kernel - 1) / 2, rounding: "floor", useBias: false }),
    batchNorm({ epsilon: 1e-3 }),
    relu(),
  );

/**
 * Half the height and width. PyTorch rounds up here (ceil_mode): a last window hangs over the edge by a row. That row is
 * written as padding, which never wins in max pooling, and the size is exact.
 */
const halve = () => maxPool2d({ size: 3, stride: 2, padding: [[0, 1], [0, 1]] }); // prettier-ignore

/** Four views of one input, side by side: 1x1; 1x1 then 3x3; the same again; the largest of 3x3, then 1x1. */
const inception = (
  one: number,
  [threeReduced, three]: readonly [number, number],
  [fiveReduced, five]: readonly [number, number],
  pooled: number,
) =>
  concatBranches(
    conv(one, 1),
    stack(conv(threeReduced, 1), conv(three, 3)),
    stack(conv(fiveReduced, 1), conv(five, 3)),
    stack(maxPool2d({ size: 3, stride: 1, padding: 1 }), conv(pooled, 1)),
  );

export const googlenet = {
  parameters: 6_624_904,
  net: () =>
    sequential([224, 224, 3])
      .apply(stack(conv(64, 7, 2), halve()))
      .apply(stack(conv(64, 1), conv(192, 3), halve()))
      .apply(inception(64, [96, 128], [16, 32], 32))
      .apply(inception(128, [128, 192], [32, 96], 64))
      .apply(halve())
      .apply(inception(192, [96, 208], [16, 48], 64))
      .apply(inception(160, [112, 224], [24, 64], 64))
      .apply(inception(128, [128, 256], [24, 64], 64))
      .apply(inception(112, [144, 288], [32, 64], 64))
      .apply(inception(256, [160, 320], [32, 128], 128))
      .maxPool2d({ size: 2 })
      .apply(inception(256, [160, 320], [32, 128], 128))
      .apply(inception(384, [192, 384], [48, 128], 128))
      .globalAvgPool2d()
      .dense({ units: 1000 }),
};
