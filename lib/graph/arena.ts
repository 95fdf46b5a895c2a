/** Memory planning: which bytes of the one arena each allocation gets, reusing what has died. */

/** A block that is live from the first to the last step that touches it, inclusive. */
export interface ArenaBlock {
  readonly size: number;
  readonly first: number;
  readonly last: number;
  /** Set by the planner, in elements. */
  offset: number;
}

/** Blocks start at multiples of 16 floats, a cache line: kernels may then use aligned access to dense buffers. */
export const ARENA_ALIGNMENT = 16;

/**
 * Greedy by size: the largest blocks are placed first, each at the lowest offset where it meets no block that is live
 * at the same time (Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, section 5.2:
 * within a few percent of the optimum on convolutional networks).
 * @returns elements of the whole arena
 */
export function planArena(blocks: readonly ArenaBlock[]): number {
  const placed: ArenaBlock[] = [];
  let total = 0;
  for (const block of [...blocks].sort((a, b) => b.size - a.size || a.first - b.first)) {
    const neighbours = placed
      .filter((other) => other.first <= block.last && block.first <= other.last)
      .sort((a, b) => a.offset - b.offset);
    let offset = 0;
    for (const other of neighbours) {
      if (offset + block.size <= other.offset) break;
      offset = Math.max(offset, alignUp(other.offset + other.size));
    }
    block.offset = offset;
    placed.push(block);
    total = Math.max(total, offset + block.size);
  }
  return total;
}

export function alignUp(elements: number): number {
  return Math.ceil(elements / ARENA_ALIGNMENT) * ARENA_ALIGNMENT;
}
