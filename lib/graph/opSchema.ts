/**
 * The vocabulary of Programs: every op a backend must execute, with the order of its operands, results and
 * numeric attributes. This table is the one place that fixes those orders; the graph encodes by it, the
 * reference backend decodes by it, and the addon's own table is compared with it when it is loaded.
 *
 * A name ending in "?" is an operand that may be absent. Shapes are written for capacity rows: n rows of a
 * batched buffer are live in a run. "pixels" are all dimensions but the last, "channels" the last.
 */

/** Attributes that describe a sliding window, in this order, for every op that has one. */
const window = ["strideH", "strideW", "padTop", "padBottom", "padLeft", "padRight"] as const;
const convolution = [...window, "dilationH", "dilationW", "groups"] as const;
const pool = ["kernelH", "kernelW", ...window] as const;
const epilogue = ["activation", "slope"] as const;

export const opSchemas = {
  /** y[n,oh,ow,o] = act(sum over taps x * filter[kh,kw,c/groups,o] * scale[o] + bias[o] + residual[n,oh,ow,o]). The scale belongs to the filter (a folded batch norm) and has no gradient. Pads are effective ones: oh = floor((h + padTop + padBottom - dilatedKernel) / strideH) + 1. */
  conv2d: {
    operands: ["x", "filter", "bias?", "residual?", "scale?"],
    results: ["y"],
    attributes: [...convolution, ...epilogue, "algorithm", "exact"],
  },
  /** dx[n,h,w,c] from dy[n,oh,ow,o]: convolution with the transposed matrix. */
  "conv2d.backwardInput": {
    operands: ["dy", "filter"],
    results: ["dx"],
    attributes: [...convolution, "algorithm", "exact"],
  },
  /** dfilter[kh,kw,c/groups,o], summed over the live rows. */
  "conv2d.backwardFilter": {
    operands: ["x", "dy"],
    results: ["dfilter"],
    attributes: [...convolution, "algorithm", "exact"],
  },
  /** columns[n,oh,ow,kh*kw*c]: tap-major, channel fastest; a tap in the padding gives 0. */
  im2col: {
    operands: ["x"],
    results: ["columns"],
    attributes: ["kernelH", "kernelW", ...window, "dilationH", "dilationW"],
  },
  /** The adjoint of im2col: x[n,h,w,c] sums every column entry that was read from it. */
  col2im: {
    operands: ["columns"],
    results: ["x"],
    attributes: ["kernelH", "kernelW", ...window, "dilationH", "dilationW"],
  },
  /**
   * One kernel for every channel: y[n,i,j,c] = offset + sum over a, b of K[a,b] * x[n,i+a,j+b,c], where K is kernel[kh,kw]
   * or, with right, the matrix product kernel[kh,terms] * right[terms,kw]. A weight of 0 reads nothing, not even a NaN. x is
   * f32 or u8. toBytes = 1: y is u8, rounded to the nearest (ties to even, NaN to 0) and saturated.
   */
  filter2d: { operands: ["x", "kernel", "right?"], results: ["y"], attributes: ["offset", "toBytes"] },
  /** dx[n,h,w,c] = sum over a, b of kernel[a,b] * dy[n,h-a,w-b,c]. */
  "filter2d.backwardInput": { operands: ["dy", "kernel"], results: ["dx"], attributes: [] },
  /** dkernel[a,b], summed over live pixels and channels. */
  "filter2d.backwardKernel": { operands: ["x", "dy"], results: ["dkernel"], attributes: [] },
  /** y[m,n] = act(op(a) * op(b) * scale[n] + bias[n] + residual[m,n]); op transposes where asked. a, b are read as pixels x channels. A scale, as that of conv2d, goes with transposeA = 0. */
  matmul: {
    operands: ["a", "b", "bias?", "residual?", "scale?"],
    results: ["y"],
    attributes: ["transposeA", "transposeB", ...epilogue],
  },
  /** Padding never wins; NaN propagates. */
  maxPool2d: { operands: ["x"], results: ["y"], attributes: pool },
  /**
   * The gradient goes to the first maximum of each window in row-major order (a NaN counts as a maximum). With an
   * activation x is what it returned, and dx is the gradient of its argument. sums[c] = sum over live pixels of dx[.,c].
   */
  "maxPool2d.backward": { operands: ["x", "dy"], results: ["dx", "sums?"], attributes: [...pool, ...epilogue] },
  /** Divides by the window clipped to the image, or (countIncludePad) clipped to the declared padding: PyTorch's rule. */
  avgPool2d: { operands: ["x"], results: ["y"], attributes: [...pool, "countIncludePad"] },
  "avgPool2d.backward": { operands: ["dy"], results: ["dx"], attributes: [...pool, "countIncludePad"] },
  /** y = act((x - mean) * gamma / sqrt(variance + epsilon) + beta), statistics given. */
  "batchNorm.inference": {
    operands: ["x", "gamma", "beta", "mean", "variance"],
    results: ["y"],
    attributes: ["epsilon", ...epilogue],
  },
  /** Gradients of batchNorm.inference; the statistics are constants. */
  "batchNorm.inferenceBackward": {
    operands: ["x", "gamma", "mean", "variance", "dy"],
    results: ["dx", "dgamma", "dbeta"],
    attributes: ["epsilon"],
  },
  /** As inference, with the mean and the biased variance of the live rows, which it also returns. */
  "batchNorm.train": {
    operands: ["x", "gamma", "beta"],
    results: ["y", "mean", "variance"],
    attributes: ["epsilon", ...epilogue],
  },
  /** With an activation (and then beta) dy is the gradient of act(y); act'(y) comes from y, computed again as train does. sums[c] = sum over live pixels of dx[.,c]. */
  "batchNorm.trainBackward": {
    operands: ["x", "gamma", "mean", "variance", "dy", "beta?"],
    results: ["dx", "dgamma", "dbeta", "sums?"],
    attributes: ["epsilon", ...epilogue],
  },
  /** running = (1 - momentum) * running + momentum * batch; the variance unbiased by count/(count-1), count = rows * pixelsPerRow. In place on State. */
  "batchNorm.updateStatistics": {
    operands: ["batchMean", "batchVariance", "runningMean", "runningVariance"],
    results: ["newMean", "newVariance"],
    attributes: ["momentum", "pixelsPerRow"],
  },
  /** scale = gamma / sqrt(variance + epsilon), shift = (bias - mean) * scale + beta: scale and bias of the op before. */
  "batchNorm.fold": {
    operands: ["bias?", "gamma", "beta", "mean", "variance"],
    results: ["scale", "shift"],
    attributes: ["epsilon"],
  },
  /** y = act(a + b), equal shapes. */
  add: { operands: ["a", "b"], results: ["y"], attributes: epilogue },
  /** y = x, element for element; source and target may differ in pixel stride. */
  copy: { operands: ["x"], results: ["y"], attributes: [] },
  /** y = value everywhere. */
  fill: { operands: [], results: ["y"], attributes: ["value"] },
  /** y = x * scale + offset; x is f32 or u8. */
  rescale: { operands: ["x"], results: ["y"], attributes: ["scale", "offset"] },
  /** y[c] = sum over live pixels of x[.,c]: the gradient of a bias. */
  channelSum: { operands: ["x"], results: ["y"], attributes: [] },
  activation: { operands: ["x"], results: ["y"], attributes: epilogue },
  /** dx = dy * act'(x), computed from y alone: every activation here is invertible enough for that (slope >= 0). sums[c] = sum over live pixels of dx[.,c]. */
  "activation.backward": { operands: ["y", "dy"], results: ["dx", "sums?"], attributes: epilogue },
  /** Along the last axis. */
  softmax: { operands: ["x"], results: ["y"], attributes: [] },
  "softmax.backward": { operands: ["y", "dy"], results: ["dx"], attributes: [] },
  /** loss[1] = mean over live pixels of logsumexp(logits) - logits[label]; labels i32, range-checked at use. */
  softmaxCrossEntropy: { operands: ["logits", "labels"], results: ["loss", "probabilities"], attributes: [] },
  /** dlogits = (probabilities - onehot(label)) * dloss[0] / live pixels. */
  "softmaxCrossEntropy.backward": {
    operands: ["probabilities", "labels", "dloss"],
    results: ["dlogits"],
    attributes: [],
  },
  /** loss[1] = mean over live elements of (prediction - target)^2. */
  meanSquaredError: { operands: ["prediction", "target"], results: ["loss"], attributes: [] },
  /** dprediction = 2 * (prediction - target) * dloss[0] / live elements. */
  "meanSquaredError.backward": {
    operands: ["prediction", "target", "dloss"],
    results: ["dprediction"],
    attributes: [],
  },
  /**
   * PyTorch's SGD, in place on State: g = gradient + weightDecay * parameter; velocity = momentum * velocity + g;
   * parameter -= learningRate * (nesterov ? g + momentum * velocity : velocity). Without velocity: parameter -= learningRate * g.
   */
  sgd: {
    operands: ["parameter", "gradient", "velocity?"],
    results: ["newParameter", "newVelocity?"],
    attributes: ["momentum", "nesterov", "weightDecay"],
  },
} as const satisfies Record<string, OpSchema>;

export interface OpSchema {
  readonly operands: readonly string[];
  readonly results: readonly string[];
  readonly attributes: readonly string[];
}

export type OpName = keyof typeof opSchemas;

/** Codes of the attribute "activation". */
export const activationCodes = { none: 0, relu: 1, leakyRelu: 2, sigmoid: 3, tanh: 4, relu6: 5 } as const;
export type ActivationKind = keyof typeof activationCodes;

/** Codes of the attribute "algorithm": auto lets the backend's ordered list decide; im2col and winograd are asked for. */
export const algorithmCodes = { auto: 0, im2col: 1, winograd: 2 } as const;
export type ConvolutionAlgorithm = keyof typeof algorithmCodes;
