/**
 * SqueezeNet 1.1 (Iandola et al. 2016, and their repository) for 224x224 images and 1,000 classes. Training it adds a
 * dropout of one half before the last convolution. PyTorch rounds the pools up; at this size nothing is left to round.
 */
import { striate } from "../striate.js";

const { concatBranches, conv2d, maxPool2d, relu, sequential, stack } = striate;

/** A squeeze to few channels, then 1x1 and 3x3 filters side by side. */
const fire = <const S extends number, const E extends number>(squeeze: S, expand: E) =>
  stack(
    conv2d({ filters: squeeze, kernel: 1 }),
    relu(),
    concatBranches(
      stack(conv2d({ filters: expand, kernel: 1 }), relu()),
      stack(conv2d({ filters: expand, kernel: 3, padding: 1 }), relu()),
    ),
  );

const pool = () => maxPool2d({ size: 3, stride: 2 });

export const squeezenet = {
  parameters: 1_235_496,
  net: () =>
    sequential([224, 224, 3])
      .conv2d({ filters: 64, kernel: 3, stride: 2, rounding: "floor" })
      .relu()
      .apply(stack(pool(), fire(16, 64), fire(16, 64)))
      .apply(stack(pool(), fire(32, 128), fire(32, 128)))
      .apply(stack(pool(), fire(48, 192), fire(48, 192), fire(64, 256), fire(64, 256)))
      .conv2d({ filters: 1000, kernel: 1 })
      .relu()
      .globalAvgPool2d(),
};
