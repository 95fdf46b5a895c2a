/** Rows of cells as columns of text. */

/**
 * Columns as wide as their widest cell, two blanks between.
 *
 * @param rows of equally many cells; the first is the heading
 * @param right columns of numbers, which end flush
 */
export function tableLines(rows: readonly (readonly string[])[], right: ReadonlySet<number>): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (right.has(column) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd(),
  );
}
