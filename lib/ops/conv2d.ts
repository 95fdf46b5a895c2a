/** Convolution (cross-correlation, as in every framework) and its gradients. */
import { GraphError } from "../errors.js";
import { algorithmCodes, type ConvolutionAlgorithm } from "../graph/opSchema.js";
import type { Attributes, GraphNode, OpDefinition, Value } from "../graph/value.js";
import type { Padding, Pair, Rounding } from "../shape/types.js";
import { isPositive, requireOptions, showShape, showValue, sizeOf } from "../shape/values.js";
import { resolveWindow } from "../shape/window.js";
import { channelSum } from "./arithmetic.js";
import { convolutionWindow, epilogue, makeOne, requireF32, requireImage, requireShape, secondOrder } from "./define.js";

export interface Conv2dOpOptions {
  /** One number per output channel, shape [out]. */
  readonly bias?: Value | undefined;
  /** Step of the window: a number, or [height, width]. Default 1. */
  readonly stride?: Pair | undefined;
  /** Zeros around the input. Default 0. */
  readonly padding?: Padding | undefined;
  /** Distance between the window's taps. Default 1. */
  readonly dilation?: Pair | undefined;
  /** Channel groups. Default 1. */
  readonly groups?: number | undefined;
  /** Default "exact": a window that does not tile the input is an error. */
  readonly rounding?: Rounding | undefined;
  /**
   * "im2col": an explicit matrix of patches and one product, forward and backward. "winograd": Winograd's minimal
   * filtering, which "auto" takes for 3x3 kernels at stride 1 where it is faster; anything else is an error. The native
   * backend has it; the reference backend computes the same convolution. Default "auto".
   */
  readonly algorithm?: ConvolutionAlgorithm | undefined;
  /** "exact" forbids algorithms that change the rounding of sums. Default "fast". */
  readonly precision?: "fast" | "exact" | undefined;
}

/** 2 operations for each tap, input channel of the group and output element. */
function convolutionFlops(filter: readonly number[], output: readonly number[]): number {
  const [kernelH, kernelW, channels] = filter as [number, number, number, number];
  return 2 * kernelH * kernelW * channels * sizeOf(output);
}

const backwardInputDefinition: OpDefinition = {
  name: "conv2d.backwardInput",
  gradient: secondOrder,
  flops: ([dy, filter]) => convolutionFlops(filter!, dy!),
};

const backwardFilterDefinition: OpDefinition = {
  name: "conv2d.backwardFilter",
  gradient: secondOrder,
  flops: ([, dy], [filter]) => convolutionFlops(filter!, dy!),
};

function conv2dGradient(node: GraphNode, [dy]: readonly (Value | undefined)[]): (Value | undefined)[] {
  const [x, filter, bias, residual, scale] = node.operands as [Value, Value, ...(Value | undefined)[]];
  // Epilogue and scale belong to the forward op only: differentiation comes before fusion, so they are still empty here.
  const { activation, slope, ...attributes } = node.attributes;
  if (activation !== 0 || slope !== 0 || residual !== undefined || scale !== undefined) {
    throw new GraphError("conv2d: differentiate before fusing: epilogue, residual and scale have no gradient");
  }
  return [
    makeOne(backwardInputDefinition, [dy, filter], attributes, x.shape, x.batched),
    makeOne(backwardFilterDefinition, [x, dy], attributes, filter.shape, false),
    bias && channelSum(dy!),
  ];
}

const definition: OpDefinition = {
  name: "conv2d",
  gradient: conv2dGradient,
  flops: ([, filter], [y]) => convolutionFlops(filter!, y!),
};

export const conv2dDefinitions = [definition, backwardInputDefinition, backwardFilterDefinition];

function requireWinograd(kernel: readonly [number, number], options: Conv2dOpOptions): void {
  const [height, width] = kernel;
  const { stride = 1, dilation = 1, groups = 1, precision = "fast" } = options;
  const ones = [stride, dilation, groups].flat().every((value) => value === 1);
  if (height !== 3 || width !== 3 || !ones || precision === "exact") {
    throw new GraphError(
      `conv2d: algorithm 'winograd' computes 3x3 kernels at stride 1, dilation 1, in one group and with precision 'fast', ` +
        `got kernel ${String(height)}x${String(width)}, stride ${String(stride)}, dilation ${String(dilation)}, ` +
        `groups ${String(groups)}, precision '${precision}'`,
    );
  }
}

/**
 * Convolves a batch of images.
 * @param x [rows, height, width, channels]
 * @param filter [kernelHeight, kernelWidth, channels / groups, out]
 * @returns [rows, outHeight, outWidth, out] with outHeight = (height + pads - dilatedKernel) / stride + 1
 * @throws GraphError where ranks, channels or groups do not fit; ShapeError where the window does not
 * @example
 * ```ts
 * const y = conv2d(x, filter, { padding: "same", bias });
 * ```
 */
export function conv2d(x: Value, filter: Value, options: Conv2dOpOptions = {}): Value {
  const [rows, height, width, channels] = requireImage("conv2d", x);
  requireF32("conv2d", "filter", filter);
  if (filter.shape.length !== 4) {
    throw new GraphError(
      `conv2d: filter must be [kernelHeight, kernelWidth, channels / groups, out], got ${showShape(filter.shape)}`,
    );
  }
  const [kernelH, kernelW, perGroup, out] = filter.shape as readonly [number, number, number, number];
  requireOptions("conv2d", options);
  const { groups = 1, algorithm = "auto", precision = "fast" } = options;
  if (typeof algorithm !== "string" || !Object.hasOwn(algorithmCodes, algorithm)) {
    const names = Object.keys(algorithmCodes).join(", ");
    throw new GraphError(`conv2d: algorithm must be one of ${names}, got ${showValue(algorithm)}`);
  }
  if (!["fast", "exact"].includes(precision))
    throw new GraphError(`conv2d: precision must be 'fast' or 'exact', got ${showValue(precision)}`);
  const where = `(input ${showShape(x.shape)}, filter ${showShape(filter.shape)}, groups ${showValue(groups)})`;
  if (!isPositive(groups) || out % groups !== 0) {
    throw new GraphError(
      `conv2d: groups must be a positive whole number that divides the ${out} output channels, got ${showValue(groups)} ${where}`,
    );
  }
  if (perGroup * groups !== channels) {
    throw new GraphError(
      `conv2d: filter expects ${perGroup} input channels per group, got ${channels / groups} ${where}`,
    );
  }
  if (options.bias !== undefined) requireShape("conv2d", "bias", options.bias, [out]);
  const { stride, padding, dilation, rounding } = options;
  const window = resolveWindow("conv2d", [height, width], {
    kernel: [kernelH, kernelW],
    stride,
    padding,
    dilation,
    rounding,
  });
  if (algorithm === "winograd") requireWinograd([kernelH, kernelW], options);
  const attributes: Attributes = {
    ...convolutionWindow(window),
    ...epilogue(),
    groups,
    algorithm: algorithmCodes[algorithm],
    exact: precision === "exact" ? 1 : 0,
  };
  return makeOne(definition, [x, filter, options.bias], attributes, [rows, window.outH, window.outW, out], x.batched);
}
