/** Rows for people. */
import { bestPeer, type RowResult } from "../measure/bench.js";
import { gflops } from "../measure/statistics.js";

const columns = [
  ["work", -20],
  ["threads", 7],
  ["striate ms", 10],
  ["median", 8],
  ["GFLOP/s", 8],
  ["% peak", 6],
  ["peer ms", 10],
  ["median", 8],
  ["GFLOP/s", 8],
  ["ratio", 6],
  ["of medians", 10],
] as const;

export function tableHead(): string {
  const names = columns.map(([name, width]) => pad(name, width)).join("  ");
  return `${names}\n${"-".repeat(names.length)}`;
}

/** @param peak GFLOP/s of so many threads, if known */
export function tableRow(row: RowResult, peak: number | undefined): string {
  const { ours, flops, threads, work } = row;
  const speed = gflops(flops, ours.minimum);
  const peer = bestPeer(row);
  const cells = [
    work.id,
    String(threads),
    milliseconds(ours.minimum),
    milliseconds(ours.median),
    speed.toFixed(1),
    peak === undefined ? "" : ((100 * speed) / peak).toFixed(0),
    ...(peer === undefined
      ? []
      : [
          milliseconds(peer.minimum),
          milliseconds(peer.median),
          gflops(flops, peer.minimum).toFixed(1),
          (peer.minimum / ours.minimum).toFixed(2),
          (peer.median / ours.median).toFixed(2),
          ...(peer.repeats > 1 ? [`(peer: 1 of ${peer.repeats} layers in a row)`] : []),
        ]),
  ];
  return cells
    .map((cell, i) => pad(cell, columns[i]?.[1] ?? 0))
    .join("  ")
    .trimEnd();
}

/** Four digits that count. */
export function milliseconds(value: number): string {
  return value >= 1000 ? value.toFixed(0) : value.toPrecision(4);
}

/** @param width negative: flush left */
function pad(text: string, width: number): string {
  return width < 0 ? text.padEnd(-width) : text.padStart(width);
}
