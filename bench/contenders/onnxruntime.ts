/** onnxruntime-node: one awaited `session.run` with a preallocated result, its fastest form. */
import { createRequire } from "node:module";
import { fromPeerLayout, toPeerLayout } from "../onnx/layout.js";
import { product } from "../work.js";
import type { Contender, ContenderRequest, InputArray } from "./contender.js";

/** What is used of the package, which is not there when the repository is type-checked. */
interface Ort {
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: { create(file: string, options: object): Promise<OrtSession> };
}
interface OrtTensor {
  readonly data: Float32Array;
}
interface OrtPort {
  readonly name: string;
  readonly shape: readonly number[];
}
type OrtTensors = Readonly<Record<string, OrtTensor>>;
interface OrtSession {
  readonly inputMetadata: readonly OrtPort[];
  readonly outputMetadata: readonly OrtPort[];
  run(feeds: OrtTensors, fetches: OrtTensors): Promise<unknown>;
  release(): Promise<void>;
}

const require = createRequire(import.meta.url);

export async function onnxruntimeContender({ work, threads, files }: ContenderRequest): Promise<Contender> {
  if (files.onnx === undefined) throw new RangeError(`onnxruntime: no ONNX file was made for ${work.id}`);
  const ort = require("onnxruntime-node") as Ort;
  const session = await ort.InferenceSession.create(files.onnx, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    executionMode: "sequential",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const output = session.outputMetadata[0]!;
  const result = new Float32Array(product(output.shape));
  const fetches = { [output.name]: new ort.Tensor("float32", result, output.shape) };
  const wrap = (inputs: readonly InputArray[]): OrtTensors =>
    Object.fromEntries(
      session.inputMetadata.map(({ name, shape }, i) => [
        name,
        new ort.Tensor("float32", inputs[i] as Float32Array, shape),
      ]),
    );
  const { version } = require("onnxruntime-node/package.json") as { readonly version: string };
  return {
    description: `onnxruntime-node ${version}`,
    verify: async (inputs) => {
      const turned = session.inputMetadata.map(({ shape }, i) => toPeerLayout(inputs[i] as Float32Array, shape));
      await session.run(wrap(turned), fetches);
      return fromPeerLayout(result, output.shape);
    },
    wrap,
    call: (feeds) => session.run(feeds as OrtTensors, fetches),
    isAwaited: true,
    close: () => session.release(),
  };
}
