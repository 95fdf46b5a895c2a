/**
 * Bugs that read an attribute wrongly, planted by changing it in the Program on its way to a backend: any backend, native
 * too, then computes what such a bug would compute (or refuses, where the sizes no longer fit).
 */
import type { Backend } from "../../lib/backend/backend.js";
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import type { Program, Step } from "../../lib/graph/program.js";

/** The attributes after the bug, by name. */
export type AttributeBug = (attributes: Record<string, number>) => Record<string, number>;

export interface PlantedAttribute {
  readonly name: string;
  readonly ops: readonly OpName[];
  readonly bug: AttributeBug;
}

const convolutions: readonly OpName[] = ["conv2d", "conv2d.backwardInput", "conv2d.backwardFilter"];
const patches: readonly OpName[] = ["im2col", "col2im"];
const pools: readonly OpName[] = ["maxPool2d", "maxPool2d.backward", "avgPool2d", "avgPool2d.backward"];
const windows = [...convolutions, ...patches, ...pools];
const epilogues: readonly OpName[] = [
  "conv2d",
  "matmul",
  "batchNorm.inference",
  "batchNorm.train",
  "add",
  "activation",
];
/** Backward ops that know an activation. */
const withGradient: readonly OpName[] = ["activation.backward", "maxPool2d.backward", "batchNorm.trainBackward"];

const exchange =
  (first: string, second: string): AttributeBug =>
  (attributes) => ({ ...attributes, [first]: attributes[second]!, [second]: attributes[first]! });
const change =
  (name: string, f: (value: number) => number): AttributeBug =>
  (attributes) => ({ ...attributes, [name]: f(attributes[name]!) });

export const attributeBugs: readonly PlantedAttribute[] = [
  { name: "padding of top and bottom exchanged", ops: windows, bug: exchange("padTop", "padBottom") },
  { name: "padding of left and right exchanged", ops: windows, bug: exchange("padLeft", "padRight") },
  {
    name: "the extra pad of an even filter in front",
    ops: convolutions,
    bug: (a) => (a["padRight"]! > a["padLeft"]! ? exchange("padLeft", "padRight")(a) : a),
  },
  { name: "strides of height and width exchanged", ops: windows, bug: exchange("strideH", "strideW") },
  {
    name: "dilations of height and width exchanged",
    ops: [...convolutions, ...patches],
    bug: exchange("dilationH", "dilationW"),
  },
  { name: "kernel sides exchanged", ops: [...patches, ...pools], bug: exchange("kernelH", "kernelW") },
  { name: "stride 1 always", ops: windows, bug: (a) => ({ ...a, strideH: 1, strideW: 1 }) },
  { name: "dilation 1 always", ops: [...convolutions, ...patches], bug: (a) => ({ ...a, dilationH: 1, dilationW: 1 }) },
  { name: "padding ignored", ops: windows, bug: (a) => ({ ...a, padTop: 0, padBottom: 0, padLeft: 0, padRight: 0 }) },
  {
    name: "the image one row lower",
    ops: windows,
    bug: (a) => ({ ...a, padTop: a["padTop"]! + 1, padBottom: Math.max(a["padBottom"]! - 1, 0) }),
  },
  { name: "one group always", ops: convolutions, bug: change("groups", () => 1) },
  {
    name: "padding counted, or not, the other way round",
    ops: ["avgPool2d", "avgPool2d.backward"],
    bug: change("countIncludePad", (v) => 1 - v),
  },
  { name: "activation forgotten", ops: epilogues, bug: change("activation", () => 0) },
  { name: "activation of the backward op forgotten", ops: withGradient, bug: change("activation", () => 0) },
  {
    name: "leaky slope of another framework",
    ops: [...epilogues, ...withGradient],
    bug: change("slope", (v) => (v === 0 ? 0 : 0.3)),
  },
  {
    name: "epsilon forgotten",
    ops: [
      "batchNorm.inference",
      "batchNorm.inferenceBackward",
      "batchNorm.train",
      "batchNorm.trainBackward",
      "batchNorm.fold",
    ],
    bug: change("epsilon", () => 1e-30),
  },
  {
    name: "momentum of the old value (Keras)",
    ops: ["batchNorm.updateStatistics"],
    bug: change("momentum", (v) => 1 - v),
  },
  { name: "biased running variance", ops: ["batchNorm.updateStatistics"], bug: change("pixelsPerRow", () => 1e9) },
  {
    name: "the variance counts rows, not pixels",
    ops: ["batchNorm.updateStatistics"],
    bug: change("pixelsPerRow", () => 1),
  },
  { name: "a not transposed", ops: ["matmul"], bug: change("transposeA", () => 0) },
  { name: "b not transposed", ops: ["matmul"], bug: change("transposeB", () => 0) },
  { name: "momentum forgotten", ops: ["sgd"], bug: change("momentum", () => 0) },
  { name: "nesterov forgotten", ops: ["sgd"], bug: change("nesterov", () => 0) },
  { name: "nesterov always", ops: ["sgd"], bug: change("nesterov", () => 1) },
  { name: "weight decay forgotten", ops: ["sgd"], bug: change("weightDecay", () => 0) },
  { name: "fill with zeros always", ops: ["fill"], bug: change("value", () => 0) },
  { name: "scale forgotten", ops: ["rescale"], bug: change("scale", () => 1) },
  { name: "offset forgotten", ops: ["rescale", "filter2d"], bug: change("offset", () => 0) },
];

/** Attributes that no bug can misread into a wrong result. */
export const harmlessAttributes: Readonly<Record<string, string>> = {
  algorithm: "chooses how, not what: explain() is compared instead",
  exact: "chooses how, not what",
  toBytes: "says what the dtype of the result says as well: where they differ the Program is refused",
};

/** The backend, but every step of `op` reaches it with the bug's attributes. */
export function withAttributeBug(backend: Backend, op: OpName, bug: AttributeBug): Backend {
  const spoil = (step: Step): Step => {
    if (step.op !== op) return step;
    const names: readonly string[] = opSchemas[op].attributes;
    const spoiled = bug(Object.fromEntries(names.map((name, i) => [name, step.attributes[i]!])));
    return { ...step, attributes: names.map((name) => spoiled[name]!) };
  };
  return {
    name: backend.name,
    info: () => backend.info(),
    createState: (specs) => backend.createState(specs),
    compile: ({ prepare, steps, commit, ...program }, state) => {
      const spoiled: Program = {
        ...program,
        prepare: prepare.map(spoil),
        steps: steps.map(spoil),
        commit: commit.map(spoil),
      };
      return backend.compile(spoiled, state);
    },
  };
}
