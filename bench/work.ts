/** The vocabulary of the bench: what is measured, beside whom. */

/** Everything that can be measured; each in processes of its own. */
export const contenderNames = [
  "striate",
  "striate-reference",
  "onnxruntime",
  "tfjs-wasm",
  "tfjs-cpu",
  "convnetjs",
  "pytorch",
  "openblas",
  "onednn",
] as const;
export type ContenderName = (typeof contenderNames)[number];
export type PeerName = Exclude<ContenderName, "striate" | "striate-reference">;
/** Measured where --also names them: they double the time of many rows. */
export const peersOnDemand = ["openblas", "onednn"] as const satisfies readonly PeerName[];
export const isOnDemand = (peer: PeerName): boolean => peersOnDemand.some((each) => each === peer);

export type Direction = "forward" | "backwardInput" | "backwardFilter";
/** [height, width, channels] */
export type Image = readonly [number, number, number];

/** One convolution with a bias. */
export interface ConvShape {
  readonly name: string;
  readonly input: Image;
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

interface Common {
  /** `<what>/<name>/<batch>`: what --filter and the floors refer to. */
  readonly id: string;
  readonly batch: number;
  readonly peers: readonly PeerName[];
}

export interface ConvWork extends Common {
  readonly kind: "conv";
  readonly direction: Direction;
  readonly shape: ConvShape;
}

/** Two 1x1 convolutions, to fewer channels and back. */
export interface PairWork extends Common {
  readonly kind: "pair";
  readonly input: Image;
  readonly middle: number;
}

/** y[m, n] = a[m, k] * b[k, n]. */
export interface GemmWork extends Common {
  readonly kind: "gemm";
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Whether b is a weight, known beforehand, or comes anew with each call. */
  readonly packed: boolean;
}

export const pixelwiseOps = ["maxPool2d", "maxPool2dBackward", "batchNormTrain", "batchNormBackward"] as const;
export type PixelwiseOp = (typeof pixelwiseOps)[number];

/** An op bound by memory. Pooling takes windows of 3x3, stride 2, padding 1, as in ResNet. */
export interface PixelwiseWork extends Common {
  readonly kind: "pixelwise";
  readonly op: PixelwiseOp;
  readonly input: Image;
}

/** A model of models/. */
export interface ModelShape {
  readonly name: string;
  readonly input: Image;
  readonly classes: number;
}

/** A forward pass, or a training step: cross-entropy, all gradients, SGD with momentum. */
export interface ModelWork extends Common {
  readonly kind: "infer" | "train";
  readonly model: ModelShape;
  readonly backend: "native" | "reference";
}

/** One relu on one element: what a call costs. */
export interface CallWork extends Common {
  readonly kind: "call";
}

/** Loading the package in a fresh process, without or with the addon. */
export interface ImportWork extends Common {
  readonly kind: "import";
  readonly addon: boolean;
}

/** What a model keeps in memory to predict one image, as a multiple of its weights. */
export interface MemoryWork extends Common {
  readonly kind: "memory";
  readonly model: ModelShape;
}

/** Works that are measured by calls, in processes that stay. */
export type CalledWork = ConvWork | PairWork | GemmWork | PixelwiseWork | ModelWork | CallWork;
export type Work = CalledWork | ImportWork | MemoryWork;

/** Whose result is measured and judged. */
export function ourName(work: Work): "striate" | "striate-reference" {
  return "backend" in work && work.backend === "reference" ? "striate-reference" : "striate";
}

/** Whether more threads can change nothing. */
export function isSingleThreaded(work: Work): boolean {
  return ourName(work) === "striate-reference" || ["call", "import", "memory"].includes(work.kind);
}

export function outputSize({ input, kernel, stride, padding }: ConvShape): readonly [number, number] {
  const along = (size: number): number => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  return [along(input[0]), along(input[1])];
}

export const product = (sizes: readonly number[]): number => sizes.reduce((all, size) => all * size, 1);

/** One array that a call is given. `classes`: class numbers instead of floats. */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly classes?: number;
}

/** The arrays a call is given, in order, in striate's layout; none of them is a weight. */
export function inputsOf(work: CalledWork): readonly InputSpec[] {
  const { batch } = work;
  switch (work.kind) {
    case "conv": {
      const x = { shape: [batch, ...work.shape.input] };
      const dy = { shape: [batch, ...outputSize(work.shape), work.shape.filters] };
      return { forward: [x], backwardInput: [dy], backwardFilter: [x, dy] }[work.direction];
    }
    case "pair":
      return [{ shape: [batch, ...work.input] }];
    case "gemm": {
      const a = { shape: [work.m, work.k] };
      return work.packed ? [a] : [a, { shape: [work.k, work.n] }];
    }
    case "pixelwise": {
      const x = { shape: [batch, ...work.input] };
      if (work.op === "maxPool2dBackward") return [x, { shape: [batch, ...pooled(work.input)] }];
      return work.op === "batchNormBackward" ? [x, x] : [x];
    }
    case "infer":
      return [{ shape: [batch, ...work.model.input] }];
    case "train":
      return [{ shape: [batch, ...work.model.input] }, { shape: [batch], classes: work.model.classes }];
    case "call":
      return [{ shape: [1, 1] }];
  }
}

/** ResNet's pooling. */
export const poolWindow = { size: 3, stride: 2, padding: 1 } as const;

export function pooled([height, width, channels]: Image): Image {
  const { size, stride, padding } = poolWindow;
  const along = (length: number): number => Math.floor((length + 2 * padding - size) / stride) + 1;
  return [along(height), along(width), channels];
}

/**
 * Floating-point operations of one call, nominal: 2 for each multiply-add, padding included.
 * @returns undefined for models, which tell it themselves once they are built
 */
export function flopsOf(work: Work): number | undefined {
  switch (work.kind) {
    case "conv": {
      const { input, filters, kernel, groups } = work.shape;
      return 2 * work.batch * product(outputSize(work.shape)) * filters * kernel * kernel * (input[2] / groups);
    }
    case "pair":
      return 4 * work.batch * product(work.input) * work.middle;
    case "gemm":
      return 2 * work.m * work.n * work.k;
    case "infer":
    case "train":
      return undefined;
    default:
      return 0;
  }
}

/** Bytes that a call must read and write at least, weights left out: for rows that memory bounds. */
export function bytesOf(work: CalledWork): number {
  const read = inputsOf(work).reduce((sum, { shape }) => sum + product(shape), 0);
  return 4 * (read + outputElements(work));
}

/** Of the result of a call; 0 for a training step, whose results stay in the model. */
export function outputElements(work: CalledWork): number {
  const { batch } = work;
  switch (work.kind) {
    case "conv":
      return {
        forward: batch * product(outputSize(work.shape)) * work.shape.filters,
        backwardInput: batch * product(work.shape.input),
        backwardFilter: (work.shape.kernel ** 2 * work.shape.input[2] * work.shape.filters) / work.shape.groups,
      }[work.direction];
    case "pair":
      return batch * product(work.input);
    case "gemm":
      return work.m * work.n;
    case "pixelwise":
      return batch * product(work.op === "maxPool2d" ? pooled(work.input) : work.input);
    case "infer":
      return batch * work.model.classes;
    case "train":
      return 0;
    case "call":
      return 1;
  }
}
