/** Images and probabilities as text. */

/** From paper to ink. */
const ramp = " .:-=+*#%@";

/**
 * An image of one channel as rows of characters, two to a pixel since characters are about twice as high as wide.
 *
 * @param pixels row by row, ink from 0 to 1; values outside are cut
 */
export function inkPicture(pixels: ArrayLike<number>, height: number, width: number): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => {
      const ink = Math.min(1, Math.max(0, pixels[y * width + x]!));
      return ramp[Math.round(ink * (ramp.length - 1))]!.repeat(2);
    }).join(""),
  );
}

/** A line per class: name, percentage and a bar of 20 characters for the whole. */
export function probabilityLines(probabilities: ArrayLike<number>, classes: readonly string[]): string[] {
  const width = Math.max(...classes.map((name) => name.length));
  return classes.map((name, index) => {
    const probability = probabilities[index]!;
    const percent = (100 * probability).toFixed(1).padStart(5);
    return `${name.padStart(width)}  ${percent} %  ${"#".repeat(Math.round(20 * probability))}`.trimEnd();
  });
}

/** Two blocks of lines side by side. */
export function beside(left: readonly string[], right: readonly string[], gap = "    "): string[] {
  const width = Math.max(0, ...left.map((line) => line.length));
  return Array.from({ length: Math.max(left.length, right.length) }, (_, row) =>
    `${(left[row] ?? "").padEnd(width)}${gap}${right[row] ?? ""}`.trimEnd(),
  );
}
