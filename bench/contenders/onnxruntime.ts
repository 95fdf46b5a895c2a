/** onnxruntime-node: one awaited `session.run` with a preallocated result, its fastest form. */
import { createRequire } from "node:module";
import { fromPeerLayout, toPeerLayout } from "../onnx/layout.js";
import type { Contender, ContenderRequest } from "./contender.js";

/** What is used of the package, which is not there when the repository is type-checked. */
interface Ort {
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(file: string, options: object): Promise<OrtSession> };
}
interface OrtTensor {
  readonly data: Float32Array;
}
interface OrtSession {
  readonly inputMetadata: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly outputMetadata: readonly { readonly name: string; readonly shape: readonly number[] }[];
  run(feeds: Readonly<Record<string, OrtTensor>>, fetches: Readonly<Record<string, OrtTensor>>): Promise<unknown>;
}

const require = createRequire(import.meta.url);

export async function onnxruntimeContender({ threads, onnxFile }: ContenderRequest): Promise<Contender> {
  const ort = require("onnxruntime-node") as Ort;
  const session = await ort.InferenceSession.create(onnxFile, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const input = session.inputMetadata[0]!;
  const output = session.outputMetadata[0]!;
  const result = new Float32Array(output.shape.reduce((product, size) => product * size, 1));
  const fetches = { [output.name]: new ort.Tensor("float32", result, output.shape) };
  const wrap = (data: Float32Array) => ({ [input.name]: new ort.Tensor("float32", data, input.shape) });
  return {
    description: `onnxruntime-node ${(require("onnxruntime-node/package.json") as { readonly version: string }).version}`,
    inputSize: input.shape.reduce((product, size) => product * size, 1),
    verify: async (data) => {
      await session.run(wrap(toPeerLayout(data, input.shape)), fetches);
      return fromPeerLayout(result, output.shape);
    },
    wrap,
    call: (feeds) => session.run(feeds as Readonly<Record<string, OrtTensor>>, fetches),
    isAsync: true,
    explain: () => undefined,
  };
}
