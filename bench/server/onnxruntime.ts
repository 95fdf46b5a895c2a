/** onnxruntime-node behind the same server: the same net and weights, read from an ONNX file that is made in memory. */
import { createRequire } from "node:module";
import type { Model } from "../../lib/training/model.js";
import { onnxFromNet, type Parameters } from "../onnx/fromNet.js";
import { encodeOnnx } from "../onnx/graph.js";
import { warmUp, type Engine } from "./engine.js";

/** What is used of the package, which is not there when the repository is type-checked. */
interface Ort {
  readonly Tensor: new (
    type: "float32",
    data: Float32Array,
    shape: readonly number[],
  ) => { readonly data: Float32Array };
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<OrtSession> };
}
interface OrtSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: object): Promise<Record<string, { readonly data: Float32Array }>>;
  release(): Promise<void>;
}

const require = createRequire(import.meta.url);

/**
 * @param model a striate model of images, whose net and weights are taken over
 * @param threads of one call, the calling one included
 * @param most rows in one call; above 1 the file's batch is free
 */
export async function onnxruntimeEngine(model: Model, threads: number, most = 1): Promise<Engine> {
  const ort = require("onnxruntime-node") as Ort;
  const parameters = model.parameters() as Parameters;
  const file = encodeOnnx(onnxFromNet(model.node, parameters, most === 1 ? 1 : "rows"));
  const session = await ort.InferenceSession.create(file, {
    executionProviders: ["cpu"],
    graphOptimizationLevel: "all",
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
  });
  const [height, width, channels] = model.inputShape as readonly [number, number, number];
  const [input, output] = [session.inputNames[0]!, session.outputNames[0]!];
  const { version } = require("onnxruntime-node/package.json") as { readonly version: string };
  const engine: Engine = {
    description: `onnxruntime-node ${version}`,
    inputShape: model.inputShape,
    scores: model.outputShape.reduce((product, size) => product * size, 1),
    classify: async (images, rows) => {
      const planes = channelsFirst(images, rows, height * width, channels);
      const results = await session.run({
        [input]: new ort.Tensor("float32", planes, [rows, channels, height, width]),
      });
      return results[output]!.data;
    },
    close: () => session.release(),
  };
  await warmUp(engine, most);
  return engine;
}

/** Bytes [rows, pixels, channels] as floats [rows, channels, pixels]: what the file reads. */
function channelsFirst(images: Uint8Array, rows: number, pixels: number, channels: number): Float32Array {
  const planes = new Float32Array(images.length);
  for (let row = 0; row < rows; row++) {
    for (let channel = 0; channel < channels; channel++) {
      const to = (row * channels + channel) * pixels;
      const from = row * pixels * channels + channel;
      for (let pixel = 0; pixel < pixels; pixel++) planes[to + pixel] = images[from + pixel * channels]!;
    }
  }
  return planes;
}
