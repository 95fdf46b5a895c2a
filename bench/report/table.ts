/** Rows for people. */
import { bestPeer, formWith, ours } from "../measure/row.js";
import { gflops } from "../measure/statistics.js";
import type { JudgedRow } from "./results.js";

const columns = [
  ["row", -34],
  ["threads", 7],
  ["ms", 8],
  ["median", 8],
  ["GFLOP/s", 8],
  ["% peak", 6],
  ["limit", 7],
  ["im2col", 7],
  ["peer", -12],
  ["ms", 8],
  ["GFLOP/s", 8],
  ["ratio", 6],
  ["medians", 7],
  ["awaited", 7],
  ["floor", -1],
] as const;

export function tableHead(): string {
  const names = columns.map(([name, width]) => pad(name, width)).join("  ");
  return `${names}\n${"-".repeat(names.length)}`;
}

/** Ratios are the peer's time / ours; "limit" is the roofline's ms,
 * "im2col" the GFLOP/s of that algorithm, "awaited" the ratio of awaited calls. */
export function tableRow({ row, verdicts, limit }: JudgedRow): string {
  const { threads, work } = row;
  const mine = ours(row);
  const peer = bestPeer(row);
  const awaited = formWith(row, "awaited");
  const im2col = formWith(row, "im2col");
  const ratio = (other: number | undefined, own: number | undefined): string =>
    other === undefined || own === undefined ? "" : (other / own).toFixed(2);
  const cells = [
    work.id,
    String(threads),
    row.memory ? "" : milliseconds(mine.minimum),
    row.memory ? "" : milliseconds(mine.median),
    speed(row.flops, mine.minimum),
    row.fmaPeak === undefined || row.flops === 0
      ? ""
      : ((100 * gflops(row.flops, mine.minimum)) / row.fmaPeak).toFixed(0),
    limit === undefined ? "" : milliseconds(limit),
    speed(row.flops, im2col?.minimum),
    peer === undefined ? "" : `${peer.contender}${peer.repeats > 1 ? `*${peer.repeats}` : ""}`,
    peer === undefined ? "" : milliseconds(peer.minimum),
    speed(row.flops, peer?.minimum),
    ratio(peer?.minimum, mine.minimum),
    ratio(peer?.median, mine.median),
    ratio(peer?.minimum, awaited?.minimum),
    verdicts.map(({ text, reached }) => `${reached === false ? "MISSED " : ""}${text}`).join("; "),
  ];
  return cells
    .map((cell, i) => pad(cell, columns[i]?.[1] ?? 0))
    .join("  ")
    .trimEnd();
}

function speed(flops: number, time: number | undefined): string {
  return flops === 0 || time === undefined ? "" : gflops(flops, time).toFixed(1);
}

/** Four digits that count. */
export function milliseconds(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

/** @param width negative: flush left */
function pad(text: string, width: number): string {
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}
