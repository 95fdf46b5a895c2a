/** Training curves in a file that is replaced while the training goes on. */
import { extname } from "node:path";
import { OptionError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import type { BatchRecord, EpochRecord } from "../training/fit.js";
import { accuracyCurve, hasAccuracy } from "./curves.js";
import { stack } from "./layout.js";
import { lineChart, type Series } from "./lineChart.js";
import { element, escape, Markup } from "./markup.js";
import { pictureStyle, type Picture } from "./picture.js";

export interface LiveCurvesOptions {
  /** Default "Training". */
  readonly title?: string;
  /** The least time between two versions of the file, in milliseconds. Default 1000. */
  readonly interval?: number;
}

/** Give `onBatch` and `onEpoch` to `fit`; `done` when it has returned. */
export interface LiveCurves {
  readonly onBatch: (record: BatchRecord) => void;
  readonly onEpoch: (record: EpochRecord) => void;
  /**
   * Writes the last version.
   * @throws the first error of the file system, with its code: no training is stopped by a full disk
   */
  done(): Promise<void>;
}

/** Points kept of the batches: from there on every second one is dropped, again and again. */
const mostPoints = 512;

/** Losses inside of epochs, thinned evenly so that a long training does not grow without end. */
class BatchLosses {
  readonly points: [number, number][] = [];
  private every = 1;
  private seen = 0;

  add({ epoch, batch, batches, loss }: BatchRecord): void {
    if (this.seen++ % this.every !== 0) return;
    this.points.push([epoch - 1 + batch / batches, loss]);
    if (this.points.length < mostPoints) return;
    this.points.splice(0, this.points.length, ...this.points.filter((_, i) => i % 2 === 0));
    this.every *= 2;
  }
}

/**
 * Curves that grow in a file while `fit` runs: an .html page that reloads itself every two seconds, or an .svg. The file is
 * replaced as a whole, so whoever opens it sees a finished picture.
 * @throws OptionError for a file of another kind
 * @example
 * ```ts
 * const curves = liveCurves("training.html");
 * await model.fit(train, { ...options, onBatch: curves.onBatch, onEpoch: curves.onEpoch });
 * await curves.done();
 * ```
 */
export function liveCurves(file: string, options: LiveCurvesOptions = {}): LiveCurves {
  const { title = "Training", interval = 1000 } = options;
  const kind = extname(file).toLowerCase();
  if (kind !== ".html" && kind !== ".svg") {
    throw new OptionError("file", `liveCurves: the file's name must end in .html or .svg, got ${file}`);
  }
  if (!(interval >= 0 && interval < Infinity)) {
    throw new OptionError("interval", `liveCurves: interval must be a number of milliseconds from 0, got ${interval}`);
  }
  const batches = new BatchLosses();
  const epochs: EpochRecord[] = [];
  let last = -Infinity;
  let writing: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const write = async (finished: boolean): Promise<void> => {
    const picture = drawCurves(title, batches.points, epochs);
    try {
      await writeFileAtomic(file, kind === ".svg" ? picture.toSvg() : livePage(picture, finished));
    } catch (error) {
      failure ??= { error };
    }
  };
  /** One version at a time; what comes in meanwhile is in the next one. */
  const refresh = (): void => {
    const now = performance.now();
    if (writing !== undefined || now - last < interval) return;
    last = now;
    writing = write(false).finally(() => (writing = undefined));
  };
  return {
    onBatch: (record) => {
      batches.add(record);
      refresh();
    },
    onEpoch: (record) => {
      epochs.push(record);
      refresh();
    },
    async done() {
      await writing;
      if (batches.points.length + epochs.length > 0) await write(true);
      if (failure !== undefined) throw failure.error;
    },
  };
}

function drawCurves(title: string, batches: readonly [number, number][], epochs: readonly EpochRecord[]): Picture {
  const held = epochs.flatMap(({ epoch, validation }) =>
    validation === undefined ? [] : [[epoch, validation.loss] as const],
  );
  const lines: Series[] = [
    {
      name: "training",
      points: batches.length > 0 ? batches : epochs.map(({ epoch, loss }) => [epoch, loss] as const),
    },
    ...(held.length > 0 ? [{ name: "validation", points: held, dashed: true }] : []),
  ];
  const done = `${epochs.length} epoch${epochs.length === 1 ? "" : "s"} done`;
  const loss = lineChart(lines, {
    title: "Loss",
    description: "The loss, the mean of the epoch so far.",
    ...{ xLabel: "epoch", yDomain: [0, 0] },
  });
  const accuracy = epochs.length > 0 && hasAccuracy({ epochs }) ? [accuracyCurve({ epochs })] : [];
  return stack([loss, ...accuracy], { title: `${title}, ${done}`, description: `Training curves; ${done}.` });
}

function livePage(picture: Picture, finished: boolean): string {
  const reload = finished ? "" : '<meta http-equiv="refresh" content="2">\n';
  const style = `:root{color-scheme:light dark}body{margin:16px}svg{max-width:100%;height:auto}${pictureStyle}`;
  const head = `<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n${reload}`;
  const body = element("main", {}, new Markup(picture.toHtml()));
  const title = escape(picture.title);
  return `<!doctype html>\n<html lang="en"><head>${head}<title>${title}</title>\n<style>${style}</style></head>\n<body>${body.text}</body></html>\n`;
}
