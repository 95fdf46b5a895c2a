/** How many images a Predictor runs at once: what it was asked for, or fewer where the caches hold no more. */
import type { Program } from "../graph/program.js";
import type { LayerNode } from "../layers/definition.js";
import { buildProgram } from "./plans.js";

/**
 * What a CPU's last level of cache keeps beside all else, in bytes: the results that steps pass to each other, and the
 * parameters, which each run reads anew. With images few enough at a time, layers find there what the ones before them wrote.
 * Of 8 images on a Xeon of 2019 (L3 shared with others, memory 10 GB/s), one thread and two: MobileNetV2 by twos 1.06 and
 * 1.13 x as fast, SqueezeNet by threes 1.19 and 1.19. Where parameters come from memory, more images a run are worth more:
 * GoogLeNet (25 MiB) by threes lost 4 and 14 %, ResNet-18 (45) by twos 4 and 2, ResNet-50 (98) by ones 10 on one thread.
 */
const mostResults = 12 * 2 ** 20;
const mostParameters = 16 * 2 ** 20;

/** The Program that predicts a batch, in even shares. */
export function predictionPlan(node: LayerNode, batchSize: number, inputDtype: "f32" | "u8"): Program {
  const build = (rows: number): Program => buildProgram(node, { kind: "predict", rows, inputDtype });
  const whole = build(batchSize);
  const rows = imagesAtOnce(whole);
  return rows === batchSize ? whole : build(rows);
}

function imagesAtOnce(program: Program): number {
  const bytesOf = (kind: "arena" | "state"): number =>
    4 * program.storages.reduce((sum, storage) => sum + (storage.kind === kind ? storage.size : 0), 0);
  if (bytesOf("state") > mostParameters) return program.rows;
  const fitting = Math.max(1, Math.floor(mostResults / (bytesOf("arena") / program.rows)));
  const runs = Math.max(1, Math.ceil(program.rows / fitting));
  return Math.ceil(program.rows / runs);
}
