/** A convolution as a matrix, to look at and to check by: `import { convolutionMatrix } from "striate/matrix"`. */
export { convolutionMatrix, type ConvolutionMatrixOptions, type MatrixKernel } from "./convolutionMatrix.js";
export { SparseMatrix } from "./sparse.js";
export type { DrawMatrixOptions } from "./draw.js";
