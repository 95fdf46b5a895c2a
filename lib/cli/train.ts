/** `striate train`: the main job, from the embedded digits to a saved model, and how good it is on images it never saw. */
import { stat } from "node:fs/promises";
import type { Dataset } from "../data/dataset.js";
import { digits, randomShift, sequential, sgd, type Augment, type Evaluation, type Model } from "../index.js";
import { UsageError } from "./command.js";
import { showProgress } from "./progress.js";
import type { CommandContext, Terminal } from "./terminal.js";

export interface TrainOptions {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly seeds: number;
  readonly out: string;
  readonly quiet: boolean;
}

type Digits = Dataset<[8, 8, 1], Float32Array>;
type Classifier = Model<[8, 8, 1], [10]>;

const input = [8, 8, 1] as const;

/** Three convolutions, each with batch norm (whose beta is their bias) and ReLU: 25,978 parameters. */
const convolutionalNet = () =>
  sequential(input)
    .conv2d({ filters: 16, kernel: 3, padding: "same", useBias: false })
    .batchNorm()
    .relu()
    .conv2d({ filters: 32, kernel: 3, padding: "same", useBias: false })
    .batchNorm()
    .relu()
    .maxPool2d({ size: 2 })
    .conv2d({ filters: 64, kernel: 3, padding: "same", useBias: false })
    .batchNorm()
    .relu()
    .maxPool2d({ size: 2 })
    .flatten()
    .dense({ units: 10 })
    .softmax();

/** The linear classifier: what there is to gain by convolution is measured from here. */
const softmaxRegression = () => sequential(input).flatten().dense({ units: 10 }).softmax();

interface Run {
  readonly label: string;
  readonly model: Classifier;
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly augment: Augment<[8, 8, 1]> | undefined;
}

interface Chosen extends Evaluation {
  readonly epoch: number;
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

/** Trains, then gives the model the parameters of the epoch with the lowest validation loss. */
async function trainAndChoose(
  run: Run,
  data: { readonly train: Digits; readonly validation: Digits },
  context: { readonly terminal: Terminal; readonly quiet: boolean; readonly signal: AbortSignal },
): Promise<Chosen> {
  const { model, epochs, batchSize, learningRate, weightDecay, augment } = run;
  const batches = epochs * Math.ceil(data.train.labels.length / batchSize);
  const progress = showProgress(context.terminal.error, { label: run.label, batches, quiet: context.quiet });
  let chosen: Chosen | undefined;
  let parameters = model.parameters();
  try {
    await model.fit(data.train, {
      epochs,
      batchSize,
      optimizer: sgd({ learningRate, momentum: 0.9, weightDecay }),
      loss: "crossEntropy",
      learningRate: (epoch) => (learningRate / 2) * (1 + Math.cos((Math.PI * (epoch - 1)) / epochs)),
      validation: data.validation,
      ...(augment === undefined ? {} : { augment }),
      signal: context.signal,
      onBatch: ({ loss }) => progress.batch(loss),
      onEpoch: ({ epoch, loss, accuracy, validation }) => {
        if (validation !== undefined && (chosen === undefined || validation.loss < chosen.loss)) {
          chosen = { epoch, ...validation };
          parameters = model.parameters();
        }
        const learned = `loss ${loss.toFixed(4)} accuracy ${percent(accuracy)}`;
        const held = `validation loss ${validation!.loss.toFixed(4)} accuracy ${percent(validation!.accuracy)}`;
        progress.epoch(`epoch ${epoch}/${epochs}  ${learned}  ${held}`);
      },
    });
  } finally {
    progress.stop();
  }
  model.setParameters(parameters);
  return chosen!;
}

/** Runs the command. */
export async function train(options: TrainOptions, { terminal, signal }: CommandContext): Promise<void> {
  // Better now than after the training.
  const existing = await stat(options.out).catch(() => undefined);
  if (existing?.isDirectory() === false)
    throw new UsageError("train", `--out must be a folder, got the file ${options.out}`);
  const { train: trainPart, validation, test, all } = await digits();
  const data = { train: trainPart, validation };
  const context = { terminal, quiet: options.quiet, signal };
  const seeds = Array.from({ length: options.seeds }, (_, index) => options.seed + index);

  const results: { readonly seed: number; readonly model: Classifier; readonly chosen: Chosen }[] = [];
  for (const seed of seeds) {
    const model = convolutionalNet().model({ seed });
    const run = {
      label: seeds.length > 1 ? `seed ${seed}` : "convolutional net",
      model,
      epochs: options.epochs,
      batchSize: options.batchSize,
      learningRate: options.learningRate,
      weightDecay: 2e-3,
      augment: randomShift({ distance: 1 }),
    };
    results.push({ seed, model, chosen: await trainAndChoose(run, data, context) });
  }
  const baseline = softmaxRegression().model({ seed: options.seed });
  // Settings of its own, those of the lowest validation loss among the tried; shifts would only hurt it.
  const linear = { epochs: 100, batchSize: 32, learningRate: 0.3, weightDecay: 0, augment: undefined };
  const quiet = options.quiet || terminal.error.isTTY !== true;
  await trainAndChoose({ label: "softmax regression", model: baseline, ...linear }, data, { ...context, quiet });

  // Everything is chosen: from here on, and only from here, the test images are looked at.
  const tested: number[] = [];
  for (const { model } of results) tested.push((await model.evaluate(test, { signal })).accuracy);
  const baselineAccuracy = (await baseline.evaluate(test, { signal })).accuracy;

  const best = results.reduce((a, b) => (b.chosen.loss < a.chosen.loss ? b : a));
  const accuracy = tested[results.indexOf(best)]!;
  const { epoch } = best.chosen;
  const metadata = {
    classes: all.classes,
    data: "UCI Optical Recognition of Handwritten Digits",
    seed: best.seed,
    epoch,
    validation: { loss: best.chosen.loss, accuracy: best.chosen.accuracy },
    test: { accuracy },
  };
  const saved = convolutionalNet().model({ seed: best.seed, metadata });
  saved.setParameters(best.model.parameters());
  await saved.save(options.out);

  const lines = results.map(({ seed, chosen }, index) => {
    const choice = `epoch ${chosen.epoch} chosen at ${percent(chosen.accuracy)} validation accuracy`;
    return `seed ${seed}: test accuracy ${percent(tested[index]!)} (${choice})`;
  });
  if (tested.length > 1) {
    const mean = tested.reduce((sum, each) => sum + each, 0) / tested.length;
    lines.push(`mean test accuracy over ${tested.length} seeds: ${(100 * mean).toFixed(2)} %`);
  }
  lines.push(`softmax regression on the same split: ${percent(baselineAccuracy)}`);
  lines.push(`saved seed ${best.seed} in ${options.out}`);
  terminal.out.write(`${lines.join("\n")}\n`);
}
