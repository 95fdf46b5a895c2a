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
