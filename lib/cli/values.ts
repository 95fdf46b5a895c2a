/** Values of options from text. A thrown RangeError says what the value must be. */

/** A whole number of at least `least`. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const value = Number(text);
    const limit = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
    if (!/^\d+$/.test(text) || value < least || value > most) throw new RangeError(`a whole number ${limit}`);
    return value;
  };
}

/** A positive, finite number. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value <= 0) throw new RangeError("a positive number");
  return value;
}

/** Any finite number. */
export function finiteNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value)) throw new RangeError("a number");
  return value;
}

/** A number from 0 to below 1. */
export function share(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value < 1)) throw new RangeError("a number from 0 to below 1");
  return value;
}

/** Any text but none. */
export function nonEmpty(text: string): string {
  if (text === "") throw new RangeError("not empty");
  return text;
}

/** One of some words. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return (text: string): Words[number] => {
    if (!words.includes(text)) throw new RangeError(`one of ${words.join(", ")}`);
    return text;
  };
}

/** Words with commas between them. */
export function list(text: string): string[] {
  const words = text.split(",").map((word) => word.trim());
  if (words.includes("")) throw new RangeError("words with commas between them");
  return words;
}

const pair = /^(\d+)(?:[x,](\d+))?$/;

/** "3", or "3x5" for height and width; each at least `least`. */
export function pairOf(least: number) {
  return (text: string): number | readonly [number, number] => {
    const found = pair.exec(text);
    const [height, width] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
    if (!(height >= least && width >= least) || !Number.isSafeInteger(height) || !Number.isSafeInteger(width)) {
      throw new RangeError(`a whole number of at least ${least}, or two as height x width such as 3x5`);
    }
    return found![2] === undefined ? height : [height, width];
  };
}

/** "same", "valid", "2", "1x2" for height and width, or "0,1,0,1" for top, bottom, left and right. */
export function paddingOf(text: string): "same" | "valid" | ReturnType<ReturnType<typeof pairOf>> | Sides {
  if (text === "same" || text === "valid") return text;
  const sides = text.split(",").map(Number);
  if (/^\d+(,\d+){3}$/.test(text) && sides.every(Number.isSafeInteger)) {
    const [top, bottom, left, right] = sides as [number, number, number, number];
    return [
      [top, bottom],
      [left, right],
    ];
  }
  try {
    return pairOf(0)(text);
  } catch {
    throw new RangeError("same, valid, a number, height x width such as 1x2, or top,bottom,left,right such as 0,1,0,1");
  }
}

type Sides = readonly [readonly [number, number], readonly [number, number]];

/** "7x7", or "32x32x3" with channels. */
export function imageShape(text: string): readonly [height: number, width: number, channels: number] {
  const found = /^(\d+)x(\d+)(?:x(\d+))?$/.exec(text);
  const [height, width, channels] = [Number(found?.[1]), Number(found?.[2]), Number(found?.[3] ?? 1)];
  if (found === null || ![height, width, channels].every((size) => size >= 1 && size < 2 ** 31)) {
    throw new RangeError("height x width, or height x width x channels, such as 32x32x3");
  }
  return [height, width, channels];
}
