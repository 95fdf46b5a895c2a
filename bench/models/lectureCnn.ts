/**
 * The lecture's example: 5, 8 and 12 filters of 5x5 without padding, 32x32x3 to 28x28x5, 24x24x8 and 20x20x12, then one
 * dense layer.
 */
import { striate } from "../striate.js";

const { sequential } = striate;

export const lectureCnn = {
  parameters: 51_810,
  net: () =>
    sequential([32, 32, 3])
      .conv2d({ filters: 5, kernel: 5 })
      .relu()
      .conv2d({ filters: 8, kernel: 5 })
      .relu()
      .conv2d({ filters: 12, kernel: 5 })
      .relu()
      .flatten()
      .dense({ units: 10 }),
};
