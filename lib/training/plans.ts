/** The Programs a model runs: forward pass, forward pass with loss, training step; compiled on demand and kept. */
import { ShapeError } from "../errors.js";
import type { Shape } from "../shape/types.js";
import { showShape } from "../shape/values.js";
import type { Backend, Executable, State } from "../backend/backend.js";
import { lower } from "../graph/lower.js";
import type { Program } from "../graph/program.js";
import { input, state as stateValue, withLabel, type Value } from "../graph/value.js";
import type { LayerNode } from "../layers/definition.js";
import { emitNet, netParameters } from "../layers/emit.js";
import { listNodes, rootOf, withInputShape } from "../layers/node.js";
import { emitLoss, type LossName } from "../losses/losses.js";
import { rescale } from "../ops/arithmetic.js";
import { gradients } from "../ops/gradient.js";
import type { Optimizer } from "../optimizers/sgd.js";

/** What one Program does. */
export type PlanKind =
  | { readonly kind: "predict" }
  | { readonly kind: "evaluate"; readonly loss: LossName }
  | { readonly kind: "train"; readonly loss: LossName; readonly optimizer: Optimizer }
  | { readonly kind: "activations"; readonly layers: readonly string[] }
  | { readonly kind: "gradients"; readonly of: string; readonly wrt: readonly string[] };

export const planKinds: readonly PlanKind["kind"][] = ["predict", "evaluate", "train", "activations", "gradients"];

export type PlanRequest = PlanKind & {
  readonly rows: number;
  readonly inputDtype: "f32" | "u8";
  /** Height and width other than the net's own. */
  readonly inputShape?: Shape;
};

/** The State tensor that holds an optimizer's slot of a parameter. */
export function slotName(optimizer: Optimizer, slot: string, parameter: string): string {
  return `${optimizer.name}.${slot}/${parameter}`;
}

/**
 * The Program of a request. Inputs in order: images, then the target to evaluate and train, the seed for gradients.
 * Outputs: predict gives the net's output; evaluate and train give the loss and the output; activations gives that of
 * each layer; gradients gives the activation of `of`, then activation and gradient of each layer of `wrt`.
 */
export function buildProgram(net: LayerNode, request: PlanRequest): Program {
  const parameters = new Map<string, Value>();
  const { output, layers, updates } = emitNet(net, images(net, request), {
    training: request.kind === "train",
    parameter: ({ tensor, shape }) => {
      const value = stateValue(tensor, shape);
      parameters.set(tensor, value);
      return value;
    },
  });
  if (request.kind === "predict") {
    return lower({ outputs: [{ name: "output", value: output }] }, { rows: request.rows });
  }
  if (request.kind === "activations") {
    const outputs = request.layers.map((name) => ({ name, value: layers.get(name)! }));
    return lower({ outputs }, { rows: request.rows });
  }
  if (request.kind === "gradients") {
    const root = layers.get(request.of)!;
    const seed = input("seed", root.shape, { batched: true });
    const wrt = request.wrt.map((name) => layers.get(name)!);
    const slopes = withLabel("gradient", () => gradients(root, wrt, seed));
    const pairs = request.wrt.flatMap((name, i) => [
      { name, value: wrt[i]! },
      { name: `gradient of ${name}`, value: slopes[i]! },
    ]);
    return lower({ outputs: [{ name: request.of, value: root }, ...pairs] }, { rows: request.rows });
  }
  const { loss } = withLabel("loss", () => emitLoss(request.loss, output));
  const outputs = [
    { name: "loss", value: loss },
    { name: "output", value: output },
  ];
  if (request.kind === "evaluate") return lower({ outputs }, { rows: request.rows });
  const learned = netParameters(net).filter(({ trainable }) => trainable);
  const values = learned.map(({ tensor }) => parameters.get(tensor)!);
  const steps = withLabel("gradient", () => gradients(loss, values)).flatMap((gradient, i) => {
    const { tensor, name } = learned[i]!;
    // Decay pulls weights to zero; a bias or a batch norm's gamma has no reason to be small.
    return emitUpdate(request.optimizer, tensor, values[i]!, gradient, name === "weight");
  });
  return lower({ outputs, updates: [...updates, ...steps] }, { rows: request.rows });
}

/** The images as the net reads them: bytes stay bytes where rescale layers do the conversion. */
function images(net: LayerNode, { rows, inputDtype }: PlanRequest): Value {
  const root = rootOf(net);
  const value = input("images", [rows, ...root.outputShape], { batched: true, dtype: inputDtype });
  if (inputDtype === "f32") return value;
  const readers = listNodes(net).filter(({ node }) => node.inputs.includes(root));
  return readers.every(({ node }) => node.definition.type === "rescale") ? value : rescale(value);
}

function emitUpdate(
  optimizer: Optimizer,
  name: string,
  parameter: Value,
  gradient: Value,
  decays: boolean,
): { tensor: string; value: Value }[] {
  return withLabel(name, () => {
    const names = optimizer.slots.map((slot) => slotName(optimizer, slot, name));
    const slots = names.map((slot) => stateValue(slot, parameter.shape));
    const updated = optimizer.update(parameter, gradient, slots, decays);
    return [
      { tensor: name, value: updated.parameter },
      ...updated.slots.map((value, i) => ({ tensor: names[i]!, value })),
    ];
  });
}

/**
 * The net for images of another height and width. Convolutions and pools do not mind; a dense layer behind a flatten does.
 * @throws ShapeError where a layer or a parameter does not fit
 */
export function resized(net: LayerNode, inputShape: Shape): LayerNode {
  const result = withInputShape(net, inputShape);
  const own = netParameters(net);
  netParameters(result).forEach(({ tensor, shape }, i) => {
    if (showShape(shape) === showShape(own[i]!.shape)) return;
    const has = showShape(own[i]!.shape);
    throw new ShapeError(
      "images",
      `predict: images of ${showShape(inputShape)} would need ${tensor} to be ${showShape(shape)}, it is ${has}; the net is made for ${showShape(rootOf(net).outputShape)}`,
    );
  });
  return result;
}

/** Compiled Programs of one State, the least recently used dropped first: each holds an arena. */
export class PlanCache {
  private readonly executables = new Map<string, Executable>();
  private readonly optimizers = new Map<Optimizer, number>();

  constructor(
    private readonly backend: Backend,
    private readonly state: State,
    private readonly net: LayerNode,
    private readonly capacity = 16,
  ) {}

  get(request: PlanRequest): Executable {
    const key = this.key(request);
    let executable = this.executables.get(key);
    if (executable === undefined) {
      const net = request.inputShape === undefined ? this.net : resized(this.net, request.inputShape);
      executable = this.backend.compile(buildProgram(net, request), this.state);
    } else {
      this.executables.delete(key);
    }
    this.executables.set(key, executable);
    if (this.executables.size > this.capacity) {
      // Not disposed of: a run of several batches may still be using it. It goes when the last user does.
      this.executables.delete(this.executables.keys().next().value!);
    }
    return executable;
  }

  private key(request: PlanRequest): string {
    const parts: (string | number)[] = [
      request.kind,
      request.rows,
      request.inputDtype,
      String(request.inputShape ?? ""),
    ];
    if (request.kind === "activations") parts.push(JSON.stringify(request.layers));
    if (request.kind === "gradients") parts.push(JSON.stringify([request.of, request.wrt]));
    if (request.kind === "evaluate" || request.kind === "train") parts.push(request.loss);
    if (request.kind === "train") {
      const { optimizer } = request;
      // Two optimizers may differ in what their update closes over, so each object has plans of its own.
      if (!this.optimizers.has(optimizer)) this.optimizers.set(optimizer, this.optimizers.size);
      parts.push(this.optimizers.get(optimizer)!);
    }
    return parts.join(" ");
  }

  dispose(): void {
    for (const executable of this.executables.values()) executable.dispose();
    this.executables.clear();
  }
}

/** Few distinct capacities, each a plan with an arena: the next power of two, at most the batch size. */
export function planCapacity(rows: number, batchSize: number): number {
  return rows >= batchSize ? batchSize : Math.min(batchSize, 2 ** Math.ceil(Math.log2(rows)));
}
