/** Ops on Values, for custom layers: `import { conv2d } from "striate/ops"`. */
export { input, state, withLabel, type Value } from "../graph/value.js";
export { conv2d, type Conv2dOpOptions } from "./conv2d.js";
export { filter2d, type Filter2dOptions } from "./filter2d.js";
export { im2col, col2im, type Im2colOptions } from "./im2col.js";
export { matmul, dense, type MatmulOptions } from "./matmul.js";
export { maxPool2d, globalMaxPool2d } from "./maxPool2d.js";
export { avgPool2d, globalAvgPool2d, type AvgPool2dOpOptions } from "./avgPool2d.js";
export type { PoolWindowOptions } from "../shape/pool2d.js";
export { batchNorm, batchNormTrain, updateStatistics, type BatchNormParameters } from "./batchNorm.js";
export { relu, relu6, leakyRelu, sigmoid, tanh } from "./activation.js";
export { add, fill, rescale, channelSum } from "./arithmetic.js";
export { softmax } from "./softmax.js";
export { softmaxCrossEntropy, meanSquaredError } from "./loss.js";
export { sgdUpdate, type SgdOpOptions } from "./sgd.js";
export { reshape, flatten, concat, channelSlice } from "./structure.js";
export { gradients } from "./gradient.js";
