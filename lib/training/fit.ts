/** The training loop and the evaluation loop, as generators of runs (see drive.ts). */
import { OptionError, StriateError } from "../errors.js";
import { requireOptions, showValue } from "../shape/values.js";
import type { Shape } from "../shape/types.js";
import type { LossName } from "../losses/losses.js";
import { checkLearningRate, type Optimizer } from "../optimizers/sgd.js";
import { RandomStream } from "../random/philox.js";
import type { RunLoop } from "./drive.js";
import type { Augment, CheckedExamples, Examples, GatheredBatch } from "./examples.js";
import type { PlanCache } from "./plans.js";

/** Loss and, where there are class numbers, the share of right answers. */
export interface Evaluation {
  readonly loss: number;
  /** NaN where the loss takes targets. */
  readonly accuracy: number;
}

export interface EpochRecord extends Evaluation {
  /** From 1. */
  readonly epoch: number;
  readonly learningRate: number;
  /** Means over the epoch while it was training: each batch before its own update. */
  readonly loss: number;
  readonly accuracy: number;
  readonly validation: Evaluation | undefined;
}

export interface BatchRecord extends Evaluation {
  readonly epoch: number;
  /** From 1. */
  readonly batch: number;
  readonly batches: number;
}

export interface FitOptions<In extends Shape = Shape, Out extends Shape = Shape> {
  readonly epochs: number;
  /** Default 32. */
  readonly batchSize?: number;
  readonly optimizer: Optimizer;
  readonly loss: LossName;
  /** A share of the examples to hold out (of each class), or examples of their own. */
  readonly validation?: number | Examples<In, Out>;
  /** A new order each epoch. Default true. */
  readonly shuffle?: boolean;
  /** Learning rate of an epoch (from 1). Default: the optimizer's. */
  readonly learningRate?: (epoch: number) => number;
  readonly augment?: Augment<In>;
  readonly onBatch?: (record: BatchRecord) => void;
  /** Returning false ends the fit after this epoch. */
  readonly onEpoch?: (record: EpochRecord) => unknown;
}

export interface History {
  readonly epochs: readonly EpochRecord[];
}

export interface FitInput {
  readonly plans: PlanCache;
  readonly examples: CheckedExamples;
  readonly validation: CheckedExamples | undefined;
  readonly options: FitOptions;
  readonly seed: number;
  /** Epochs this model has been trained before: shuffling goes on where it stopped. */
  readonly epochsBefore: number;
  readonly onEpochDone: () => void;
}

/** Trains; yields one run per batch. */
export function* fitLoop(input: FitInput): RunLoop<History> {
  const { plans, examples, options, seed } = input;
  const { optimizer, loss, shuffle = true, onBatch, onEpoch } = options;
  const epochs = checkCount("fit", "epochs", options.epochs);
  const held = heldOut(input);
  const batchSize = Math.min(checkCount("fit", "batchSize", options.batchSize ?? 32), held.train.length);
  const executable = plans.get({ kind: "train", loss, optimizer, rows: batchSize, inputDtype: examples.inputDtype });
  const records: EpochRecord[] = [];
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const stream = (purpose: string) => new RandomStream(seed, `${purpose}/epoch ${input.epochsBefore + epoch}`);
    const learningRate = checkLearningRate("fit", options.learningRate?.(epoch) ?? optimizer.learningRate);
    const order = shuffle ? stream("shuffle").shuffle(held.train.slice()) : held.train;
    const augmentStream = stream("augment");
    const batches = Math.ceil(order.length / batchSize);
    const assemble = (batch: number): GatheredBatch =>
      examples.gather(order.subarray(batch * batchSize, (batch + 1) * batchSize), options.augment, augmentStream);
    const mean = new RunningMean();
    let next = assemble(0);
    for (let batch = 0; batch < batches; batch++) {
      const { rows, inputs } = next;
      const meanwhile = () => {
        if (batch + 1 < batches) next = assemble(batch + 1);
      };
      const [lossValue, output] = yield { executable, inputs, scalars: { rows, learningRate }, meanwhile };
      const value = lossValue![0]!;
      if (!Number.isFinite(value)) {
        throw new StriateError(
          "ERR_STRIATE_DIVERGED",
          `fit: the loss is ${value} in epoch ${epoch}, batch ${batch + 1} of ${batches}; a smaller learning rate than ${learningRate} may help`,
        );
      }
      mean.add(rows, value, accuracyOf(output!, examples.labels && (inputs[1] as Int32Array)));
      onBatch?.({ epoch, batch: batch + 1, batches, ...mean.evaluation() });
    }
    input.onEpochDone();
    const validation =
      held.validation && (yield* evaluateLoop(plans, held.examples!, held.validation, loss, batchSize));
    const record = { epoch, learningRate, ...mean.evaluation(), validation };
    records.push(record);
    if (onEpoch?.(record) === false) break;
  }
  return { epochs: records };
}

const callbacks = ["learningRate", "augment", "onBatch", "onEpoch"] as const;

/** What no examples could make legal; all of it before anything is changed. @throws OptionError */
export function checkFitOptions(options: FitOptions): void {
  requireOptions("fit", options);
  const { optimizer, shuffle = true, validation = 0.5 } = options;
  checkOptimizer("fit", optimizer);
  checkCount("fit", "epochs", options.epochs);
  checkCount("fit", "batchSize", options.batchSize ?? 32);
  if (typeof shuffle !== "boolean")
    throw new OptionError("shuffle", `fit: shuffle must be true or false, got ${showValue(shuffle)}`);
  if (typeof validation !== "object" && !(typeof validation === "number" && validation > 0 && validation < 1)) {
    const rule = "a share between 0 and 1, or examples";
    throw new OptionError("validation", `fit: validation must be ${rule}, got ${showValue(validation)}`);
  }
  for (const name of callbacks) {
    const callback: unknown = options[name];
    if (callback !== undefined && typeof callback !== "function")
      throw new OptionError(name, `fit: ${name} must be a function, got ${showValue(callback)}`);
  }
}

/** @throws OptionError where it is none, such as sgd() gives */
export function checkOptimizer(owner: string, optimizer: unknown): void {
  const { name, slots, update } = (optimizer ?? {}) as Partial<Record<keyof Optimizer, unknown>>;
  if (typeof name === "string" && Array.isArray(slots) && typeof update === "function") return;
  throw new OptionError(
    "optimizer",
    `${owner}: optimizer must be one such as sgd() gives, got ${showValue(optimizer)}`,
  );
}

interface HeldOut {
  readonly train: Int32Array;
  readonly examples: CheckedExamples | undefined;
  readonly validation: Int32Array | undefined;
}

function heldOut({ examples, validation, options, seed }: FitInput): HeldOut {
  const all = (count: number) => Int32Array.from({ length: count }, (_, i) => i);
  if (validation !== undefined)
    return { train: all(examples.rows), examples: validation, validation: all(validation.rows) };
  if (options.validation === undefined)
    return { train: all(examples.rows), examples: undefined, validation: undefined };
  return { examples, ...examples.split(options.validation as number, new RandomStream(seed, "validation")) };
}

/** Runs the net over some rows with its statistics frozen; yields one run per batch. */
export function* evaluateLoop(
  plans: PlanCache,
  examples: CheckedExamples,
  rows: Int32Array,
  loss: LossName,
  batchSize: number,
): RunLoop<Evaluation> {
  const capacity = Math.min(batchSize, rows.length);
  const executable = plans.get({ kind: "evaluate", loss, rows: capacity, inputDtype: examples.inputDtype });
  const mean = new RunningMean();
  let next = examples.gather(rows.subarray(0, capacity));
  for (let start = 0; start < rows.length; start += capacity) {
    const { rows: live, inputs } = next;
    const following = rows.subarray(start + capacity, start + 2 * capacity);
    const meanwhile = () => {
      if (following.length > 0) next = examples.gather(following);
    };
    const [lossValue, output] = yield { executable, inputs, scalars: { rows: live }, meanwhile };
    mean.add(live, lossValue![0]!, accuracyOf(output!, examples.labels && (inputs[1] as Int32Array)));
  }
  return mean.evaluation();
}

/** Means of batches, weighted by their rows. */
class RunningMean {
  private rows = 0;
  private loss = 0;
  private accuracy = 0;
  add(rows: number, loss: number, accuracy: number): void {
    this.rows += rows;
    this.loss += loss * rows;
    this.accuracy += accuracy * rows;
  }
  evaluation(): Evaluation {
    return { loss: this.loss / this.rows, accuracy: this.accuracy / this.rows };
  }
}

/** The share of labels whose score is the largest of its row (the first one of equals). */
function accuracyOf(output: Float32Array, labels: Int32Array | undefined): number {
  if (labels === undefined) return NaN;
  const classes = output.length / labels.length;
  let right = 0;
  labels.forEach((label, i) => {
    if (largest(output, i * classes, classes) === label) right++;
  });
  return right / labels.length;
}

function largest(values: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[start + i]! > values[start + best]!) best = i;
  return best;
}

/** @param owner named in the error */
export function checkCount(owner: string, option: string, count: number): number {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new OptionError(option, `${owner}: ${option} must be a whole number of at least 1, got ${showValue(count)}`);
  }
  return count;
}
