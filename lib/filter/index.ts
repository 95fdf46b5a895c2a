/** Images through kernels, in memory and file to file: `import { filter, kernels } from "striate/filter"`. */
export { filter, filterAsync, type FilterAsyncOptions, type FilterCallOptions } from "./filter.js";
export { filterFile, type FilteredFile, type FilterFileOptions } from "./file.js";
export type { RawSize } from "./imageFile.js";
export type { Depth, DepthArray, FilterBoundary, FilterOptions } from "./options.js";
export { kernels, type KernelName } from "./kernels/index.js";
export type { Kernel } from "./kernels/grid.js";
export type { KernelInput } from "./weights.js";
export type { BoundaryMode } from "../shape/boundary.js";
