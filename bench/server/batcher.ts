/**
 * Micro-batching without a timer: what comes in while a batch is computed is the next batch. Where the server is idle an
 * image waits for nothing; where it is busy, batches grow by themselves.
 */
import type { Engine } from "./engine.js";

interface Item {
  readonly image: Uint8Array;
  readonly signal: AbortSignal;
  readonly settled: (result: Float32Array | Error) => void;
}

export class Batcher {
  private waiting: Item[] = [];
  private underWay = 0;
  /** Memory of batches that are over, for the next: new memory by the megabyte makes V8 collect all the time. */
  private readonly spare: Uint8Array[] = [];

  /**
   * @param most images in a batch
   * @param atOnce batches under way: while one is computed, the next is there already
   */
  constructor(
    private readonly engine: Engine,
    private readonly most: number,
    private readonly atOnce = 2,
  ) {}

  /**
   * The scores of one image. An image whose client leaves is taken out of the queue; a batch that all have left stops.
   * @throws the signal's reason, or what the engine throws
   */
  async classify(image: Uint8Array, signal: AbortSignal): Promise<Float32Array> {
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const item: Item = {
        image,
        signal,
        settled: (result) => {
          signal.removeEventListener("abort", leave);
          if (result instanceof Error) reject(result);
          else resolve(result);
        },
      };
      const leave = (): void => {
        this.waiting = this.waiting.filter((other) => other !== item);
        item.settled(signal.reason as Error);
      };
      signal.addEventListener("abort", leave, { once: true });
      this.waiting.push(item);
      this.start();
    });
  }

  private start(): void {
    while (this.underWay < this.atOnce && this.waiting.length > 0) {
      this.underWay++;
      void this.run(this.waiting.splice(0, this.most)).finally(() => {
        this.underWay--;
        this.start();
      });
    }
  }

  private async run(batch: readonly Item[]): Promise<void> {
    const { engine } = this;
    const size = batch[0]!.image.length;
    const memory = this.spare.pop() ?? new Uint8Array(this.most * size);
    const images = memory.subarray(0, batch.length * size);
    batch.forEach(({ image }, i) => images.set(image, i * size));
    const controller = new AbortController();
    const stopIfAlone = (): void => {
      if (batch.every(({ signal }) => signal.aborted)) controller.abort();
    };
    for (const { signal } of batch) signal.addEventListener("abort", stopIfAlone, { once: true });
    try {
      const scores = await engine.classify(images, batch.length, controller.signal);
      batch.forEach(({ settled }, i) => settled(scores.slice(i * engine.scores, (i + 1) * engine.scores)));
    } catch (error) {
      for (const { settled } of batch) settled(error as Error);
    } finally {
      this.spare.push(memory);
      for (const { signal } of batch) signal.removeEventListener("abort", stopIfAlone);
    }
  }
}
