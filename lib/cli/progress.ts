/** How long work shows that it goes on. */
import { SingleBar } from "cli-progress";
import type { TextStream } from "./terminal.js";

/** Progress of a training run: a bar that is redrawn on a terminal, a line per epoch in a file or a pipe, or nothing. */
export interface Progress {
  /** A batch is done. */
  batch(loss: number): void;
  /** An epoch is done; `text` says how it went. */
  epoch(text: string): void;
  /** No more will come; leaves the cursor on a new line. */
  stop(): void;
}

const silent: Progress = { batch: () => undefined, epoch: () => undefined, stop: () => undefined };

/**
 * @param label what is trained
 * @param batches of the whole run
 */
export function showProgress(
  stream: TextStream,
  options: { readonly label: string; readonly batches: number; readonly quiet: boolean },
): Progress {
  if (options.quiet) return silent;
  if (stream.isTTY !== true) {
    return { ...silent, epoch: (text) => void stream.write(`${options.label}  ${text}\n`) };
  }
  const bar = makeBar(stream, `${options.label}  {bar} {percentage} %  {text}`);
  let text = "";
  bar.start(options.batches, 0, { text });
  return {
    batch: (loss) => bar.increment(1, { text: text === "" ? `loss ${loss.toFixed(4)}` : text }),
    epoch: (next) => {
      text = next;
      bar.update({ text });
    },
    stop: () => bar.stop(),
  };
}

/** Progress of work that is all alike: a bar on a terminal, nothing elsewhere. */
export interface WorkProgress {
  /** So much more is done. */
  done(amount: number): void;
  /** So much is done of so much. */
  at(done: number, total: number): void;
  stop(): void;
}

/** @param total of what is done */
export function showWork(
  stream: TextStream,
  options: { readonly label: string; readonly total: number; readonly quiet: boolean },
): WorkProgress {
  if (options.quiet || stream.isTTY !== true)
    return { done: () => undefined, at: () => undefined, stop: () => undefined };
  const bar = makeBar(stream, `${options.label}  {bar} {percentage} %  {value}/{total}`);
  bar.start(options.total, 0);
  return {
    done: (amount) => bar.increment(amount),
    at: (done, total) => {
      bar.setTotal(total);
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}

function makeBar(stream: TextStream, format: string): SingleBar {
  return new SingleBar({
    stream: stream as NodeJS.WritableStream,
    format,
    barCompleteChar: "\u2588",
    barIncompleteChar: "\u2591",
    barsize: 24,
    // A redraw takes longer than a small batch: ten a second are enough for the eye.
    fps: 10,
    hideCursor: true,
  });
}
