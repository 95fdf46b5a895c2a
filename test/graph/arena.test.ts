import { expect, test } from "vitest";
import { ARENA_ALIGNMENT, planArena, type ArenaBlock } from "../../lib/graph/arena.js";
import { RandomStream } from "../../lib/random/philox.js";

function overlaps(a: ArenaBlock, b: ArenaBlock): boolean {
  const inTime = a.first <= b.last && b.first <= a.last;
  const inSpace = a.offset < b.offset + b.size && b.offset < a.offset + a.size;
  return inTime && inSpace;
}

function randomBlocks(seed: number): ArenaBlock[] {
  const random = new RandomStream(seed, "blocks");
  return Array.from({ length: 40 }, () => {
    const first = random.integer(50);
    return { size: 1 + random.integer(300), first, last: first + random.integer(12), offset: -1 };
  });
}

test("no two blocks that live at the same time share an element, whatever the lives", () => {
  for (let seed = 0; seed < 40; seed++) {
    const blocks = randomBlocks(seed);
    const total = planArena(blocks);
    for (const [i, a] of blocks.entries()) {
      expect(a.offset % ARENA_ALIGNMENT, `seed ${seed}`).toBe(0);
      expect(a.offset + a.size, `seed ${seed}`).toBeLessThanOrEqual(total);
      for (const b of blocks.slice(i + 1)) expect(overlaps(a, b), `seed ${seed}`).toBe(false);
    }
  }
});

test("the check itself can fail: blocks at one offset that live at once overlap", () => {
  const at = (first: number, last: number): ArenaBlock => ({ size: 4, first, last, offset: 0 });
  expect(overlaps(at(0, 2), at(2, 3))).toBe(true);
  expect(overlaps(at(0, 1), at(2, 3))).toBe(false);
});

test("a chain of equal blocks needs two of them", () => {
  const blocks = Array.from({ length: 10 }, (_, i) => ({ size: 64, first: i, last: i + 1, offset: 0 }));
  expect(planArena(blocks)).toBe(128);
});

test("memory is close to the most that lives at once", () => {
  for (let seed = 0; seed < 50; seed++) {
    const blocks = randomBlocks(seed);
    const total = planArena(blocks);
    let peak = 0;
    for (let time = 0; time < 64; time++) {
      const live = blocks.filter(({ first, last }) => first <= time && time <= last);
      peak = Math.max(
        peak,
        live.reduce((sum, { size }) => sum + Math.ceil(size / ARENA_ALIGNMENT) * ARENA_ALIGNMENT, 0),
      );
    }
    expect(total, `seed ${seed}`).toBeGreaterThanOrEqual(peak / 1.1 - ARENA_ALIGNMENT);
    expect(total, `seed ${seed}`).toBeLessThanOrEqual(1.4 * peak);
  }
});
