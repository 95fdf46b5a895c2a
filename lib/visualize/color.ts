/** Colours of numbers. */
import { interpolateRdBu, interpolateViridis } from "d3-scale-chromatic";

export type Rgb = readonly [red: number, green: number, blue: number];

/** From a number to a colour. */
export interface ColorScale {
  /** What the ends and the middle of the scale stand for, for legends. */
  readonly low: number;
  readonly high: number;
  readonly color: (value: number) => Rgb;
}

/** Not a number, or infinite: no colour of any scale. */
const undefinedColor: Rgb = [255, 0, 255];

/** Steps in which a scale is tabulated: more than an 8-bit channel has. */
const steps = 512;

function tabulated(interpolate: (t: number) => string): readonly Rgb[] {
  return Array.from({ length: steps + 1 }, (_, i) => parseColor(interpolate(i / steps)));
}

/** "rgb(1, 2, 3)" and "#010203", which are what d3 writes. */
function parseColor(text: string): Rgb {
  const hex = /^#(..)(..)(..)$/
    .exec(text)
    ?.slice(1)
    .map((digits) => parseInt(digits, 16));
  const parts = hex ?? text.match(/\d+/g)!.map(Number);
  return [parts[0]!, parts[1]!, parts[2]!];
}

let divergingTable: readonly Rgb[] | undefined;
let sequentialTable: readonly Rgb[] | undefined;

const at = (table: readonly Rgb[], t: number): Rgb => table[Math.round(steps * Math.min(1, Math.max(0, t)))]!;

/**
 * For signed values: blue below zero, red above, zero almost white.
 * @param limit the magnitude that has the full colour; values beyond it are cut
 */
export function divergingScale(limit: number): ColorScale {
  const table = (divergingTable ??= tabulated((t) => interpolateRdBu(1 - t)));
  const color = (value: number): Rgb =>
    Number.isFinite(value) ? at(table, limit > 0 ? 0.5 + value / (2 * limit) : 0.5) : undefinedColor;
  return { low: -limit, high: limit, color };
}

/** For magnitudes: dark violet at `low` to yellow at `high`; its brightness grows evenly, so it reads without colours too. */
export function sequentialScale(low: number, high: number): ColorScale {
  const table = (sequentialTable ??= tabulated(interpolateViridis));
  const color = (value: number): Rgb =>
    Number.isFinite(value) ? at(table, high > low ? (value - low) / (high - low) : 0) : undefinedColor;
  return { low, high, color };
}

/** For pixels: black at `low`, white at `high`. */
export function greyScale(low: number, high: number): ColorScale {
  const color = (value: number): Rgb => {
    const grey = toByte(value, low, high);
    return Number.isFinite(value) ? [grey, grey, grey] : undefinedColor;
  };
  return { low, high, color };
}

/** A channel of a pixel: 0 at `low`, 255 at `high`. */
export function toByte(value: number, low: number, high: number): number {
  return high > low ? Math.round(255 * Math.min(1, Math.max(0, (value - low) / (high - low)))) : 0;
}

/** The least and the greatest finite value; [0, 0] where there is none. */
export function extentOf(values: ArrayLike<number>): readonly [number, number] {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

/** The scale that suits some values: from 0 where none is negative, else diverging about 0. */
export function scaleFor(values: ArrayLike<number>): ColorScale {
  const [low, high] = extentOf(values);
  return low < 0 ? divergingScale(Math.max(-low, high)) : sequentialScale(0, high);
}
