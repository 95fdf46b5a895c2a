/** The file that other programs read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import type { Verdict } from "../floors.js";
import type { Bandwidth } from "../machine/machine.js";
import { bestPeer, formWith, ours, type FormResult, type Row } from "../measure/row.js";
import { gflops } from "../measure/statistics.js";

/** What the machine reached before the rows, by number of threads. */
export interface MachineFigures {
  readonly fmaPeak: ReadonlyMap<number, number>;
  readonly bandwidth: ReadonlyMap<number, Bandwidth>;
}

export interface JudgedRow {
  readonly row: Row;
  readonly verdicts: readonly Verdict[];
  /** Milliseconds of the roofline, of models that predict. */
  readonly limit?: number | undefined;
}

export function writeText(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

export function resultsOf(rows: readonly JudgedRow[], machine: MachineFigures): object {
  return {
    version: 2,
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      node: process.version,
      platform: process.platform,
      fmaPeakGflops: Object.fromEntries(machine.fmaPeak),
      bandwidthGbps: Object.fromEntries(machine.bandwidth),
    },
    rows: rows.map(({ row, verdicts, limit }) => {
      const mine = ours(row);
      const peer = bestPeer(row);
      const awaited = formWith(row, "awaited");
      return {
        row: row.work.id,
        threads: row.threads,
        flops: row.flops,
        bytes: row.bytes,
        verifiedBy: row.judge,
        fmaPeakGflops: row.fmaPeak ?? null,
        percentOfPeak:
          row.fmaPeak === undefined || row.flops === 0 ? null : (100 * gflops(row.flops, mine.minimum)) / row.fmaPeak,
        limitMilliseconds: limit ?? null,
        ratio: peer === undefined ? null : peer.minimum / mine.minimum,
        ratioOfMedians: peer === undefined ? null : peer.median / mine.median,
        ratioAwaited: peer === undefined || awaited === undefined ? null : peer.minimum / awaited.minimum,
        ...(row.memory === undefined ? {} : { memoryBytes: row.memory }),
        floors: verdicts.map(({ floor, text, reached, share }) => ({
          ...floor,
          text,
          reached: reached ?? null,
          share: share ?? null,
        })),
        forms: row.forms.map((each) => form(each, row.flops)),
      };
    }),
  };
}

function form(
  { role, contender, description, repeats, minimum, median, calls, explained }: FormResult,
  flops: number,
): object {
  return {
    role,
    contender,
    description,
    layersInARow: repeats,
    msMin: minimum,
    msMedian: median,
    calls,
    gflops: flops === 0 ? null : gflops(flops, minimum),
    ...(explained === undefined || role === "awaited" ? {} : { explained: explained.split("\n") }),
  };
}
