/**
 * VGG-16 (Simonyan and Zisserman 2015, configuration D) for 224x224 images and 1,000 classes. Training it adds a dropout
 * of one half behind each of the two hidden dense layers, which does nothing to predictions.
 */
import { striate } from "../striate.js";

const { conv2d, maxPool2d, relu, sequential, stack } = striate;

const conv = <const F extends number>(filters: F) => stack(conv2d({ filters, kernel: 3, padding: 1 }), relu());
const pool = () => maxPool2d({ size: 2 });

export const vgg16 = {
  parameters: 138_357_544,
  net: () =>
    sequential([224, 224, 3])
      .apply(stack(conv(64), conv(64), pool()))
      .apply(stack(conv(128), conv(128), pool()))
      .apply(stack(conv(256), conv(256), conv(256), pool()))
      .apply(stack(conv(512), conv(512), conv(512), pool()))
      .apply(stack(conv(512), conv(512), conv(512), pool()))
      .flatten()
      .dense({ units: 4096 })
      .relu()
      .dense({ units: 4096 })
      .relu()
      .dense({ units: 1000 }),
};
