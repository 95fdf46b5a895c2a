/** One training run of `striate train`, with its progress: the epoch is chosen by validation loss. */
import { sgd, type Augment, type EpochRecord, type Evaluation, type Model } from "../index.js";
import { percent, type LabelledData } from "./labelledData.js";
import type { ImageShape } from "./nets.js";
import { showProgress } from "./progress.js";
import type { CommandContext } from "./terminal.js";

export interface TrainSettings {
  readonly epochs: number;
  readonly batchSize: number;
  /** Of the first epoch; falls along a cosine, to 0 behind the last. */
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly augment?: Augment<ImageShape>;
}

/** The epoch with the lowest validation loss so far, or the last one where nothing is held out. */
export interface Chosen {
  readonly epoch: number;
  /** Of the validation images; of those trained with where nothing is held out. */
  readonly loss: number;
  readonly accuracy: number;
  readonly validation: Evaluation | undefined;
  /** All epochs so far. */
  readonly history: readonly EpochRecord[];
}

export interface TrainRun extends TrainSettings {
  /** Before the progress. */
  readonly label: string;
  readonly quiet: boolean;
  /** Called while the model's parameters are those of a new choice. */
  readonly keep?: (chosen: Chosen) => void;
}

/** Trains, then gives the model the parameters of the epoch chosen. */
export async function fitAndChoose(
  model: Model<ImageShape, readonly [number]>,
  data: LabelledData,
  run: TrainRun,
  { terminal, signal }: CommandContext,
): Promise<Chosen> {
  const { epochs, batchSize, learningRate, weightDecay, augment } = run;
  const batches = epochs * Math.ceil(data.train.labels.length / batchSize);
  const progress = showProgress(terminal.error, { label: run.label, batches, quiet: run.quiet });
  const history: EpochRecord[] = [];
  let chosen: Chosen | undefined;
  let parameters = model.parameters();
  try {
    await model.fit(data.train, {
      epochs,
      batchSize,
      optimizer: sgd({ learningRate, momentum: 0.9, weightDecay }),
      loss: "crossEntropy",
      learningRate: (epoch) => (learningRate / 2) * (1 + Math.cos((Math.PI * (epoch - 1)) / epochs)),
      ...(data.validation === undefined ? {} : { validation: data.validation }),
      ...(augment === undefined ? {} : { augment }),
      signal,
      onBatch: ({ loss }) => progress.batch(loss),
      onEpoch: (record) => {
        history.push(record);
        const { epoch, validation } = record;
        const { loss, accuracy } = validation ?? record;
        if (validation === undefined || chosen === undefined || loss < chosen.loss) {
          chosen = { epoch, loss, accuracy, validation, history: [...history] };
          parameters = model.parameters();
          run.keep?.(chosen);
        }
        progress.epoch(`epoch ${epoch}/${epochs}  ${describe(record, data)}`);
      },
    });
  } finally {
    progress.stop();
  }
  model.setParameters(parameters);
  return { ...chosen!, history };
}

function describe(record: EpochRecord, data: LabelledData): string {
  const figures = ({ loss, accuracy }: Evaluation, images: number) =>
    `loss ${loss.toFixed(4)} accuracy ${percent(accuracy, images)}`;
  const learned = figures(record, data.train.labels.length);
  if (record.validation === undefined) return learned;
  return `${learned}  validation ${figures(record.validation, data.validation!.labels.length)}`;
}
