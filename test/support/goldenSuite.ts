/** Declares the comparison with PyTorch on one backend: values and gradients of single ops. */
import { describe, expect, it } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import * as ops from "../../lib/ops/index.js";
import { forward } from "../cases/conv2d.js";
import * as avgPool2d from "../cases/avgPool2d.js";
import * as maxPool2d from "../cases/maxPool2d.js";
import { type Exact, exactly, goldenFailures, readGolden, type Rounded } from "./golden.js";
import type { Random } from "./random.js";
import type { StepCase } from "./stepCase.js";

function report(failures: readonly (string | undefined)[]): void {
  expect(failures.filter((failure) => failure !== undefined).join("\n")).toBe("");
}

type Size = readonly [number, number, number];

interface ConvolutionGolden {
  readonly name: string;
  readonly options: {
    readonly stride: [number, number];
    readonly padding: number | [number, number] | [[number, number], [number, number]] | "same";
    readonly dilation: [number, number];
    readonly groups: number;
    readonly rounding: "exact" | "floor";
  };
  readonly x: Exact;
  readonly filter: Exact;
  readonly bias?: Exact;
  readonly dy: Exact;
  readonly y: Rounded;
  readonly dx: Rounded;
  readonly dfilter: Rounded;
  readonly dbias?: Rounded;
}

function declareConvolutions(backend: Backend): void {
  const cases = readGolden<ConvolutionGolden>("conv2d");
  describe.each(["auto", "im2col"] as const)("conv2d, algorithm %s", (algorithm) => {
    it.each(cases)("$name", (golden) => {
      const [rows, ...image] = golden.x.shape as [number, ...Size];
      const [kernelH, kernelW, , out] = golden.filter.shape as [number, number, number, number];
      const bias = golden.bias !== undefined;
      const sized = forward({
        name: golden.name,
        rows,
        image,
        kernel: [kernelH, kernelW],
        out,
        bias,
        algorithm,
        ...golden.options,
      });
      const sources = [golden.x, golden.filter, golden.bias];
      const operands = sized.operands.map((spec, i) => spec && { ...spec, values: exactly(sources[i]!) });
      const stepCase: StepCase = { ...sized, operands, dy: exactly(golden.dy) };
      report(goldenFailures(stepCase, backend, [golden.y], [golden.dx, golden.dfilter, golden.dbias]));
    });
  });
}

interface PoolGolden {
  readonly name: string;
  readonly op: "maxPool2d" | "avgPool2d";
  readonly options: {
    readonly size: [number, number];
    readonly stride: [number, number];
    readonly padding: [number, number];
    readonly rounding: "exact" | "floor" | "ceil";
    readonly countIncludePad?: boolean;
  };
  readonly x: Exact;
  readonly dy: Exact;
  readonly y: Rounded;
  readonly dx: Rounded;
}

function declarePools(backend: Backend): void {
  describe("pools", () => {
    it.each(readGolden<PoolGolden>("pools"))("$op: $name ($options.countIncludePad)", (golden) => {
      const [rows, ...image] = golden.x.shape as [number, ...Size];
      const pooling = { name: golden.name, rows, image, ...golden.options };
      const { countIncludePad } = golden.options;
      const values = exactly(golden.x);
      const [sized] =
        golden.op === "maxPool2d"
          ? maxPool2d.pool(pooling, golden.name, values)
          : avgPool2d.pool(pooling, golden.name, values, countIncludePad ?? true);
      report(goldenFailures({ ...sized!, dy: exactly(golden.dy) }, backend, [golden.y], [golden.dx]));
    });
  });
}

interface ActivationGolden {
  readonly name: "relu" | "relu6" | "leakyRelu" | "sigmoid" | "tanh" | "softmax";
  readonly options: { readonly slope?: number };
  readonly x: Exact;
  readonly dy: Exact;
  readonly y: Rounded;
  readonly dx: Rounded;
}

function declareActivations(backend: Backend): void {
  const codes = { relu: 1, leakyRelu: 2, sigmoid: 3, tanh: 4, relu6: 5, softmax: undefined };
  describe("activations", () => {
    it.each(readGolden<ActivationGolden>("activations"))("$name", (golden) => {
      const { name, options } = golden;
      const x = { shape: golden.x.shape, batched: true, values: exactly(golden.x) };
      const code = codes[name];
      const stepCase: StepCase = {
        name,
        op: code === undefined ? "softmax" : "activation",
        operands: [x],
        results: [x],
        attributes: code === undefined ? {} : { activation: code, slope: options.slope ?? 0 },
        rows: golden.x.shape[0]!,
        dy: exactly(golden.dy),
        build: ([value]) => (name === "leakyRelu" ? ops.leakyRelu(value!, options) : ops[name](value!)),
      };
      report(goldenFailures(stepCase, backend, [golden.y], [golden.dx]));
    });
  });
}

type LossGolden = { readonly name: string; readonly loss: Rounded } & (
  | {
      readonly op: "softmaxCrossEntropy";
      readonly logits: Exact;
      readonly labels: readonly number[];
      readonly dlogits: Rounded;
    }
  | {
      readonly op: "meanSquaredError";
      readonly prediction: Exact;
      readonly target: Exact;
      readonly dprediction: Rounded;
      readonly dtarget: Rounded;
    }
);

function declareLosses(backend: Backend): void {
  describe("losses", () => {
    it.each(readGolden<LossGolden>("losses"))("$op: $name", (golden) => {
      const first = golden.op === "meanSquaredError" ? golden.prediction : golden.logits;
      const x = { shape: first.shape, batched: true, values: exactly(first) };
      const common = { name: golden.name, attributes: {}, rows: first.shape[0]!, dy: () => 1 };
      if (golden.op === "meanSquaredError") {
        const stepCase: StepCase = {
          ...common,
          op: golden.op,
          operands: [x, { ...x, values: exactly(golden.target) }],
          results: [{ shape: [1] }],
          build: ([prediction, target]) => ops.meanSquaredError(prediction!, target!),
        };
        report(goldenFailures(stepCase, backend, [golden.loss], [golden.dprediction, golden.dtarget]));
        return;
      }
      const labels = {
        shape: first.shape.slice(0, -1),
        batched: true,
        dtype: "i32",
        values: (_: Random, i: number) => golden.labels[i]!,
      } as const;
      const stepCase: StepCase = {
        ...common,
        op: golden.op,
        operands: [x, labels],
        results: [{ shape: [1] }, { shape: first.shape, batched: true }],
        build: ([logits, classes]) => {
          const { loss, probabilities } = ops.softmaxCrossEntropy(logits!, classes!);
          return [loss, probabilities];
        },
      };
      report(goldenFailures(stepCase, backend, [golden.loss], [golden.dlogits]));
    });
  });
}

export function declareGoldens(backend: Backend): void {
  declareConvolutions(backend);
  declarePools(backend);
  declareActivations(backend);
  declareLosses(backend);
}
