/** The built-in kernels: functions of options that return the weights, row by row. */
import { box } from "./box.js";
import { scharr, prewitt, sobel } from "./derivative.js";
import { edge } from "./edge.js";
import { emboss } from "./emboss.js";
import { gabor } from "./gabor.js";
import { differenceOfGaussians, gaussian, unsharpMask } from "./gaussian.js";
import { motion } from "./motion.js";
import { sharpen } from "./sharpen.js";

/**
 * Every built-in kernel by name; each may be called without options.
 * @example
 * ```ts
 * filter(photo, kernels.gaussian({ sigma: 2 }));
 * ```
 */
export const kernels = {
  edge,
  sharpen,
  box,
  gaussian,
  sobel,
  prewitt,
  scharr,
  emboss,
  motion,
  gabor,
  differenceOfGaussians,
  unsharpMask,
} as const;

export type KernelName = keyof typeof kernels;
