/** Predictions and nothing else: parameters are kept as the kernels read them, and in no other form. */
import type { Backend, Executable, State } from "../backend/backend.js";
import { StriateError, OptionError } from "../errors.js";
import type { LayerNode } from "../layers/definition.js";
import { netParameters } from "../layers/emit.js";
import { rootOf } from "../layers/node.js";
import { requireOptions, showValue } from "../shape/values.js";
import type { Shape } from "../shape/types.js";
import { drive, driveSync, type RunLoop } from "./drive.js";
import { checkImages } from "./examples.js";
import { planOf, type RunPlan } from "./explain.js";
import { checkCount } from "./fit.js";
import type { PredictOptions } from "./modelOptions.js";
import { predictionPlan } from "./predictionPlan.js";
import { predictLoop, type Images, type Predictions } from "./predict.js";
import { profileExecutable, type ModelProfile } from "./profile.js";

export interface PredictorOptions {
  /**
   * The most images in one run; memory and algorithms follow from it. Fewer are run at once where that is faster, since
   * their layers' results stay in the caches: `plan().rows`. Default 1.
   */
  readonly batchSize?: number;
  /** What holds the images: "f32" is a Float32Array, "u8" a Uint8Array. Default "f32". */
  readonly inputDtype?: "f32" | "u8";
}

/**
 * Made by `model.predictor()`: the model's predictions with the parameters that it had then, for images of its own size.
 * `predict` leaves the JavaScript thread, `predictSync` does not; calls may overlap.
 */
export class Predictor<In extends Shape = Shape, Out extends Shape = Shape> {
  /** Without the batch. */
  readonly inputShape: In;
  readonly outputShape: Out;
  readonly batchSize: number;
  readonly inputDtype: "f32" | "u8";
  /** None after dispose(). */
  private held: { readonly state: State; readonly executable: Executable } | undefined;

  /** @param parameters of the net's layers, by name */
  constructor(
    private readonly node: LayerNode,
    backend: Backend,
    parameters: ReadonlyMap<string, Float32Array>,
    options: PredictorOptions,
  ) {
    requireOptions("predictor", options);
    const { batchSize = 1, inputDtype = "f32" } = options;
    this.batchSize = checkCount("predictor", "batchSize", batchSize);
    if (!["f32", "u8"].includes(inputDtype)) {
      const got = showValue(inputDtype);
      throw new OptionError("inputDtype", `predictor: inputDtype must be "f32" or "u8", got ${got}`);
    }
    this.inputDtype = inputDtype;
    this.inputShape = rootOf(node).outputShape as In;
    this.outputShape = node.outputShape as Out;
    const state = backend.createState(netParameters(node).map(({ tensor, shape }) => ({ name: tensor, shape })));
    try {
      state.write(parameters);
      const program = predictionPlan(node, batchSize, inputDtype);
      this.held = { state, executable: backend.compile(program, state, { ownsState: true }) };
    } catch (error) {
      state.dispose();
      throw error;
    }
  }

  private get executable(): Executable {
    if (this.held !== undefined) return this.held.executable;
    throw new StriateError("ERR_STRIATE_DISPOSED", "predictor: it was disposed and cannot be used any more");
  }

  /**
   * The net's output for each image; more images than `batchSize` take several runs.
   * @param images [batch, ...inputShape]
   * @returns [batch, ...outputShape]
   * @throws ShapeError for images of another shape, OptionError for another dtype or an `into` of another size; the
   *   signal's reason where it was aborted
   */
  async predict<B extends number>(
    images: Images<B, In>,
    options: Omit<PredictOptions, "batchSize"> = {},
  ): Promise<Predictions<B, Out>> {
    return drive(this.loop(images, options), options.signal);
  }

  /** As predict, on the calling thread. */
  predictSync<B extends number>(
    images: Images<B, In>,
    options: Pick<PredictOptions, "into"> = {},
  ): Predictions<B, Out> {
    return driveSync(this.loop(images, options));
  }

  private loop<B extends number>(
    images: Images<B, In>,
    options: Pick<PredictOptions, "into">,
  ): RunLoop<Predictions<B, Out>> {
    const { executable } = this;
    requireOptions("predict", options);
    if (checkImages(images, this.inputShape, "predict") !== this.inputDtype) {
      const array = this.inputDtype === "f32" ? "a Float32Array" : "a Uint8Array";
      throw new OptionError(
        "images",
        `predict: this predictor takes ${array} of images; inputDtype of model.predictor() tells which`,
      );
    }
    return predictLoop({ executable, images: images.data, rows: images.shape[0], node: this.node }, options.into);
  }

  /** As {@link Model.explain}, of predictions. */
  explain(): string {
    return String(this.plan());
  }

  /** What explain tells, as data. Packed weights stand in place of parameters here, not beside them. */
  plan(): RunPlan {
    return planOf(this.executable);
  }

  /** As {@link Model.profile}, of predictions. */
  profile(options: { readonly runs?: number } = {}): ModelProfile {
    requireOptions("profile", options);
    return profileExecutable(this.executable, checkCount("profile", "runs", options.runs ?? 10));
  }

  /**
   * Frees all memory now instead of when it is collected. A run under way is waited for.
   * @throws StriateError with the code ERR_STRIATE_DISPOSED where that was done already; so does all further use
   */
  dispose(): void {
    this.executable.dispose();
    this.held!.state.dispose();
    this.held = undefined;
  }

  /** As dispose, but once disposed of it is left alone: a `using` block may end it early. */
  [Symbol.dispose](): void {
    if (this.held !== undefined) this.dispose();
  }
}
