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
 * A striate model, which the engine owns from here on. Everything that will run has run once before this returns: plans are
 * made, weights are packed, and no request waits for that.
 * @param most rows in one call
 */
export async function striateEngine(model: Model, description: string, most = 1): Promise<Engine> {
  const scores = model.outputShape.reduce((product, size) => product * size, 1);
  const engine: Engine = {
    description,
    inputShape: model.inputShape,
    scores,
    classify: async (images, rows, signal) => {
      const tensor = { shape: [rows, ...model.inputShape] as const, data: images };
      return (await model.predict(tensor, { batchSize: most, signal })).data;
    },
    close: () => model.dispose(),
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
