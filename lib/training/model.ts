/** A net with its parameters: what trains, predicts, and is saved. */
import type { Backend, State } from "../backend/backend.js";
import { selectBackend } from "../backend/select.js";
import { elementCount, requireTensor, type Tensor } from "../data/tensor.js";
import { OptionError, ShapeError, StriateError } from "../errors.js";
import { netParameters, type NetParameter } from "../layers/emit.js";
import { inputName, rootOf } from "../layers/node.js";
import { ModelFileError } from "../io/errors.js";
import type { JsonObject } from "../io/json.js";
import type { LayerDefinition, LayerNode } from "../layers/definition.js";
import { fromGraph, toGraph } from "../layers/graph.js";
import { summary } from "../layers/summary.js";
import type { Optimizer } from "../optimizers/sgd.js";
import { initialize } from "../random/initializers.js";
import { checkSeed, RandomStream } from "../random/philox.js";
import { requireOptions, shortened, showShape, showValue } from "../shape/values.js";
import type { Shape } from "../shape/types.js";
import { drive, driveSync, type RunLoop } from "./drive.js";
import { checkImages, CheckedExamples, type Examples } from "./examples.js";
import { planOf, type RunPlan } from "./explain.js";
import { profileExecutable, type ModelProfile } from "./profile.js";
import {
  checkCount,
  checkFitOptions,
  evaluateLoop,
  fitLoop,
  type Evaluation,
  type FitOptions,
  type History,
} from "./fit.js";
import {
  activationsLoop,
  checkLayers,
  gradientsLoop,
  layerShapes,
  type Activation,
  type ImagePlan,
  type LayerGradients,
} from "./inspect.js";
import {
  checkKind,
  checkMetadata,
  type ActivationsOptions,
  type CallOptions,
  type EvaluateOptions,
  type GradientsOptions,
  type ModelOptions,
  type PredictOptions,
} from "./modelOptions.js";
import { predictLoop, type Images, type Predictions } from "./predict.js";
import { Predictor, type PredictorOptions } from "./predictor.js";
import { planCapacity, PlanCache, resized, slotName, type PlanKind } from "./plans.js";

/**
 * Made by `net.model()` or `loadModel()`. `fit`, `evaluate` and `predict` leave the JavaScript thread; their Sync forms
 * do not. Predictions may run while `fit` does: they see whole training steps only.
 */
export class Model<In extends Shape = Shape, Out extends Shape = Shape> {
  /** Without the batch. */
  readonly inputShape: In;
  readonly outputShape: Out;
  readonly seed: number;
  readonly metadata: JsonObject;
  private readonly backend: Backend;
  private readonly parameterList: readonly NetParameter[];
  /** None after dispose(). */
  private held: { readonly state: State; readonly plans: PlanCache } | undefined;
  /** The optimizer whose slots the State holds. */
  private optimizer: Optimizer | undefined;
  private fitting = false;
  private epochsTrained = 0;

  constructor(
    /** The net's last layer; the others hang on it. */
    readonly node: LayerNode,
    options: ModelOptions = {},
  ) {
    requireOptions("model", options);
    this.seed = checkSeed(options.seed ?? 0);
    this.metadata = checkMetadata(options.metadata ?? {});
    this.backend = options.backend ?? selectBackend();
    this.inputShape = rootOf(node).outputShape as In;
    this.outputShape = node.outputShape as Out;
    this.parameterList = netParameters(node);
    this.held = this.createState(undefined);
    const given = this.checkParameters(options.parameters ?? new Map<string, Tensor>(), "model");
    this.state.write(new Map([...given, ...this.drawnParameters(given)]));
  }

  private createState(optimizer: Optimizer | undefined): { readonly state: State; readonly plans: PlanCache } {
    const state = this.backend.createState(this.stateSpecs(optimizer));
    return { state, plans: new PlanCache(this.backend, state, this.node) };
  }

  private usable(): { readonly state: State; readonly plans: PlanCache } {
    if (this.held !== undefined) return this.held;
    throw new StriateError("ERR_STRIATE_DISPOSED", "model: it was disposed and cannot be used any more");
  }

  private get state(): State {
    return this.usable().state;
  }

  private get plans(): PlanCache {
    return this.usable().plans;
  }

  private stateSpecs(optimizer: Optimizer | undefined): { name: string; shape: Shape }[] {
    const learned = this.parameterList.filter(({ trainable }) => trainable);
    return [
      ...this.parameterList.map(({ tensor, shape }) => ({ name: tensor, shape })),
      ...(optimizer?.slots ?? []).flatMap((slot) =>
        learned.map(({ tensor, shape }) => ({ name: slotName(optimizer!, slot, tensor), shape })),
      ),
    ];
  }

  private drawnParameters(given: ReadonlyMap<string, unknown>): Map<string, Float32Array> {
    const rest = this.parameterList.filter(({ tensor }) => !given.has(tensor));
    return new Map(
      rest.map(({ tensor, shape, initializer }) => {
        const { kind, fanIn, fanOut } = initializer;
        const random = new RandomStream(this.seed, `initialize/${tensor}`);
        return [tensor, initialize(kind, elementCount(shape), { fanIn, fanOut }, random, tensor)];
      }),
    );
  }

  /**
   * Trains. One fit at a time.
   * @returns the losses and accuracies of every epoch
   * @throws ShapeError, OptionError for examples or options that do not fit; StriateError with the code
   *   ERR_STRIATE_DIVERGED where the loss is no longer finite; the signal's reason where it was aborted
   */
  async fit(
    examples: Examples<In, Out>,
    options: FitOptions<In, Out> & { readonly signal?: AbortSignal },
  ): Promise<History> {
    const loop = this.startFit(examples, options);
    try {
      return await drive(loop, options.signal);
    } finally {
      this.fitting = false;
    }
  }

  /** As fit, on the calling thread. */
  fitSync(examples: Examples<In, Out>, options: FitOptions<In, Out>): History {
    const loop = this.startFit(examples, options);
    try {
      return driveSync(loop);
    } finally {
      this.fitting = false;
    }
  }

  private startFit(examples: Examples<In, Out>, options: FitOptions<In, Out>): RunLoop<History> {
    if (this.fitting)
      throw new StriateError("ERR_STRIATE_BUSY", "fit: this model is being trained already; await that first");
    checkFitOptions(options as unknown as FitOptions);
    const check = (data: Examples) => new CheckedExamples(data, this.inputShape, this.outputShape, options.loss, "fit");
    const checked = check(examples);
    const validation = typeof options.validation === "object" ? check(options.validation) : undefined;
    this.holdSlots(options.optimizer);
    const loop = fitLoop({
      plans: this.plans,
      examples: checked,
      validation,
      options: options as unknown as FitOptions,
      seed: this.seed,
      epochsBefore: this.epochsTrained,
      onEpochDone: () => this.epochsTrained++,
    });
    this.fitting = true;
    return loop;
  }

  /**
   * Makes room for an optimizer's slots. The same optimizer object goes on with its slots; another one starts at zero.
   * Predictions under way keep the State they began with; it is freed when the last of them is done.
   */
  private holdSlots(optimizer: Optimizer): void {
    if (this.optimizer === optimizer) return;
    const names = this.parameterList.map(({ tensor }) => tensor);
    const values = this.state.read(names);
    this.held = this.createState(optimizer);
    this.state.write(new Map(names.map((name, i) => [name, values[i]!])));
    this.optimizer = optimizer;
  }

  /**
   * The net's output for each image. Images may have another height and width than the net was made for, where its layers
   * allow that (their types then say `number`).
   */
  async predict<B extends number>(images: Images<B, In>, options: PredictOptions = {}): Promise<Predictions<B, Out>> {
    return drive(this.predictLoop(images, options), options.signal);
  }

  /** As predict, on the calling thread. */
  predictSync<B extends number>(
    images: Images<B, In>,
    options: Omit<PredictOptions, "signal"> = {},
  ): Predictions<B, Out> {
    return driveSync(this.predictLoop(images, options));
  }

  private predictLoop<B extends number>(images: Images<B, In>, options: PredictOptions): RunLoop<Predictions<B, Out>> {
    requireOptions("predict", options);
    return predictLoop(this.planFor({ kind: "predict" }, images, options), options.into);
  }

  /**
   * For servers: predictions with the parameters as they are now, kept as the kernels read them and in no other form. It
   * takes less memory than a model, and where that would have been short (ResNet-50), less time. Packs at once. The model
   * stays as it is; dispose of it where it is no longer needed.
   * @example
   * ```ts
   * const predictor = model.predictor({ batchSize: 8 });
   * const { data } = await predictor.predict(images);
   * ```
   */
  predictor(options: PredictorOptions = {}): Predictor<In, Out> {
    const names = this.parameterList.map(({ tensor }) => tensor);
    const values = this.state.read(names);
    return new Predictor(this.node, this.backend, new Map(names.map((name, i) => [name, values[i]!])), options);
  }

  /** The Program of a kind for some images, checked. */
  private planFor(kind: PlanKind, images: Tensor, options: CallOptions): ImagePlan {
    const owner = kind.kind;
    // Of an image only the channels are fixed: where the layers can take another height and width, so does the model.
    const [height, width, channels] = this.inputShape;
    const expected = channels === undefined ? this.inputShape : [null, null, channels];
    const inputDtype = checkImages(images, expected, owner);
    const [rows, ...inputShape] = images.shape as readonly [number, ...number[]];
    const own = channels === undefined || (inputShape[0] === height && inputShape[1] === width);
    const capacity = planCapacity(rows, checkCount(owner, "batchSize", options.batchSize ?? 32));
    const executable = this.plans.get({ ...kind, rows: capacity, inputDtype, ...(own ? {} : { inputShape }) });
    return { executable, images: images.data, rows, node: own ? this.node : resized(this.node, inputShape) };
  }

  /**
   * What the layers give for each image, by the layer's name, as in `summary()`: [batch, ...the layer's output shape].
   * @param options.layers default: all of them, in the order in which they run
   * @throws OptionError for a layer that the net does not have
   * @example
   * ```ts
   * const { relu1 } = Object.fromEntries(await model.activations(images, { layers: ["relu1"] }));
   * ```
   */
  async activations<B extends number>(
    images: Images<B, In>,
    options: ActivationsOptions = {},
  ): Promise<Map<string, Activation>> {
    return drive(this.startActivations(images, options), options.signal);
  }

  /** As activations, on the calling thread. */
  activationsSync<B extends number>(
    images: Images<B, In>,
    options: Omit<ActivationsOptions, "signal"> = {},
  ): Map<string, Activation> {
    return driveSync(this.startActivations(images, options));
  }

  private startActivations(images: Tensor, options: ActivationsOptions): RunLoop<Map<string, Activation>> {
    requireOptions("activations", options);
    const input = inputName(this.node);
    const layers = options.layers ?? [...layerShapes(this.node).keys()].filter((name) => name !== input);
    checkLayers(this.node, layers, "layers", "activations");
    return activationsLoop(this.planFor({ kind: "activations", layers }, images, options), layers);
  }

  /**
   * Differentiates from any layer to any others, the parameters and running statistics fixed: the gradients of
   * sum(seed * activation of `of`) with respect to what the layers of `wrt` give. A seed that is 1 at a class's score
   * and 0 elsewhere gives the gradient of that score, for each image on its own.
   * @param options.seed [batch, ...the output shape of `of`]
   * @param options.wrt default: the images. Their gradient wants a Float32Array of images.
   * @throws OptionError for a layer that the net does not have; ShapeError for a seed of another shape
   * @example
   * ```ts
   * const { layers } = await model.gradients(images, { of: "dense1", seed, wrt: ["relu2"] });
   * const { activation, gradient } = layers.get("relu2")!;
   * ```
   */
  async gradients<B extends number>(images: Images<B, In>, options: GradientsOptions): Promise<LayerGradients> {
    return drive(this.startGradients(images, options), options.signal);
  }

  /** As gradients, on the calling thread. */
  gradientsSync<B extends number>(images: Images<B, In>, options: Omit<GradientsOptions, "signal">): LayerGradients {
    return driveSync(this.startGradients(images, options));
  }

  private startGradients(images: Tensor, options: GradientsOptions): RunLoop<LayerGradients> {
    requireOptions("gradients", options);
    const input = inputName(this.node);
    const { of, seed, wrt = [input] } = options;
    checkLayers(this.node, [of], "of", "gradients");
    checkLayers(this.node, wrt, "wrt", "gradients");
    if (wrt.includes(input) && images.data instanceof Uint8Array) {
      const remedy = "give the images as a Float32Array of the same numbers";
      throw new OptionError("wrt", `gradients: images of bytes have no gradient; ${remedy}`);
    }
    return gradientsLoop(this.planFor({ kind: "gradients", of, wrt }, images, options), { of, seed, wrt });
  }

  /** Mean loss and accuracy over some examples. */
  async evaluate(examples: Examples<In, Out>, options: EvaluateOptions = {}): Promise<Evaluation> {
    return drive(this.startEvaluate(examples, options), options.signal);
  }

  /** As evaluate, on the calling thread. */
  evaluateSync(examples: Examples<In, Out>, options: Omit<EvaluateOptions, "signal"> = {}): Evaluation {
    return driveSync(this.startEvaluate(examples, options));
  }

  private startEvaluate(examples: Examples<In, Out>, options: EvaluateOptions): RunLoop<Evaluation> {
    requireOptions("evaluate", options);
    const { loss = "crossEntropy" } = options;
    const batchSize = checkCount("evaluate", "batchSize", options.batchSize ?? 32);
    const checked = new CheckedExamples(examples, this.inputShape, this.outputShape, loss, "evaluate");
    const rows = Int32Array.from({ length: checked.rows }, (_, i) => i);
    return evaluateLoop(this.plans, checked, rows, loss, batchSize);
  }

  /** Copies of all parameters and running statistics, from between two training steps. */
  parameters(): Map<string, Tensor<Shape, Float32Array>> {
    const values = this.state.read(this.parameterList.map(({ tensor }) => tensor));
    return new Map(this.parameterList.map(({ tensor, shape }, i) => [tensor, { shape, data: values[i]! }]));
  }

  /**
   * Replaces parameters, all given ones together.
   * @throws OptionError for an unknown name, ShapeError for a wrong shape
   */
  setParameters(tensors: ReadonlyMap<string, Tensor>): void {
    this.state.write(this.checkParameters(tensors, "setParameters"));
  }

  private checkParameters(tensors: ReadonlyMap<string, Tensor>, owner: string): Map<string, Float32Array> {
    if (!(tensors instanceof Map))
      throw new OptionError("parameters", `${owner}: parameters must be a Map of tensors, got ${showValue(tensors)}`);
    const specs = new Map(this.parameterList.map(({ tensor, shape }) => [tensor, shape]));
    const values = new Map<string, Float32Array>();
    for (const [name, value] of tensors as ReadonlyMap<string, Tensor>) {
      const expected = specs.get(name);
      if (expected === undefined)
        throw new OptionError("parameters", `${owner}: the model has no parameter ${shortened(name)}`);
      requireTensor(owner, name, value);
      const { shape, data } = value;
      if (
        expected.length !== shape.length ||
        expected.some((size, i) => size !== shape[i]) ||
        data.length !== elementCount(shape)
      ) {
        throw new ShapeError(
          name,
          `${owner}: ${name} must have the shape [${expected.join(", ")}], got ${showShape(shape)}`,
        );
      }
      // The State copies what it is given.
      values.set(name, data instanceof Float32Array ? data : Float32Array.from(data));
    }
    return values;
  }

  /**
   * Saves graph, parameters and metadata into a folder: a reader finds the old model or the new one, never a mixture.
   * @throws the file system's error, with its code
   */
  async save(folder: string): Promise<void> {
    const { saveModelFile } = await import("../io/modelFile.js");
    // What toGraph gives is plain JSON data by construction of every layer's options.
    const graph = toGraph(this.node) as unknown as JsonObject;
    await saveModelFile(folder, { graph, tensors: this.parameters(), metadata: this.metadata });
  }

  /** Layers, shapes, parameters, multiply-adds and formulas, as text. */
  summary(): string {
    return summary(this);
  }

  /** How a run is executed: steps, shapes, algorithms and kernels with those that declined, FLOPs, memory. */
  explain(kind: PlanKind = { kind: "predict" }, options: { readonly batchSize?: number } = {}): string {
    return String(this.plan(kind, options));
  }

  /**
   * What explain tells, as data.
   * @example
   * ```ts
   * const { memory, steps } = model.plan({ kind: "predict" }, { batchSize: 1 });
   * console.log(memory.packedWeights, steps.map(({ kernel }) => kernel));
   * ```
   */
  plan(kind: PlanKind = { kind: "predict" }, options: { readonly batchSize?: number } = {}): RunPlan {
    checkKind("explain", this.node, kind);
    requireOptions("explain", options);
    if (kind.kind === "train") this.holdSlots(kind.optimizer);
    const rows = checkCount("explain", "batchSize", options.batchSize ?? 32);
    return planOf(this.plans.get({ ...kind, rows, inputDtype: "f32" }));
  }

  /**
   * What each step of a run takes: the least of several runs on random inputs. The model stays as it is.
   * @param options.runs default 10
   * @throws StriateError while the model is being trained
   * @example
   * ```ts
   * console.log(String(model.profile({ kind: "predict" }, { batchSize: 1 })));
   * ```
   */
  profile(
    kind: PlanKind = { kind: "predict" },
    options: { readonly batchSize?: number; readonly runs?: number } = {},
  ): ModelProfile {
    checkKind("profile", this.node, kind);
    requireOptions("profile", options);
    if (this.fitting) {
      throw new StriateError("ERR_STRIATE_BUSY", "profile: this model is being trained; await that first");
    }
    if (kind.kind === "train") this.holdSlots(kind.optimizer);
    const rows = checkCount("profile", "batchSize", options.batchSize ?? 32);
    const runs = checkCount("profile", "runs", options.runs ?? 10);
    const executable = this.plans.get({ ...kind, rows, inputDtype: "f32" });
    if (executable.program.commit.length === 0) return profileExecutable(executable, runs);
    const names = this.state.specs.map(({ name }) => name);
    const before = this.state.read(names);
    try {
      return profileExecutable(executable, runs);
    } finally {
      this.state.write(new Map(names.map((name, i) => [name, before[i]!])));
    }
  }

  /**
   * Frees parameters and plans now instead of when they are collected. A run under way is waited for; calls that have more
   * to run reject. `using` does this at the end of its block.
   * @throws StriateError with the code ERR_STRIATE_DISPOSED where the model was disposed already; so does all further use
   */
  dispose(): void {
    const { plans, state } = this.usable();
    this.held = undefined;
    plans.dispose();
    state.dispose();
  }

  /** As dispose, but a model that was disposed already is left alone: a `using` block may end it early. */
  [Symbol.dispose](): void {
    if (this.held !== undefined) this.dispose();
  }
}

/**
 * Loads what `model.save` wrote. Its shapes are known at run time only: narrow with `assertShape`, or predict as it is.
 * @param options.layers definitions of layers that are not of this package
 * @throws ModelFileError naming everything that is wrong with the files
 * @example
 * ```ts
 * const model = await loadModel("models/digits");
 * ```
 */
export async function loadModel(
  folder: string,
  options: Omit<ModelOptions, "metadata" | "parameters"> & { readonly layers?: readonly LayerDefinition[] } = {},
): Promise<Model> {
  const { loadModelFile, tensorProblems } = await import("../io/modelFile.js");
  const { layers, ...modelOptions } = options;
  const { graph, tensors, metadata } = await loadModelFile(folder);
  const node = fromGraph(graph, layers);
  const expected = new Map(netParameters(node).map(({ tensor, shape }) => [tensor, shape]));
  const problems = tensorProblems(expected, tensors);
  if (problems.length > 0) throw new ModelFileError(folder, problems);
  return new Model(node, { ...modelOptions, metadata, parameters: tensors });
}
