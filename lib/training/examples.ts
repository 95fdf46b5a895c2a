/** What fit and evaluate take: images with labels, or with targets; checked once, then gathered batch by batch. */
import { OptionError, ShapeError, StriateError } from "../errors.js";
import type { InputArray } from "../backend/backend.js";
import { stratifiedSplit, type Batch, type ImageArray } from "../data/dataset.js";
import { elementCount, requireTensor, type Tensor } from "../data/tensor.js";
import { takesLabels, type LossName } from "../losses/losses.js";
import type { RandomStream } from "../random/philox.js";
import { allPositive, requireOptions, showShape, showValue } from "../shape/values.js";
import type { Shape } from "../shape/types.js";

/** Images [n, ...in] with one label each (for "crossEntropy"), or with targets [n, ...out] (for "meanSquaredError"). */
export interface Examples<In extends Shape = Shape, Out extends Shape = Shape> {
  readonly images: Tensor<readonly [number, ...In], ImageArray>;
  readonly labels?: Int32Array;
  readonly targets?: Tensor<readonly [number, ...Out], Float32Array>;
}

/** Changes a batch before the net sees it; must keep its shape. Draws from `random`, so that a seed repeats a run. */
export type Augment<In extends Shape = Shape> = (batch: Batch<In>, random: RandomStream) => Batch<In>;

/** The typed arrays of one batch, in the order of the Program's inputs. */
export interface GatheredBatch {
  readonly rows: number;
  readonly inputs: readonly InputArray[];
}

interface BatchArrays {
  readonly images: ImageArray;
  readonly target: Int32Array | Float32Array;
}

/** Examples whose shapes fit a model and a loss. */
export class CheckedExamples {
  readonly rows: number;
  readonly inputDtype: "f32" | "u8";
  /** Class numbers; undefined where the loss takes targets. */
  readonly labels: Int32Array | undefined;
  private readonly target: Int32Array | Float32Array;
  private readonly rowSize: number;
  private readonly targetSize: number;
  /** Arrays of the last two batches, which later ones write to again; the older ones first. */
  private readonly kept: [BatchArrays?, BatchArrays?] = [];

  /**
   * @param owner "fit" or "evaluate": begins the sentence of an error
   * @throws ShapeError, OptionError
   */
  constructor(
    private readonly examples: Examples,
    input: Shape,
    output: Shape,
    loss: LossName,
    private readonly owner: string,
  ) {
    requireOptions(owner, examples);
    const { images } = examples;
    this.inputDtype = checkImages(images, input, owner);
    this.rows = images.shape[0];
    this.rowSize = elementCount(input);
    const classification = takesLabels(loss);
    const target = classification ? examples.labels : examples.targets?.data;
    const named = classification ? "labels" : "targets";
    if (target === undefined) throw new OptionError(named, `${owner}: the loss ${loss} needs ${named}, got none`);
    const array = classification ? "Int32Array" : "Float32Array";
    if (Object.prototype.toString.call(target) !== `[object ${array}]`)
      throw new OptionError(named, `${owner}: ${named} must be a ${array}, got ${showValue(target)}`);
    this.targetSize = elementCount(classification ? output.slice(0, -1) : output);
    if (target.length !== this.rows * this.targetSize) {
      const need = `${this.targetSize} for each of the ${this.rows} images`;
      throw new ShapeError(named, `${owner}: ${named} must be ${need}, got ${target.length} in all`);
    }
    this.target = target;
    this.labels = classification ? (target as Int32Array) : undefined;
    if (this.labels !== undefined) checkLabels(this.labels, output.at(-1)!, owner);
  }

  /**
   * Copies some rows, changed by `augment` if there is one. A batch is good until the next but one is gathered: to touch
   * new memory for the first time can take as long as the step. What `augment` is given is new, for it may be kept.
   */
  gather(rows: Int32Array, augment?: Augment, random?: RandomStream): GatheredBatch {
    this.checkStillThere();
    const [older, newer] = augment === undefined ? this.kept : [];
    let images = gatherRows(this.examples.images.data, this.rowSize, rows, older?.images);
    const target = gatherRows(this.target, this.targetSize, rows, older?.target);
    if (augment !== undefined) {
      const labels = this.labels === undefined ? new Int32Array(0) : (target as Int32Array);
      const [, ...shape] = this.examples.images.shape;
      const changed = augment({ images: { shape: [rows.length, ...shape], data: images }, labels }, random!) as
        Partial<Batch> | undefined;
      const result = changed?.images;
      requireTensor("fit", "what augment returns as images", result);
      const { data } = result;
      if (data.length !== images.length || data.constructor !== images.constructor) {
        const want = `${images.constructor.name} of ${images.length}`;
        throw new ShapeError(
          "augment",
          `fit: augment must return a ${want}, got ${data.constructor.name} of ${data.length}`,
        );
      }
      images = data;
    } else {
      const reused = older !== undefined && older.images.length >= images.length;
      this.kept.splice(0, 2, newer, reused ? older : { images, target });
    }
    return { rows: rows.length, inputs: [images, target] };
  }

  /** The caller's arrays are read batch by batch: meanwhile one may be sent to another thread, or shrink. */
  private checkStillThere(): void {
    const { data } = this.examples.images;
    if (data.length === this.rows * this.rowSize && this.target.length === this.rows * this.targetSize) return;
    throw new StriateError("ERR_STRIATE_DATA", `${this.owner}: the examples were detached or resized while in use`);
  }

  /** Row numbers for training and validation: a share of each class, or of all rows where there are no classes. */
  split(share: number, random: RandomStream): { train: Int32Array; validation: Int32Array } {
    if (!(share > 0 && share < 1)) {
      throw new OptionError("validation", `fit: validation must be a share between 0 and 1, or examples, got ${share}`);
    }
    const perImage = this.targetSize === 1 ? this.labels : undefined;
    const [train, validation] = stratifiedSplit(perImage ?? new Int32Array(this.rows), [1 - share, share], random);
    return { train: train!, validation: validation! };
  }
}

/**
 * Checks images against a model's input; returns their dtype.
 * @param input sizes without the batch; null where any will do
 */
export function checkImages(images: Tensor, input: readonly (number | null)[], owner: string): "f32" | "u8" {
  requireTensor(owner, "images", images);
  const { shape, data } = images;
  if (!allPositive(shape))
    throw new ShapeError(
      "images",
      `${owner}: the sizes of images must be positive whole numbers, got ${showShape(shape)}`,
    );
  if (shape.length !== input.length + 1 || input.some((size, i) => size !== null && size !== shape[i + 1])) {
    throw new ShapeError(
      "images",
      `${owner}: images must be [batch, ${input.map((size) => size ?? "any").join(", ")}], got ${showShape(shape)}`,
    );
  }
  if (data.length !== elementCount(shape) || shape[0]! < 1) {
    throw new ShapeError(
      "images",
      `${owner}: images of shape ${showShape(shape)} need ${elementCount(shape)} elements and at least one row, got ${data.length}`,
    );
  }
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Uint8Array) return "u8";
  throw new OptionError("images", `${owner}: images must be a Float32Array or a Uint8Array`);
}

function checkLabels(labels: Int32Array, classes: number, owner: string): void {
  const wrong = labels.findIndex((label) => label < 0 || label >= classes);
  if (wrong >= 0) {
    throw new OptionError(
      "labels",
      `${owner}: labels must be from 0 to ${classes - 1}, got ${labels[wrong]} at ${wrong}`,
    );
  }
}

/** @param kept an array that may be written to, if it is long enough */
function gatherRows<T extends InputArray>(source: T, size: number, rows: Int32Array, kept?: T): T {
  const length = rows.length * size;
  const target =
    kept !== undefined && kept.length >= length
      ? (kept.subarray(0, length) as T)
      : new (source.constructor as new (length: number) => T)(length);
  rows.forEach((row, i) => target.set(source.subarray(row * size, (row + 1) * size), i * size));
  return target;
}
