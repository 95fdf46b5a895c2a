/** Declares the comparison with PyTorch over several steps: running statistics, the optimizer, a whole network. */
import { describe, expect, it } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import type { GraphRoots } from "../../lib/graph/passes/ir.js";
import { input, state, type Value } from "../../lib/graph/value.js";
import * as ops from "../../lib/ops/index.js";
import { arrayOf, type Exact, readGolden, type Rounded } from "./golden.js";
import { type GoldenRun, sequenceFailures } from "./sequence.js";

function report(failures: readonly (string | undefined)[]): void {
  expect(failures.filter((failure) => failure !== undefined).join("\n")).toBe("");
}

interface BatchNormStep {
  readonly x: Exact;
  readonly dy: Exact;
  readonly y: Rounded;
  readonly dx: Rounded;
  readonly dgamma: Rounded;
  readonly dbeta: Rounded;
}
interface BatchNormGolden {
  readonly name: string;
  readonly momentum: number;
  readonly epsilon: number;
  readonly gamma: Exact;
  readonly beta: Exact;
  readonly steps: readonly (BatchNormStep & { readonly runningMean: Rounded; readonly runningVariance: Rounded })[];
  readonly eval: BatchNormStep;
}

function declareBatchNorm(backend: Backend): void {
  describe("batch norm, four training steps and an evaluation", () => {
    it.each(readGolden<BatchNormGolden>("batchNorm"))(
      "$name",
      ({ gamma, beta, steps, epsilon, momentum, eval: evaluation }) => {
        const { shape } = steps[0]!.x;
        const rows = shape[0]!;
        const channels = shape.slice(-1);
        const x = input("x", shape, { batched: true });
        const dy = input("dy", shape, { batched: true });
        const parameters = { gamma: state("gamma", channels), beta: state("beta", channels) };
        const running = { mean: state("runningMean", channels), variance: state("runningVariance", channels) };
        const outputsOf = (y: Value): { name: string; value: Value }[] => {
          const [dx, dgamma, dbeta] = ops.gradients(y, [x, parameters.gamma, parameters.beta], dy);
          return Object.entries({ y, dx: dx!, dgamma: dgamma!, dbeta: dbeta! }).map(([name, value]) => ({
            name,
            value,
          }));
        };
        const train = ops.batchNormTrain(x, parameters, { epsilon });
        const pixelsPerRow = shape.slice(1, -1).reduce((product, size) => product * size, 1);
        const updated = ops.updateStatistics(train, running, { momentum, pixelsPerRow });
        const updates = [
          { tensor: "runningMean", value: updated.mean },
          { tensor: "runningVariance", value: updated.variance },
        ];
        const initial = new Map(
          Object.entries({
            gamma: arrayOf(gamma),
            beta: arrayOf(beta),
            runningMean: new Float32Array(channels[0]!),
            runningVariance: new Float32Array(channels[0]!).fill(1),
          }).map(([name, values]) => [name, { shape: channels, values }]),
        );
        const runOf = (step: BatchNormStep, states: GoldenRun["states"]): GoldenRun => {
          const { y, dx, dgamma, dbeta } = step;
          return {
            inputs: { x: arrayOf(step.x), dy: arrayOf(step.dy) },
            rows,
            learningRate: 0,
            outputs: { y, dx, dgamma, dbeta },
            states,
          };
        };
        const training = { outputs: outputsOf(train.y), updates };
        const runs = steps.map((step) =>
          runOf(step, { runningMean: step.runningMean, runningVariance: step.runningVariance }),
        );
        report(sequenceFailures(backend, training, rows, initial, runs));

        const y = ops.batchNorm(x, { ...parameters, ...running }, { epsilon });
        const last = steps[steps.length - 1]!;
        const trained = new Map(initial)
          .set("runningMean", { shape: channels, values: Float32Array.from(last.runningMean.values) })
          .set("runningVariance", { shape: channels, values: Float32Array.from(last.runningVariance.values) });
        const inference = { outputs: outputsOf(y) };
        report(
          sequenceFailures(backend, inference, rows, trained, [runOf(evaluation, {})]).filter(
            (failure) => !isOracleAlone(failure),
          ),
        );
      },
    );
  });
}

/** Running statistics pass through float32 between the two Programs, so the oracle does not start where PyTorch did. */
function isOracleAlone(failure: string | undefined): boolean {
  return failure?.includes("oracle and PyTorch") ?? true;
}

interface SgdGolden {
  readonly name: string;
  readonly options: { readonly momentum?: number; readonly nesterov?: boolean; readonly weightDecay?: number };
  readonly parameter: Exact;
  readonly steps: readonly {
    readonly learningRate: number;
    readonly gradient: Exact;
    readonly parameter: Rounded;
    readonly velocity?: Rounded;
  }[];
}

function declareSgd(backend: Backend): void {
  describe("SGD, five steps", () => {
    it.each(readGolden<SgdGolden>("sgd"))("$name", ({ options, parameter, steps }) => {
      const { shape } = parameter;
      const velocity = options.momentum === undefined ? undefined : state("velocity", shape);
      const updated = ops.sgdUpdate(state("parameter", shape), input("gradient", shape), velocity, options);
      const updates = [{ tensor: "parameter", value: updated.parameter }];
      const initial = new Map([["parameter", { shape, values: arrayOf(parameter) }]]);
      if (updated.velocity !== undefined) {
        updates.push({ tensor: "velocity", value: updated.velocity });
        initial.set("velocity", { shape, values: new Float32Array(parameter.numerators.length) });
      }
      const runs = steps.map(({ learningRate, gradient, parameter: after, velocity: slot }): GoldenRun => ({
        inputs: { gradient: arrayOf(gradient) },
        rows: 1,
        learningRate,
        outputs: {},
        states: slot === undefined ? { parameter: after } : { parameter: after, velocity: slot },
      }));
      report(sequenceFailures(backend, { outputs: [], updates }, 1, initial, runs));
    });
  });
}

/** The network of generateGoldens.py, as the file describes it. */
export interface NetworkGolden {
  readonly name: string;
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  readonly rows: number;
  readonly parameters: Readonly<Record<string, Exact>>;
  readonly steps: readonly { readonly images: Exact; readonly labels: readonly number[]; readonly loss: number }[];
  readonly after: Readonly<Record<string, Rounded>>;
}

/** The network of generateGoldens.py as one graph: forward, loss, backward and update. */
export function network(golden: NetworkGolden): {
  readonly roots: GraphRoots;
  readonly shapes: Map<string, readonly number[]>;
} {
  const { rows, parameters } = golden;
  const shapes = new Map(Object.entries(parameters).map(([name, { shape }]) => [name, shape]));
  const values = new Map([...shapes].map(([name, shape]) => [name, state(name, shape)]));
  const of = (name: string): Value => values.get(name)!;
  const images = input("images", golden.steps[0]!.images.shape, { batched: true });
  const labels = input("labels", [rows], { dtype: "i32", batched: true });
  const first = ops.relu(ops.conv2d(images, of("stem.filter"), { padding: 1, bias: of("stem.bias") }));
  const convolved = ops.conv2d(first, of("block.filter"), { padding: 1 });
  const normal = ops.batchNormTrain(convolved, { gamma: of("norm.gamma"), beta: of("norm.beta") });
  const second = ops.relu(ops.add(normal.y, first));
  const flat = ops.flatten(ops.maxPool2d(second, { size: 2 }));
  const { loss } = ops.softmaxCrossEntropy(ops.dense(flat, of("head.weight"), { bias: of("head.bias") }), labels);
  const gradients = ops.gradients(loss, [...values.values()]);
  const channels = shapes.get("norm.gamma")!;
  const running = { mean: state("norm.mean", channels), variance: state("norm.variance", channels) };
  const [, height, width] = convolved.shape as [number, number, number, number];
  const statistics = ops.updateStatistics(normal, running, { pixelsPerRow: height * width });
  const updates = [
    { tensor: "norm.mean", value: statistics.mean },
    { tensor: "norm.variance", value: statistics.variance },
  ];
  [...values].forEach(([name, value], i) => {
    const slot = state(`${name}.velocity`, value.shape);
    const { parameter, velocity } = ops.sgdUpdate(value, gradients[i]!, slot, golden);
    updates.push({ tensor: name, value: parameter }, { tensor: `${name}.velocity`, value: velocity! });
  });
  shapes.set("norm.mean", channels).set("norm.variance", channels);
  for (const [name, { shape }] of values) shapes.set(`${name}.velocity`, shape);
  return { roots: { outputs: [{ name: "loss", value: loss }], updates }, shapes };
}

function declareNetwork(backend: Backend): void {
  describe("a network, five steps of training", () => {
    it.each(readGolden<NetworkGolden>("network"))("$name", (golden) => {
      const { roots, shapes } = network(golden);
      const initial = new Map(
        [...shapes].map(([name, shape]) => {
          const exact = golden.parameters[name];
          const size = shape.reduce((product, n) => product * n, 1);
          const values =
            exact === undefined ? new Float32Array(size).fill(name === "norm.variance" ? 1 : 0) : arrayOf(exact);
          return [name, { shape, values }];
        }),
      );
      const runs = golden.steps.map(({ images, labels, loss }, i): GoldenRun => ({
        inputs: { images: arrayOf(images), labels: Int32Array.from(labels) },
        rows: golden.rows,
        learningRate: golden.learningRate,
        outputs: { loss: { shape: [1], values: [loss] } },
        states: i + 1 === golden.steps.length ? golden.after : {},
      }));
      report(sequenceFailures(backend, roots, golden.rows, initial, runs));
    });
  });
}

export function declareTrainingGoldens(backend: Backend): void {
  declareBatchNorm(backend);
  declareSgd(backend);
  declareNetwork(backend);
}
