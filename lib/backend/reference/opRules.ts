/** What each op needs of the shapes of its operands, so that its loops stay inside of them: the twin of lib/ops. */
import { activationCodes, algorithmCodes, type OpName } from "../../graph/opSchema.js";
import type { Buffer, Dtype, Program, Step } from "../../graph/program.js";
import { attributesOf, type Attributes } from "./kernel.js";
import { opSchemas } from "../../graph/opSchema.js";

/** A buffer with the dtype of its storage. */
interface Operand extends Buffer {
  readonly dtype: Dtype;
}
type Named = Readonly<Record<string, Operand>>;
type Numbers = Readonly<Record<string, number>>;
type Pool = Attributes<"maxPool2d">;

/** Returns the rule that is broken. */
type Rule = (operands: Named, attributes: Numbers) => string | undefined;

const maxInteger = 2 ** 31 - 1;

function show(operand: Operand): string {
  return `[${operand.shape.join(", ")}]${operand.batched ? " batched" : ""}`;
}

function channelsOf(operand: Operand): number {
  return operand.shape[operand.shape.length - 1]!;
}

function pixelsOf(operand: Operand): number {
  return operand.shape.slice(0, -1).reduce((product, size) => product * size, 1);
}

function integer(name: string, value: number, least: number, most = maxInteger): string | undefined {
  if (Number.isInteger(value) && value >= least && value <= most) return undefined;
  return `${name} must be a whole number from ${least} to ${most}, got ${value}`;
}

/** The operand `name` is like `model`: the same pixels and channels, live in the same runs. */
function like(operands: Named, name: string, model: string): string | undefined {
  const a = operands[name];
  const b = operands[model];
  if (a === undefined || b === undefined) return undefined;
  const same =
    channelsOf(a) === channelsOf(b) &&
    pixelsOf(a) === pixelsOf(b) &&
    a.batched === b.batched &&
    (!a.batched || (a.shape.length === 1) === (b.shape.length === 1));
  return same ? undefined : `${name} must have the shape of ${model} ${show(b)}, got ${show(a)}`;
}

/** The operand is one value per channel, not batched. */
function vector(operands: Named, name: string, length: number): string | undefined {
  const a = operands[name];
  if (a === undefined || (!a.batched && pixelsOf(a) === 1 && channelsOf(a) === length)) return undefined;
  return `${name} must be [${length}], got ${show(a)}`;
}

/** Channels that do not depend on the number of live rows. */
function hasChannels(operands: Named, name: string): string | undefined {
  const a = operands[name]!;
  return a.batched && a.shape.length === 1 ? `${name} must have channels behind its rows, got ${show(a)}` : undefined;
}

function image(operands: Named, name: string): string | undefined {
  const a = operands[name]!;
  return a.shape.length === 4 ? undefined : `${name} must be [rows, height, width, channels], got ${show(a)}`;
}

function sameRows(operands: Named, name: string, model: string): string | undefined {
  const a = operands[name]!;
  const b = operands[model]!;
  if (a.shape[0] === b.shape[0] && a.batched === b.batched) return undefined;
  return `${name} must have the rows of ${model} ${show(b)}, got ${show(a)}`;
}

/** The first rule broken. */
function first(...rules: readonly (string | undefined)[]): string | undefined {
  return rules.find((rule) => rule !== undefined);
}

const epilogue = (attributes: Numbers): string | undefined =>
  first(
    integer("activation", attributes["activation"]!, 0, Math.max(...Object.values(activationCodes))),
    attributes["slope"]! >= 0 ? undefined : `slope must be at least 0, got ${attributes["slope"]!}`,
  );

function strides(attributes: Numbers): string | undefined {
  return first(
    ...["strideH", "strideW"].map((name) => integer(name, attributes[name]!, 1)),
    ...["padTop", "padBottom", "padLeft", "padRight"].map((name) => integer(name, attributes[name]!, 0)),
  );
}

function dilations(attributes: Numbers): string | undefined {
  return first(...["dilationH", "dilationW"].map((name) => integer(name, attributes[name]!, 1)));
}

/** Windows along one axis by the floor formula: floor((size + pads - (dilation * (kernel - 1) + 1)) / stride) + 1. */
function windows(
  operands: Named,
  attributes: Numbers,
  input: string,
  output: string,
  kernel: readonly number[],
): string | undefined {
  const axes = [
    ["H", "padTop", "padBottom"],
    ["W", "padLeft", "padRight"],
  ] as const;
  for (const [i, [axis, before, after]] of axes.entries()) {
    const size = operands[input]!.shape[i + 1]!;
    const extent = attributes[`dilation${axis}`]! * (kernel[i]! - 1) + 1;
    const count =
      Math.floor((size + attributes[before]! + attributes[after]! - extent) / attributes[`stride${axis}`]!) + 1;
    const given = operands[output]!.shape[i + 1]!;
    if (count !== given)
      return `${output} must have ${count} windows along axis ${i + 1}, got ${show(operands[output]!)}`;
  }
  return undefined;
}

/** Any convolution: which operand is the input, the filter and the output. */
function convolution(input: string, filter: string, output: string): Rule {
  return (operands, attributes) => {
    const broken = first(
      image(operands, input),
      image(operands, filter),
      image(operands, output),
      sameRows(operands, output, input),
      strides(attributes),
      dilations(attributes),
      integer("groups", attributes["groups"]!, 1),
      integer("algorithm", attributes["algorithm"]!, 0, algorithmCodes.winograd),
      operands[filter]!.batched ? `${filter} must not be batched` : undefined,
    );
    if (broken !== undefined) return broken;
    const groups = attributes["groups"]!;
    const channels = channelsOf(operands[input]!);
    const out = channelsOf(operands[output]!);
    const [kernelH, kernelW, perGroup, filters] = operands[filter]!.shape as [number, number, number, number];
    if (perGroup * groups !== channels) {
      return (
        `filter expects ${perGroup} input channels per group, got ${channels / groups} ` +
        `(input ${show(operands[input]!)}, filter ${show(operands[filter]!)}, groups ${groups})`
      );
    }
    if (filters !== out || out % groups !== 0) {
      return `filter ${show(operands[filter]!)} gives ${filters} channels in ${groups} groups, got ${show(operands[output]!)}`;
    }
    return windows(operands, attributes, input, output, [kernelH, kernelW]);
  };
}

const columnsRule: Rule = (operands, attributes) => {
  const kernel = [attributes["kernelH"]!, attributes["kernelW"]!] as const;
  const broken = first(
    image(operands, "x"),
    image(operands, "columns"),
    sameRows(operands, "columns", "x"),
    strides(attributes),
    dilations(attributes),
    integer("kernelH", kernel[0], 1),
    integer("kernelW", kernel[1], 1),
  );
  if (broken !== undefined) return broken;
  const patch = kernel[0] * kernel[1] * channelsOf(operands["x"]!);
  if (channelsOf(operands["columns"]!) !== patch)
    return `columns must have ${patch} channels, got ${show(operands["columns"]!)}`;
  return windows(operands, attributes, "x", "columns", kernel);
};

/**
 * Windows of a pool along one axis. It declares its padding, so the formula may be rounded up as well as down; each
 * window holds a pixel of the image: the first ends behind the leading padding, the last begins within the image.
 */
function pooledAxis(
  size: number,
  count: number,
  kernel: number,
  stride: number,
  pads: readonly [number, number],
): boolean {
  const span = size + pads[0] + pads[1] - kernel;
  const formula = span >= 0 && (count - 1 === Math.floor(span / stride) || count - 1 === Math.ceil(span / stride));
  return formula && pads[0] < kernel && (count - 1) * stride < size + pads[0];
}

function pool(input: string, output: string): Rule {
  return (operands, attributes) => {
    const broken = first(
      image(operands, input),
      image(operands, output),
      sameRows(operands, output, input),
      strides(attributes),
      integer("kernelH", attributes["kernelH"]!, 1),
      integer("kernelW", attributes["kernelW"]!, 1),
    );
    if (broken !== undefined) return broken;
    if (channelsOf(operands[input]!) !== channelsOf(operands[output]!)) {
      return `${output} must have the channels of ${input} ${show(operands[input]!)}, got ${show(operands[output]!)}`;
    }
    const [, height, width] = operands[input]!.shape as [number, number, number];
    const [, outH, outW] = operands[output]!.shape as [number, number, number];
    const { kernelH, kernelW, strideH, strideW, padTop, padBottom, padLeft, padRight } = attributes as Pool;
    if (
      !pooledAxis(height, outH, kernelH, strideH, [padTop, padBottom]) ||
      !pooledAxis(width, outW, kernelW, strideW, [padLeft, padRight])
    ) {
      return (
        `${output} must have (size + padding - kernel) / stride + 1 windows that all reach into ${input} ` +
        `${show(operands[input]!)}, got ${show(operands[output]!)}`
      );
    }
    return undefined;
  };
}

const matmulRule: Rule = (operands, attributes) => {
  const [a, b, y] = [operands["a"]!, operands["b"]!, operands["y"]!];
  const transposeA = attributes["transposeA"]!;
  const transposeB = attributes["transposeB"]!;
  const [m, k] = transposeA !== 0 ? [channelsOf(a), pixelsOf(a)] : [pixelsOf(a), channelsOf(a)];
  const [inner, n] = transposeB !== 0 ? [channelsOf(b), pixelsOf(b)] : [pixelsOf(b), channelsOf(b)];
  const where = `(a ${show(a)}, b ${show(b)}, y ${show(y)})`;
  const flat = [a, b, y].some((operand) => operand.batched && operand.shape.length === 1);
  if (flat) return `batched operands must have channels behind their rows ${where}`;
  if (k !== inner) return `inner sizes must be equal, got ${k} and ${inner} ${where}`;
  if (pixelsOf(y) !== m || channelsOf(y) !== n) return `y must be ${m} x ${n} ${where}`;
  if (b.batched && transposeB !== 0) return `the batch cannot become columns of the result ${where}`;
  if ((a.batched && transposeA !== 0) !== b.batched)
    return `a sum over the batch needs both operands batched along it ${where}`;
  if (y.batched !== (a.batched && transposeA === 0)) return `y must be batched as the rows of the product are ${where}`;
  return first(
    integer("transposeA", transposeA, 0, 1),
    integer("transposeB", transposeB, 0, 1),
    vector(operands, "bias", n),
    like(operands, "residual", "y"),
    vector(operands, "scale", n),
    operands["scale"] !== undefined && transposeA !== 0
      ? `scale belongs to weights and goes with transposeA 0 only, got transposeA ${transposeA}`
      : undefined,
    epilogue(attributes),
  );
};

/** All named operands like the first; the rest vectors of its channels. */
function perChannel(model: string, alike: readonly string[], vectors: readonly string[]): Rule {
  return (operands, attributes) =>
    first(
      hasChannels(operands, model),
      ...alike.map((name) => like(operands, name, model)),
      ...vectors.map((name) => vector(operands, name, channelsOf(operands[model]!))),
      "activation" in attributes ? epilogue(attributes) : undefined,
      "epsilon" in attributes && !(attributes["epsilon"] >= 0)
        ? `epsilon must be at least 0, got ${attributes["epsilon"]}`
        : undefined,
    );
}

function elementwise(model: string, ...others: readonly string[]): Rule {
  return (operands, attributes) =>
    first(
      ...others.map((name) => like(operands, name, model)),
      "activation" in attributes ? epilogue(attributes) : undefined,
    );
}

/** One label per pixel of `scores`. */
function labelled(scores: string, alike: string, scalar: string): Rule {
  return (operands) => {
    const labels = operands["labels"]!;
    const model = operands[scores]!;
    const count = pixelsOf(labels) * channelsOf(labels);
    const fits = count === pixelsOf(model) && labels.batched === model.batched;
    return first(
      hasChannels(operands, scores),
      fits ? undefined : `labels must be one per pixel of ${scores} ${show(model)}, got ${show(labels)}`,
      like(operands, alike, scores),
      vector(operands, scalar, 1),
    );
  };
}

/** A matrix that every run has whole. */
function matrix(operands: Named, name: string): string | undefined {
  const a = operands[name]!;
  return a.shape.length === 2 && !a.batched ? undefined : `${name} must be a matrix, not batched, got ${show(a)}`;
}

/** Images and what a kernel leaves of them. */
function filtered(
  operands: Named,
  input: string,
  output: string,
  kernel: readonly [number, number],
): string | undefined {
  const broken = first(image(operands, input), image(operands, output), sameRows(operands, output, input));
  if (broken !== undefined) return broken;
  const [x, y] = [operands[input]!, operands[output]!];
  const fits =
    y.shape[1] === x.shape[1]! - kernel[0] + 1 &&
    y.shape[2] === x.shape[2]! - kernel[1] + 1 &&
    channelsOf(x) === channelsOf(y);
  return fits
    ? undefined
    : `${output} must be what a kernel of ${kernel.join("x")} leaves of ${input} ${show(x)}, got ${show(y)}`;
}

const sizesOf = (operand: Operand): [number, number] => [operand.shape[0]!, operand.shape[1]!];

const filter2dRule: Rule = (operands, attributes) => {
  const { x, y, kernel, right } = operands as { x: Operand; y: Operand; kernel: Operand; right?: Operand };
  const broken = first(
    x.dtype === "i32" ? "x must be f32 or u8, got i32" : undefined,
    matrix(operands, "kernel"),
    right && matrix(operands, "right"),
    integer("toBytes", attributes["toBytes"]!, 0, 1),
    y.dtype === (attributes["toBytes"] === 1 ? "u8" : "f32") ? undefined : `y must not be ${y.dtype}`,
    y.dtype === "u8" && y.pixelStride !== channelsOf(y) ? "y must be dense where it is u8" : undefined,
  );
  if (broken !== undefined) return broken;
  const [height, columns] = sizesOf(kernel);
  if (right === undefined) return filtered(operands, "x", "y", [height, columns]);
  const [terms, width] = sizesOf(right);
  if (terms !== columns) return `right must have a row for each column of kernel ${show(kernel)}, got ${show(right)}`;
  return filtered(operands, "x", "y", [height, width]);
};

const rules: { readonly [Op in OpName]: Rule } = {
  conv2d: (operands, attributes) =>
    first(
      convolution("x", "filter", "y")(operands, attributes),
      vector(operands, "bias", channelsOf(operands["y"]!)),
      like(operands, "residual", "y"),
      vector(operands, "scale", channelsOf(operands["y"]!)),
      epilogue(attributes),
    ),
  "conv2d.backwardInput": convolution("dx", "filter", "dy"),
  "conv2d.backwardFilter": convolution("x", "dfilter", "dy"),
  im2col: columnsRule,
  col2im: columnsRule,
  filter2d: filter2dRule,
  "filter2d.backwardInput": (operands) =>
    first(matrix(operands, "kernel"), filtered(operands, "dx", "dy", sizesOf(operands["kernel"]!))),
  "filter2d.backwardKernel": (operands) =>
    first(matrix(operands, "dkernel"), filtered(operands, "x", "dy", sizesOf(operands["dkernel"]!))),
  matmul: matmulRule,
  maxPool2d: pool("x", "y"),
  "maxPool2d.backward": (operands, attributes) =>
    first(
      pool("x", "dy")(operands, attributes),
      like(operands, "dx", "x"),
      image(operands, "dx"),
      vector(operands, "sums", channelsOf(operands["x"]!)),
      epilogue(attributes),
    ),
  avgPool2d: pool("x", "y"),
  "avgPool2d.backward": pool("dx", "dy"),
  "batchNorm.inference": perChannel("x", ["y"], ["gamma", "beta", "mean", "variance"]),
  "batchNorm.inferenceBackward": perChannel("x", ["dy", "dx"], ["gamma", "mean", "variance", "dgamma", "dbeta"]),
  "batchNorm.train": perChannel("x", ["y"], ["gamma", "beta", "mean", "variance"]),
  "batchNorm.trainBackward": (operands, attributes) =>
    first(
      perChannel(
        "x",
        ["dy", "dx"],
        ["gamma", "mean", "variance", "beta", "dgamma", "dbeta", "sums"],
      )(operands, attributes),
      (attributes["activation"] === activationCodes.none) === (operands["beta"] === undefined)
        ? undefined
        : "activation and beta come together",
    ),
  "batchNorm.updateStatistics": (operands, attributes) =>
    first(
      perChannel(
        "newMean",
        [],
        ["newVariance", "batchMean", "batchVariance", "runningMean", "runningVariance"],
      )(operands, {}),
      vector(operands, "newMean", channelsOf(operands["newMean"]!)),
      integer("pixelsPerRow", attributes["pixelsPerRow"]!, 1),
    ),
  "batchNorm.fold": (operands, attributes) =>
    first(
      perChannel("gamma", [], ["bias", "beta", "mean", "variance", "scale", "shift"])(operands, attributes),
      vector(operands, "gamma", channelsOf(operands["gamma"]!)),
    ),
  add: elementwise("y", "a", "b"),
  copy: (operands) => {
    const { x, y } = operands as { x: Operand; y: Operand };
    const equal =
      pixelsOf(x) * channelsOf(x) === pixelsOf(y) * channelsOf(y) && x.batched === y.batched && x.dtype === y.dtype;
    return equal ? undefined : `y must hold the elements of x ${x.dtype} ${show(x)}, got ${y.dtype} ${show(y)}`;
  },
  fill: () => undefined,
  rescale: (operands) => (operands["x"]!.dtype === "i32" ? "x must be f32 or u8, got i32" : like(operands, "y", "x")),
  channelSum: (operands) => first(hasChannels(operands, "x"), vector(operands, "y", channelsOf(operands["x"]!))),
  activation: elementwise("x", "y"),
  "activation.backward": (operands, attributes) =>
    first(
      elementwise("y", "dy", "dx")(operands, attributes),
      operands["sums"] === undefined ? undefined : hasChannels(operands, "y"),
      vector(operands, "sums", channelsOf(operands["y"]!)),
    ),
  softmax: (operands) => first(hasChannels(operands, "x"), like(operands, "y", "x")),
  "softmax.backward": (operands) =>
    first(hasChannels(operands, "y"), like(operands, "dy", "y"), like(operands, "dx", "y")),
  softmaxCrossEntropy: labelled("logits", "probabilities", "loss"),
  "softmaxCrossEntropy.backward": labelled("probabilities", "dlogits", "dloss"),
  meanSquaredError: (operands) => first(like(operands, "target", "prediction"), vector(operands, "loss", 1)),
  "meanSquaredError.backward": (operands) =>
    first(
      like(operands, "target", "prediction"),
      like(operands, "dprediction", "prediction"),
      vector(operands, "dloss", 1),
    ),
  sgd: (operands) =>
    first(
      ...["gradient", "velocity", "newParameter", "newVelocity"].map((name) => like(operands, name, "parameter")),
      (operands["velocity"] === undefined) === (operands["newVelocity"] === undefined)
        ? undefined
        : "velocity and newVelocity come together",
    ),
};

/** Operands that may be something else than f32; their ops look at the dtype themselves. */
function expectedDtype(op: OpName, name: string): Dtype | undefined {
  if (name === "labels") return "i32";
  if (op === "filter2d" && name === "y") return undefined;
  return name === "x" && (op === "rescale" || op === "copy" || op === "filter2d") ? undefined : "f32";
}

/** The rule that a step breaks, or undefined. Operand counts, ids and extents were checked. */
export function opRules(program: Program, step: Step): string | undefined {
  const schema = opSchemas[step.op];
  const names = [...schema.operands, ...schema.results].map((name) => name.replace("?", ""));
  const operands: Record<string, Operand> = {};
  for (const [i, id] of [...step.inputs, ...step.outputs].entries()) {
    if (id < 0) continue;
    const buffer = program.buffers[id]!;
    const { dtype } = program.storages[buffer.storage]!;
    const name = names[i]!;
    const expected = expectedDtype(step.op, name);
    if (expected !== undefined && dtype !== expected) return `${name} must be ${expected}, got ${dtype}`;
    operands[name] = { ...buffer, dtype };
  }
  return rules[step.op](operands, attributesOf(step.op, step.attributes));
}
