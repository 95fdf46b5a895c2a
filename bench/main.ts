/** `npm run bench`: striate and its peers in turns, in processes of their own, after their results were verified. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { readArguments, usage, type BenchArguments } from "./arguments.js";
import { measureWork, prepareWork, type RowResult } from "./measure/bench.js";
import { PeakMeter } from "./peak/peak.js";
import { writeResults, type Peaks } from "./report/results.js";
import { tableHead, tableRow } from "./report/table.js";
import { listWorks } from "./works.js";

const root = fileURLToPath(new URL("..", import.meta.url));

async function main(): Promise<number> {
  const options = readArguments(process.argv.slice(2), availableParallelism());
  if (options.help) {
    console.log(usage);
    return 0;
  }
  const missing = missingParts(options);
  if (missing !== undefined) {
    console.error(missing);
    return 1;
  }
  const works = listWorks(options.filter);
  if (works.length === 0) throw new RangeError(`--filter: no work matches ${options.filter}`);

  console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} threads, Node.js ${process.version}`);
  const meter = PeakMeter.build(join(root, "build-bench"));
  let peaks: Peaks = new Map();
  if (typeof meter === "string") {
    console.log(`no percentages of the FMA peak: ${meter}`);
  } else {
    peaks = measurePeaks(meter, options.threads);
    console.log(showPeaks(peaks));
  }
  const folder = mkdtempSync(join(tmpdir(), "striate-bench-"));
  const rows: RowResult[] = [];
  let failures = 0;
  try {
    for (const work of works) {
      const benchOptions = { folder, seconds: options.seconds, peers: !options.solo };
      const prepared = await prepareWork(work, benchOptions);
      for (const threads of options.threads) {
        const row = await measureWork(prepared, threads, benchOptions).catch((error: unknown) => {
          console.error(error instanceof Error ? error.message : error);
          failures++;
        });
        if (row === undefined) continue;
        if (rows.length === 0) printHead(row);
        rows.push(row);
        console.log(tableRow(row, peaks.get(threads)));
      }
      for (const { onnxFile } of prepared.entries) rmSync(onnxFile, { force: true });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  if (typeof meter !== "string") peaks = measurePeaks(meter, options.threads, peaks);
  const file = resolve(root, options.json);
  writeResults(file, rows, peaks);
  console.log(`\n${rows.length} rows, each verified before it was measured; written to ${options.json}`);
  return failures === 0 ? 0 : 1;
}

/** What to install or build first, if anything. */
function missingParts({ solo }: BenchArguments): string | undefined {
  if (!existsSync(join(root, "dist", "index.js"))) return "bench: striate is not built here: run npm run build";
  const require = createRequire(import.meta.url);
  const absent = ["onnxruntime-node", "protobufjs"].filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  if (solo || absent.length === 0) return undefined;
  return `bench: ${absent.join(" and ")} not installed: run npm ci --prefix bench (about 300 MB), or measure striate alone with --solo`;
}

/** The larger of what was known and what is measured now: nobody else may have slowed both. */
function measurePeaks(meter: PeakMeter, threads: readonly number[], known: Peaks = new Map()): Peaks {
  return new Map(threads.map((count) => [count, Math.max(meter.measure(count), known.get(count) ?? 0)]));
}

function showPeaks(peaks: Peaks): string {
  const texts = [...peaks].map(
    ([count, peak]) => `${peak.toFixed(1)} GFLOP/s on ${count} thread${count > 1 ? "s" : ""}`,
  );
  return `FMA peak: ${texts.join(", ")}`;
}

function printHead(row: RowResult): void {
  const peers = new Set(row.peers.map(({ description }) => description));
  console.log(
    `${[row.ours.description, ...peers].join(" and ")}; ms are the least of many calls, ratios the peer's time / ours\n`,
  );
  console.log(tableHead());
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
