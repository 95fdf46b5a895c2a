/** `striate train`: the main job, from labelled images to a saved model, and how good it is on images it never saw. */
import { stat } from "node:fs/promises";
import { basename, resolve } from "node:path";
import type { JsonObject } from "../io/json.js";
import { randomShift, type EpochRecord, type Evaluation, type Model } from "../index.js";
import { countNet } from "../layers/summary.js";
import { UsageError } from "./command.js";
import { fitAndChoose, type Chosen, type TrainSettings } from "./fitAndChoose.js";
import { typicalInkShare } from "./inkImage.js";
import { percent, readData, type LabelledData } from "./labelledData.js";
import { buildNet, defaultNet, softmaxRegression, type ClassifierNet, type ImageShape, type NetName } from "./nets.js";
import { writeJson, type CommandContext } from "./terminal.js";

export interface TrainOptions {
  readonly data?: string;
  readonly classes?: readonly string[];
  readonly model?: NetName;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly validation?: number;
  readonly shift?: number;
  readonly seed: number;
  readonly seeds: number;
  readonly out?: string;
  readonly quiet: boolean;
  readonly json: boolean;
}

/** Chosen by validation loss, for the digits and for MNIST. */
const settingsOfDigits = { epochs: 30, batchSize: 32, learningRate: 0.05, weightDecay: 2e-3, shift: 1 };
const settingsOfFolders = { epochs: 5, batchSize: 64, learningRate: 0.05, weightDecay: 5e-4, shift: 0 };

/** A trained net, before anyone looks at the test images. */
interface Result {
  readonly seed: number;
  readonly model: Model<ImageShape, readonly [number]>;
  readonly chosen: Chosen;
}

/** Runs the command. */
export async function train(options: TrainOptions, context: CommandContext): Promise<void> {
  const out = options.out ?? (options.data === undefined ? "digits-model" : `${basename(resolve(options.data))}-model`);
  await checkOptions(options, out);
  const names = options.classes === undefined ? {} : { classes: options.classes };
  const data = await readData(options, { validation: options.validation ?? 0.1, ...names });
  const { terminal, signal } = context;
  const [, ...shape] = data.train.images.shape;
  const { classes } = data.train;
  const name = options.model ?? (options.data === undefined ? "small" : defaultNet(shape));
  const bytes = data.train.images.data instanceof Uint8Array;
  const net = buildNet(name, shape, classes.length, { bytes });
  const settings = chosenSettings(options);
  const label = options.data === undefined ? "convolutional net" : name;
  if (options.data !== undefined && !options.quiet) terminal.error.write(`${introduction(name, net, data)}\n`);

  const results: Result[] = [];
  let saving = Promise.resolve();
  try {
    for (let seed = options.seed; seed < options.seed + options.seeds; ++seed) {
      const model = net.model({ seed });
      const least = Math.min(...results.map(({ chosen }) => chosen.loss));
      // The digits take seconds. Longer runs keep what is best so far, while they go on.
      const keep = (chosen: Chosen): void => {
        if (options.data === undefined || chosen.loss >= least) return;
        const kept = savedModel(net, { seed, model, chosen }, metadataOf(data, name, { seed, chosen }));
        saving = saving.then(async () => {
          await kept.save(out);
          context.saved = `${out} holds seed ${seed} after epoch ${chosen.epoch}`;
        });
        // Told below, by await.
        saving.catch(() => undefined);
      };
      const run = { label: options.seeds > 1 ? `seed ${seed}` : label, quiet: options.quiet, ...settings, keep };
      results.push({ seed, model, chosen: await fitAndChoose(model, data, run, context) });
    }
  } finally {
    await saving;
  }
  const baseline = options.data === undefined ? await trainBaseline(data, options, context) : undefined;

  // Everything is chosen: from here on, and only from here, the test images are looked at.
  const accuracyOf = async (model: Result["model"]): Promise<number | undefined> =>
    data.test && (await model.evaluate(data.test, { signal, batchSize: 256 })).accuracy;
  const tested: (number | undefined)[] = [];
  for (const { model } of results) tested.push(await accuracyOf(model));
  const baselineAccuracy = baseline && (await accuracyOf(baseline));

  const best = results.reduce((a, b) => (b.chosen.loss < a.chosen.loss ? b : a));
  const bestAccuracy = tested[results.indexOf(best)];
  const test = bestAccuracy === undefined ? {} : { test: { accuracy: bestAccuracy } };
  await savedModel(net, best, { ...metadataOf(data, name, best), ...test }).save(out);

  const seeds = results.map(({ seed, chosen: { epoch, validation } }, index) => ({
    ...{ seed, epoch, validation: validation ?? null },
    test: tested[index] === undefined ? null : { accuracy: tested[index] },
  }));
  const mean = data.test && tested.reduce<number>((sum, each) => sum + each!, 0) / tested.length;
  if (options.json) {
    writeJson(terminal.out, {
      ...{ data: data.name, net: name, parameters: parameterCount(best.model), images: imageCounts(data), classes },
      ...{ seeds, meanTestAccuracy: mean ?? null, baselineTestAccuracy: baselineAccuracy ?? null },
      saved: { seed: best.seed, folder: out },
    });
    return;
  }
  const lines = results.map(({ seed, chosen }, index) => `seed ${seed}: ${verdict(data, chosen, tested[index])}`);
  if (seeds.length > 1 && mean !== undefined) {
    lines.push(`mean test accuracy over ${seeds.length} seeds: ${(100 * mean).toFixed(2)} %`);
  }
  if (baselineAccuracy !== undefined)
    lines.push(`softmax regression on the same split: ${percent(baselineAccuracy, 0)}`);
  lines.push(`saved seed ${best.seed} in ${out}`);
  terminal.out.write(`${lines.join("\n")}\n`);
}

/** Better now than after the training. */
async function checkOptions(options: TrainOptions, out: string): Promise<void> {
  const existing = await stat(out).catch(() => undefined);
  if (existing?.isDirectory() === false) throw new UsageError("train", `--out must be a folder, got the file ${out}`);
  if (options.data === undefined) {
    for (const name of ["validation", "classes"] as const) {
      if (options[name] !== undefined) throw new UsageError("train", `--${name} is for --data; the digits have theirs`);
    }
  }
  if (options.validation === 0 && options.seeds > 1) {
    throw new UsageError("train", "--seeds needs images to choose the seed by, --validation 0 leaves none");
  }
}

function chosenSettings(options: TrainOptions): TrainSettings {
  const settings = options.data === undefined ? settingsOfDigits : settingsOfFolders;
  const { epochs, batchSize, learningRate, shift } = { ...settings, ...options };
  const augment = shift > 0 ? { augment: randomShift({ distance: shift }) } : {};
  return { epochs, batchSize, learningRate, weightDecay: settings.weightDecay, ...augment };
}

/** Settings of its own, those of the lowest validation loss among the tried; shifts would only hurt it. */
async function trainBaseline(
  data: LabelledData,
  options: TrainOptions,
  context: CommandContext,
): Promise<Result["model"]> {
  const [, ...shape] = data.train.images.shape;
  const model = softmaxRegression(shape, data.train.classes.length).model({ seed: options.seed });
  const settings = { epochs: 100, batchSize: 32, learningRate: 0.3, weightDecay: 0 };
  const quiet = options.quiet || context.terminal.error.isTTY !== true;
  await fitAndChoose(model, data, { label: "softmax regression", quiet, ...settings }, context);
  return model;
}

/** A model with its metadata, to save: training goes on with its own. */
function savedModel(net: ClassifierNet, { seed, model }: Result, metadata: JsonObject): Result["model"] {
  const saved = net.model({ seed, metadata });
  saved.setParameters(model.parameters());
  return saved;
}

function metadataOf(data: LabelledData, net: NetName, { seed, chosen }: Omit<Result, "model">): JsonObject {
  const plain = ({ loss, accuracy }: Evaluation): JsonObject => ({ loss, accuracy });
  const record = ({ epoch, learningRate, validation, ...learned }: EpochRecord): JsonObject => ({
    ...{ epoch, learningRate, ...plain(learned) },
    ...(validation === undefined ? {} : { validation: plain(validation) }),
  });
  const { images } = data.train;
  const full = images.data instanceof Uint8Array ? 255 : 1;
  return {
    ...{ classes: [...data.train.classes], data: data.name, net, seed, epoch: chosen.epoch },
    // For pictures from elsewhere: what number full ink is, and how large the ink.
    pixels: full,
    ...(images.shape[3] === 1 ? { inkShare: typicalInkShare(images, full) } : {}),
    ...(chosen.validation === undefined ? {} : { validation: plain(chosen.validation) }),
    history: chosen.history.map(record),
  };
}

const parameterCount = (model: Result["model"]) => countNet(model.node).parameters;

const imageCounts = ({ train, validation, test }: LabelledData) => ({
  train: train.labels.length,
  validation: validation?.labels.length ?? 0,
  test: test?.labels.length ?? 0,
});

function introduction(name: NetName, net: ClassifierNet, data: LabelledData): string {
  const { train, validation, test } = imageCounts(data);
  const shape = net.inputShape.join("x");
  return `${name} for images of ${shape} in ${data.train.classes.length} classes: ${train} to train, ${validation} to choose the epoch by, ${test} to test`;
}

function verdict(data: LabelledData, { epoch, validation, accuracy }: Chosen, tested: number | undefined): string {
  const choice =
    validation === undefined
      ? `after epoch ${epoch}, training accuracy ${percent(accuracy, data.train.labels.length)}`
      : `epoch ${epoch} chosen at ${percent(validation.accuracy, data.validation!.labels.length)} validation accuracy`;
  return tested === undefined ? choice : `test accuracy ${percent(tested, data.test!.labels.length)} (${choice})`;
}
