/**
 * The lock of a State, in shared memory, so that this thread and its worker meet in it.
 *
 * - Readers (predictions, reads) come in any number, but not while a writer is in.
 * - The updater (one training step or one write at a time) excludes other updaters, not readers: a step computes
 *   beside predictions.
 * - The writer is the updater at its commit: it waits for the readers to leave and keeps new ones out, so that a
 *   reader sees whole steps only. A waiting writer goes first; predictions cannot starve training.
 *
 * Waiting blocks the thread. That cannot deadlock: holders never wait for another thread's event loop, and every
 * thread takes the update lock before the writer's.
 */

/** The whole is in this many 32-bit words of shared memory, zeros at first. */
export const lockWords = 4;

const READERS = 0;
const UPDATER = 1;
const VERSION = 2;
const CONDITION = 3;

/** Set in the READERS word by a writer that waits or is in; the rest of the word counts readers. */
const writerFlag = 1 << 30;

/** Parts of the lock that a run holds: a sum of these. For cleaning up after a thread that died. */
export const heldRead = 1;
export const heldUpdate = 2;
export const heldWrite = 4;

/** "disposed": by its owner; "torn": a thread died in the middle of a commit. */
export type Condition = "sound" | "disposed" | "torn";
const conditions: readonly Condition[] = ["sound", "disposed", "torn"];

export class StateLock {
  constructor(private readonly words: Int32Array) {}

  /** Counts commits and writes. */
  get version(): number {
    return Atomics.load(this.words, VERSION);
  }

  get condition(): Condition {
    return conditions[Atomics.load(this.words, CONDITION)]!;
  }

  set condition(condition: Condition) {
    Atomics.store(this.words, CONDITION, conditions.indexOf(condition));
  }

  acquireRead(): void {
    for (;;) {
      const readers = Atomics.load(this.words, READERS);
      if (readers >= writerFlag) Atomics.wait(this.words, READERS, readers);
      else if (Atomics.compareExchange(this.words, READERS, readers, readers + 1) === readers) return;
    }
  }

  releaseRead(): void {
    if (Atomics.sub(this.words, READERS, 1) === writerFlag + 1) Atomics.notify(this.words, READERS);
  }

  acquireUpdate(): void {
    while (Atomics.compareExchange(this.words, UPDATER, 0, 1) !== 0) Atomics.wait(this.words, UPDATER, 1);
  }

  releaseUpdate(): void {
    Atomics.store(this.words, UPDATER, 0);
    Atomics.notify(this.words, UPDATER, 1);
  }

  /** For the holder of the update lock. */
  acquireWrite(): void {
    Atomics.or(this.words, READERS, writerFlag);
    for (;;) {
      const readers = Atomics.load(this.words, READERS);
      if (readers === writerFlag) return;
      Atomics.wait(this.words, READERS, readers);
    }
  }

  /** The writer has changed something: a new version. */
  releaseWrite(): void {
    Atomics.add(this.words, VERSION, 1);
    Atomics.store(this.words, READERS, 0);
    Atomics.notify(this.words, READERS);
  }

  /** Gives back what a dead thread held (a sum of heldRead, heldUpdate, heldWrite). */
  releaseAll(held: number): void {
    if (held & heldWrite) {
      this.condition = "torn";
      this.releaseWrite();
    }
    if (held & heldUpdate) this.releaseUpdate();
    if (held & heldRead) this.releaseRead();
  }
}
