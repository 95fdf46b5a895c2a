/** A small VGG for 32x32 images as in CIFAR-10: twice two 3x3 convolutions and a pool; with and without batch norm. */
import { striate } from "../striate.js";

const { batchNorm, conv2d, maxPool2d, relu, sequential, stack } = striate;

const conv = <const F extends number>(filters: F) => stack(conv2d({ filters, kernel: 3, padding: 1 }), relu());

const convNorm = <const F extends number>(filters: F) =>
  stack(conv2d({ filters, kernel: 3, padding: 1 }), batchNorm(), relu());

export const smallVgg = {
  parameters: 591_274,
  net: () =>
    sequential([32, 32, 3])
      .apply(stack(conv(32), conv(32), maxPool2d({ size: 2 })))
      .apply(stack(conv(64), conv(64), maxPool2d({ size: 2 })))
      .flatten()
      .dense({ units: 128 })
      .relu()
      .dense({ units: 10 }),
};

export const smallVggNorm = {
  parameters: 591_658,
  net: () =>
    sequential([32, 32, 3])
      .apply(stack(convNorm(32), convNorm(32), maxPool2d({ size: 2 })))
      .apply(stack(convNorm(64), convNorm(64), maxPool2d({ size: 2 })))
      .flatten()
      .dense({ units: 128 })
      .relu()
      .dense({ units: 10 }),
};
