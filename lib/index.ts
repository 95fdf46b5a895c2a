/** striate: convolutional networks for Node.js. Ops on Values, for custom layers, are in `striate/ops`. */
export { StriateError, ShapeError, OptionError, GraphError, GradientError } from "./errors.js";
export { input, sequential } from "./layers/net.js";
export type { Net } from "./layers/net.js";
export * from "./layers/index.js";
export * from "./formulas/index.js";
export * from "./signal/index.js";
export { sgd, type Optimizer, type SgdOptions } from "./optimizers/sgd.js";
export type { LossName } from "./losses/losses.js";
export { Model, loadModel } from "./training/model.js";
export type {
  ActivationsOptions,
  CallOptions,
  EvaluateOptions,
  GradientsOptions,
  ModelOptions,
  PredictOptions,
} from "./training/modelOptions.js";
export type { Predictor, PredictorOptions } from "./training/predictor.js";
export type { RunPlan, StepPlan } from "./training/explain.js";
export type { Activation, LayerGradient, LayerGradients } from "./training/inspect.js";
export type { ModelProfile, StepTiming } from "./training/profile.js";
export type { BatchRecord, EpochRecord, Evaluation, FitOptions, History } from "./training/fit.js";
export type { Augment, Examples } from "./training/examples.js";
export { run, runAsync } from "./run.js";
export { backendInfo, setThreads } from "./backend/select.js";
export type { BackendInfo, BackendName } from "./backend/backend.js";
export { tensor, assertShape, type Tensor } from "./data/tensor.js";
export { digits, type Digits } from "./data/digits.js";
export { parseIdx, readIdx, readIdxDataset, type IdxDataset } from "./data/idx.js";
export { randomShift, type ImageChange } from "./data/augment.js";
export type { Batch, Dataset } from "./data/dataset.js";
export { RandomStream } from "./random/philox.js";
export { FormatError, ModelFileError } from "./io/errors.js";
