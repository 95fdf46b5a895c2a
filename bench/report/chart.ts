/** Ratios to the peers as a bar chart: plain SVG, readable on light and dark pages. */
import { bestPeer, ours } from "../measure/row.js";
import type { JudgedRow } from "./results.js";

const barHeight = 10;
const rowGap = 8;
const labelWidth = 240;
const plotWidth = 520;
const top = 48;
const colors = ["#2b6cb0", "#dd6b20", "#38a169", "#805ad5"] as const;

/** One group of bars a work, one bar for each number of threads; ticks are the floors. */
export function chartOf(rows: readonly JudgedRow[], title: string): string {
  const compared = rows.filter(({ row }) => bestPeer(row) !== undefined);
  const works = [...new Set(compared.map(({ row }) => row.work.id))];
  const threads = [...new Set(compared.map(({ row }) => row.threads))].sort((a, b) => a - b);
  const most = Math.max(2, ...compared.map(ratioOf).filter((ratio) => ratio < cut));
  const x = (ratio: number): number => labelWidth + (Math.min(ratio, most) / most) * plotWidth;
  const groupHeight = threads.length * barHeight + rowGap;
  const height = top + works.length * groupHeight + 20;
  const width = labelWidth + plotWidth + 60;

  const grid = Array.from({ length: Math.floor(most) + 1 }, (_, ratio) => {
    const strong = ratio === 1 ? ' stroke-width="2"' : "";
    return (
      `<line x1="${fixed(x(ratio))}" x2="${fixed(x(ratio))}" y1="${top - 6}" y2="${height - 16}" class="grid"${strong}/>` +
      `<text x="${fixed(x(ratio))}" y="${top - 10}" text-anchor="middle">${ratio}</text>`
    );
  });
  const bars = works.flatMap((id, i) => {
    const y = top + i * groupHeight;
    const middle = y + (threads.length * barHeight) / 2 + 4;
    const label = `<text x="${labelWidth - 8}" y="${middle}" text-anchor="end">${escape(id)}</text>`;
    return [label, ...compared.filter(({ row }) => row.work.id === id).map((judged) => bar(judged, y))];
  });
  const legend = threads.map(
    (count, i) =>
      `<rect x="${labelWidth + i * 110}" y="20" width="10" height="10" fill="${colors[i % colors.length]!}"/>` +
      `<text x="${labelWidth + i * 110 + 15}" y="29">${count} thread${count === 1 ? "" : "s"}</text>`,
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<title>${escape(title)}</title>`,
    "<style>text{font:11px system-ui,sans-serif;fill:#718096}.title{font-weight:bold}.grid{stroke:#a0aec0;opacity:.5}.floor{stroke:#e53e3e;stroke-width:2}</style>",
    `<text x="8" y="16" class="title">${escape(title)}</text>`,
    ...legend,
    ...grid,
    ...bars,
    "</svg>\n",
  ].join("\n");

  function bar(judged: JudgedRow, groupTop: number): string {
    const series = threads.indexOf(judged.row.threads);
    const y = groupTop + series * barHeight;
    const ratio = ratioOf(judged);
    const end = x(ratio);
    const drawn = bestPeer(judged.row)!.contender;
    const floors = judged.verdicts.flatMap(({ floor: { ratio: floor, peer = drawn } }) =>
      floor !== undefined && peer === drawn ? floor : [],
    );
    const ticks = floors.map(
      (floor) =>
        `<line x1="${fixed(x(floor))}" x2="${fixed(x(floor))}" y1="${y}" y2="${y + barHeight}" class="floor"/>`,
    );
    return (
      `<rect x="${labelWidth}" y="${y + 1}" width="${fixed(end - labelWidth)}" height="${barHeight - 2}" fill="${colors[series % colors.length]!}"/>` +
      `<text x="${labelWidth + plotWidth + 8}" y="${y + barHeight - 1}">${ratio.toFixed(ratio < 10 ? 2 : 0)}</text>${ticks.join("")}`
    );
  }
}

/** Bars of the reference rows, dozens of times as fast as their peers, end at the edge. */
const cut = 6;

function ratioOf({ row }: JudgedRow): number {
  return bestPeer(row)!.minimum / ours(row).minimum;
}

const fixed = (value: number): string => value.toFixed(1);

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
