/** LeNet-5 with ReLU and max pooling, as most people write it today, on 28x28 images. */
import { striate } from "../striate.js";

export const lenet5 = {
  parameters: 61_706,
  net: () =>
    striate
      .sequential([28, 28, 1])
      .conv2d({ filters: 6, kernel: 5, padding: 2 })
      .relu()
      .maxPool2d({ size: 2 })
      .conv2d({ filters: 16, kernel: 5 })
      .relu()
      .maxPool2d({ size: 2 })
      .flatten()
      .dense({ units: 120 })
      .relu()
      .dense({ units: 84 })
      .relu()
      .dense({ units: 10 }),
};
