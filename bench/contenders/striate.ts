/** Our side. */
import { readFileSync } from "node:fs";
import { selectBackend, setThreads as setThreadsOfSources } from "../../lib/backend/select.js";
import { planOf } from "../../lib/training/explain.js";
import type { Model } from "../../lib/training/model.js";
import type { Tensor } from "../../lib/data/tensor.js";
import { buildNet, isNet } from "../net.js";
import { compileProgram, opProgram } from "../program.js";
import { stepCosts } from "../roofline.js";
import { striate } from "../striate.js";
import { inputsOf, outputElements, product, type CalledWork } from "../work.js";
import { training, type Contender, type ContenderRequest, type InputArray } from "./contender.js";

type Images = Tensor<readonly [number, ...number[]], Float32Array>;
type Form = Pick<Contender, "verify" | "wrap" | "call" | "callAwaited" | "explain" | "costs" | "close">;

export function striateContender({ work, threads, variant }: ContenderRequest): Contender {
  const form = !isNet(work)
    ? opForm(work, variant)
    : work.kind === "train"
      ? trainingForm(work, buildNet(work, variant))
      : predictForm(work, buildNet(work, variant));
  setThreads(threads);
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  const { backend, isa } = striate.backendInfo();
  return { description: `striate ${version} (${backend}, ${isa})`, isAwaited: false, setThreads, ...form };
}

/** The compiled package and the sources hold one addon each, or share one. */
function setThreads(threads: number): void {
  striate.setThreads(threads);
  if (selectBackend().name === "native") setThreadsOfSources(threads);
}

/** `predictSync` and `predict` of `model.predictor()`, with a preallocated result. */
function predictForm(work: CalledWork, model: Model): Form {
  const [height = 1, ...rest] = inputsOf(work)[0]!.shape;
  const shape = [height, ...rest] as const;
  const into = new Float32Array(height * product(model.outputShape));
  const predictor = model.predictor({ batchSize: height });
  model.dispose();
  return {
    verify: ([data]) => Promise.resolve(predictor.predictSync({ shape, data: data as Float32Array }).data),
    wrap: ([data]): Images => ({ shape, data: data as Float32Array }),
    call: (images) => predictor.predictSync(images as Images, { into }),
    callAwaited: (images) => predictor.predict(images as Images, { into }),
    explain: () => predictor.explain(),
    ...(work.kind === "infer" ? { costs: () => stepCosts(predictor.plan()) } : {}),
    close: () => predictor.dispose(),
  };
}

/** `model.fitSync` and `model.fit` on as many examples as one step takes. */
function trainingForm(work: CalledWork, model: Model): Form {
  const [batchSize = 1, ...rest] = inputsOf(work)[0]!.shape;
  const { learningRate, momentum } = training;
  const optimizer = striate.sgd({ learningRate, momentum });
  const options = { epochs: 1, batchSize, optimizer, loss: "crossEntropy", shuffle: false } as const;
  const wrap = ([data, labels]: readonly InputArray[]) => ({
    images: { shape: [batchSize, ...rest] as const, data: data as Float32Array },
    labels: labels as Int32Array,
  });
  type Examples = ReturnType<typeof wrap>;
  const step = (examples: unknown) => model.fitSync(examples as Examples, options);
  return {
    verify: (inputs) =>
      Promise.resolve(Float32Array.from({ length: training.verifiedSteps }, () => step(wrap(inputs)).epochs[0]!.loss)),
    wrap,
    call: step,
    callAwaited: (examples) => model.fit(examples as Examples, options),
    explain: () => model.explain({ kind: "train", loss: "crossEntropy", optimizer }, { batchSize }),
    close: () => model.dispose(),
  };
}

/** A Program of one op. */
function opForm(work: CalledWork, variant: ContenderRequest["variant"]): Form {
  const { executable, state } = compileProgram(opProgram(work, variant));
  const rows = work.kind === "gemm" ? 1 : work.batch;
  const into = [new Float32Array(outputElements(work))];
  const run = (inputs: unknown) => executable.run(inputs as readonly InputArray[], { rows }, into)[0]!;
  return {
    verify: (inputs) => Promise.resolve(run(inputs).slice()),
    wrap: (inputs) => inputs,
    call: run,
    callAwaited: (inputs) => executable.runAsync(inputs as readonly InputArray[], { rows }),
    explain: () => String(planOf(executable)),
    close: () => {
      executable.dispose();
      state.dispose();
    },
  };
}
