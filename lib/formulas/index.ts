/** The lecture's formulas as typed functions: sizes, receptive fields, coverage, parameters, multiply-adds. */
export {
  legalPaddings,
  legalStrides,
  outputSize,
  samePadding,
  type LegalPaddingsOptions,
  type LegalStridesOptions,
} from "./sizes.js";
export { coverage, type CoverageOptions } from "./coverage.js";
export { receptiveField, type FieldLayer, type ReceptiveField } from "./receptiveField.js";
export {
  compareDense,
  conv2dMacs,
  conv2dParameters,
  denseMacs,
  denseParameters,
  depthwiseConv2dMacs,
  depthwiseConv2dParameters,
  type DenseComparison,
  type LayerCost,
  type ParameterCounts,
} from "./parameters.js";
export type { AxisWindowOptions } from "../shape/axis.js";
export type { AxisPadding } from "../shape/types.js";
