/** What computes the scores. The server knows this interface only, so that others can be measured in the same server. */
import type { Model } from "../../lib/training/model.js";

export interface Engine {
  /** Name, version, threads: for reports. */
  readonly description: string;
  /** [height, width, channels] of an image. */
  readonly inputShape: readonly number[];
  /** Of one image. */
  readonly scores: number;
  /**
   * @param images bytes, one image after the other
   * @returns [rows, scores]
   */
  readonly classify: (images: Uint8Array, rows: number, signal: AbortSignal) => Promise<Float32Array>;
  readonly close: () => void | Promise<void>;
}

/**
 * A striate model's predictions; the model is disposed of. Everything that will run has run once before this returns, so
 * that no request waits for memory.
 * @param most rows in one call
 */
export async function striateEngine(model: Model, description: string, most = 1): Promise<Engine> {
  const scores = model.outputShape.reduce((product, size) => product * size, 1);
  const predictor = model.predictor({ batchSize: most, inputDtype: "u8" });
  model.dispose();
  const engine: Engine = {
    description,
    inputShape: predictor.inputShape,
    scores,
    classify: async (images, rows, signal) => {
      const tensor = { shape: [rows, ...predictor.inputShape] as const, data: images };
      return (await predictor.predict(tensor, { signal })).data;
    },
    close: () => predictor.dispose(),
  };
  await warmUp(engine, most);
  return engine;
}

/** Calls with 1, 2, 4, ... rows, up to `most`. */
export async function warmUp({ classify, inputShape }: Engine, most: number): Promise<void> {
  const size = inputShape.reduce((product, extent) => product * extent, 1);
  for (let rows = 1; ; rows = Math.min(2 * rows, most)) {
    await classify(new Uint8Array(rows * size), rows, new AbortController().signal);
    if (rows === most) return;
  }
}
