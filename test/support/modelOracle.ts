/** What a model's layers give, and gradients between them, in float64 by the oracle, with derived tolerances. */
import type { Backend } from "../../lib/backend/backend.js";
import { input, type Value } from "../../lib/graph/value.js";
import type { Model } from "../../lib/index.js";
import { emitNet } from "../../lib/layers/emit.js";
import { gradients } from "../../lib/ops/index.js";
import { type Bounded, referenceRounding } from "./oracle/index.js";
import { noisySamples, OracleRunner, spread } from "./oracleRun.js";
import { Random } from "./random.js";
import { roundingOf } from "./valueCase.js";

export interface OracleRequest {
  readonly model: Pick<Model, "node" | "inputShape" | "parameters">;
  readonly backend: Backend;
  /** [rows, ...]; of a run on the oracle, so any numbers. */
  readonly images: ArrayLike<number>;
  readonly rows: number;
  /** Layers whose activations are wanted. */
  readonly layers: readonly string[];
  /** The gradients of sum(seed * of), if they are wanted, in the order of `wrt` behind the activations. */
  readonly gradient?: { readonly of: string; readonly seed: ArrayLike<number>; readonly wrt: readonly string[] };
}

/** The net's graph at inference and the Values asked for. */
function graphOf({ model, rows, layers, gradient }: OracleRequest): { name: string; value: Value }[] {
  const x = input("images", [rows, ...model.inputShape], { batched: true });
  const net = emitNet(model.node, x, { training: false });
  const outputs = layers.map((name) => ({ name, value: net.layers.get(name)! }));
  if (gradient === undefined) return outputs;
  const root = net.layers.get(gradient.of)!;
  const seed = input("seed", root.shape, { batched: true });
  const found = gradients(
    root,
    gradient.wrt.map((name) => net.layers.get(name)!),
    seed,
  );
  return [...outputs, ...found.map((value, i) => ({ name: `d ${gradient.wrt[i]!}`, value }))];
}

/** One entry for each layer, then for each gradient; the tolerance is that of the backend under test. */
export function oracleOf(request: OracleRequest): Bounded[] {
  const { model, backend, images, rows, gradient } = request;
  const outputs = graphOf(request);
  const inputs = new Map([["images", Float64Array.from(images)]]);
  if (gradient !== undefined) inputs.set("seed", Float64Array.from(gradient.seed));
  const run = (noise?: Random): Float64Array[] => {
    const state = new Map([...model.parameters()].map(([name, { data }]) => [name, Float64Array.from(data)]));
    const rounding = noise === undefined ? referenceRounding : roundingOf(backend);
    return new OracleRunner({ outputs }, rounding, noise).run(inputs, state, { rows, learningRate: 0 });
  };
  const noisy = Array.from({ length: noisySamples }, (_, i) => run(new Random(`noise ${String(i)}`)));
  return spread(run(), noisy).map((bounded, i) => ({ ...bounded, shape: outputs[i]!.value.shape }));
}
