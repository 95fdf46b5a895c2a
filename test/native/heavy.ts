/** Programs made by hand for the tests of the runtime: as long as a test needs, with or without a commit. */
import { PROGRAM_VERSION, type Program, type Step } from "../../lib/graph/program.js";

export const channels = 64;

export interface Heavy {
  readonly rows: number;
  /** Passes over the whole input, each a step. */
  readonly passes: number;
  /** Adds a commit: w -= learningRate * (channel sums of the result). */
  readonly trains: boolean;
}

/** y[rows, 64] = tanh(tanh(... x)), and what `trains` says. The State tensor is w[64]. */
export function heavyProgram({ rows, passes, trains }: Heavy): Program {
  const size = rows * channels;
  const batch = { offset: 0, pixelStride: channels, shape: [rows, channels], batched: true };
  const vector = { pixelStride: channels, shape: [channels], batched: false };
  const tanh = (from: number, to: number): Step => ({
    op: "activation",
    inputs: [from],
    outputs: [to],
    attributes: [4, 0],
    label: "tanh",
  });
  const sum: Step = { op: "channelSum", inputs: [2], outputs: [3], attributes: [], label: "sum" };
  const update: Step = { op: "sgd", inputs: [4, 3, -1], outputs: [4, -1], attributes: [0, 0, 0], label: "sgd" };
  return {
    version: PROGRAM_VERSION,
    rows,
    storages: [
      { kind: "input", dtype: "f32", size, name: "x" },
      { kind: "output", dtype: "f32", size, name: "y" },
      { kind: "arena", dtype: "f32", size: size + channels, name: "arena" },
      { kind: "state", dtype: "f32", size: channels, name: "w" },
    ],
    buffers: [
      { storage: 0, ...batch },
      { storage: 1, ...batch },
      { storage: 2, ...batch },
      { storage: 2, offset: size, ...vector },
      { storage: 3, offset: 0, ...vector },
    ],
    prepare: [],
    steps: [tanh(0, 2), ...Array.from({ length: passes - 2 }, () => tanh(2, 2)), ...(trains ? [sum] : []), tanh(2, 1)],
    commit: trains ? [update] : [],
    arenaBeforeReuse: size + channels,
  };
}

export const stateSpecs = [{ name: "w", shape: [channels] }];

/** Takes about a second on one core; a step of it takes milliseconds. */
export const long: Heavy = { rows: 4096, passes: 1500, trains: true };
