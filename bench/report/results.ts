/** The file that other programs read. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { bestPeer, type LaneResult, type RowResult } from "../measure/bench.js";
import { gflops } from "../measure/statistics.js";

/** GFLOP/s by number of threads. */
export type Peaks = ReadonlyMap<number, number>;

export function writeResults(file: string, rows: readonly RowResult[], peaks: Peaks): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(resultsOf(rows, peaks), null, 2)}\n`);
}

export function resultsOf(rows: readonly RowResult[], peaks: Peaks): object {
  return {
    version: 1,
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      node: process.version,
      platform: process.platform,
    },
    fmaPeakGflops: Object.fromEntries(peaks),
    rows: rows.map((row) => {
      const peak = peaks.get(row.threads);
      const peer = bestPeer(row);
      const speed = gflops(row.flops, row.ours.minimum);
      return {
        work: row.work.id,
        kind: row.work.kind,
        threads: row.threads,
        flops: row.flops,
        verifiedBy: row.judge,
        ours: lane(row.ours, row.flops),
        peers: row.peers.map((each) => lane(each, row.flops)),
        percentOfPeak: peak === undefined ? null : (100 * speed) / peak,
        ratio: peer === undefined ? null : peer.minimum / row.ours.minimum,
        ratioOfMedians: peer === undefined ? null : peer.median / row.ours.median,
      };
    }),
  };
}

function lane(
  { contender, description, repeats, minimum, median, calls, explained }: LaneResult,
  flops: number,
): object {
  return {
    contender,
    description,
    layersInARow: repeats,
    msMin: minimum,
    msMedian: median,
    calls,
    gflops: gflops(flops, minimum),
    ...(explained === undefined ? {} : { explained: explained.split("\n") }),
  };
}
