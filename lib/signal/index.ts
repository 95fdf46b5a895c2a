/** The convolution of 1-D signals: `import { convolve } from "striate"`. */
export {
  convolve,
  convolveAsync,
  correlate,
  correlateAsync,
  type ConvolveOptions,
  type SignalBoundary,
} from "./convolve.js";
export { extendSignal, type ExtendOptions, type Signal } from "./extend.js";
export type { BoundaryMode } from "../shape/boundary.js";
