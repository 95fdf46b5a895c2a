/** Comparison with the oracle, with messages that say where, what and how far. */
import type { Bounded } from "./oracle/tensor.js";

/** "[n, h, w, c]" of a flat index. */
function position(index: number, shape: readonly number[]): string {
  const parts: number[] = [];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    parts.unshift(index % shape[axis]!);
    index = Math.floor(index / shape[axis]!);
  }
  return `[${parts.join(",")}]`;
}

function matches(got: number, want: number, tolerance: number): boolean {
  if (Number.isNaN(want)) return Number.isNaN(got);
  if (!Number.isFinite(Math.fround(want))) return got === Math.fround(want);
  // a tolerance that is not finite would accept anything: it is a mistake of the oracle
  return Number.isFinite(tolerance) && Math.abs(got - want) <= tolerance;
}

const reported = 4;

/** What is wrong with `got`, or undefined. */
export function difference(what: string, got: ArrayLike<number>, want: Bounded): string | undefined {
  const { data, tolerance, shape } = want;
  if (got.length !== data.length) return `${what}: ${String(got.length)} elements, want ${String(data.length)}`;
  let wrong = 0;
  let worst = 0;
  const lines: string[] = [];
  for (let i = 0; i < data.length; i++) {
    if (matches(got[i]!, data[i]!, tolerance[i]!)) continue;
    wrong++;
    const ratio = Math.abs(got[i]! - data[i]!) / tolerance[i]!;
    if (ratio > worst) worst = ratio;
    if (lines.length < reported) {
      lines.push(
        `  at ${position(i, shape)} (${String(i)}): got ${String(got[i])}, want ${String(data[i])}, ` +
          `off by ${(got[i]! - data[i]!).toExponential(2)}, tolerance ${tolerance[i]!.toExponential(2)}`,
      );
    }
  }
  if (wrong === 0) return undefined;
  const head = `${what} [${shape.join(",")}]: ${String(wrong)} of ${String(data.length)} elements wrong, worst ${worst.toPrecision(3)} tolerances`;
  return [head, ...lines].join("\n");
}

/** The largest error in units of its tolerance: how much of the derived bound is used. */
export function usedTolerance(got: ArrayLike<number>, want: Bounded): number {
  let worst = 0;
  for (let i = 0; i < want.data.length; i++) {
    if (!Number.isFinite(want.data[i]!) || want.tolerance[i] === 0) continue;
    worst = Math.max(worst, Math.abs(got[i]! - want.data[i]!) / want.tolerance[i]!);
  }
  return worst;
}

/** The first element whose bits differ, or undefined. */
export function bitDifference(what: string, a: Float32Array, b: Float32Array): string | undefined {
  if (a.length !== b.length) return `${what}: ${String(a.length)} and ${String(b.length)} elements`;
  const bitsA = new Uint32Array(a.buffer, a.byteOffset, a.length);
  const bitsB = new Uint32Array(b.buffer, b.byteOffset, b.length);
  for (let i = 0; i < a.length; i++) {
    if (bitsA[i] !== bitsB[i]) return `${what}: element ${String(i)} is ${String(a[i])} and ${String(b[i])}`;
  }
  return undefined;
}
