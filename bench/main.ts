/** `npm run bench`: striate and its peers in turns, in processes of their own, after their results were verified. */
import { existsSync, rmSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { readArguments, usage, UsageError, type BenchArguments } from "./arguments.js";
import { buildFolder } from "./compile.js";
import { floorsOf, judge, readFloors, type FloorEntry, type Verdict } from "./floors.js";
import { Machine, type Bandwidth, type MemorySpeed } from "./machine/machine.js";
import { Lanes, missingPeer } from "./measure/lanes.js";
import { measureImport, measureMemory } from "./measure/process.js";
import { QuickClock, quickRoles, quickWorks } from "./measure/quick.js";
import { closeWork, openWork } from "./measure/open.js";
import { fullBudget, measureWork, type MeasureOptions, type Row } from "./measure/row.js";
import { chartOf } from "./report/chart.js";
import { resultsOf, writeText, type JudgedRow } from "./report/results.js";
import { tableHead, tableRow } from "./report/table.js";
import { roofline } from "./roofline.js";
import { isOnDemand, isSingleThreaded, type PeerName, type Work } from "./work.js";
import { listWorks } from "./works.js";

const root = fileURLToPath(new URL("..", import.meta.url));

async function main(): Promise<number> {
  const options = readArguments(process.argv.slice(2), availableParallelism());
  if (options.help) {
    console.log(usage);
    return 0;
  }
  if (!existsSync(join(root, "dist", "index.js"))) {
    console.error("bench: striate is not built here: run npm run build");
    return 1;
  }
  const floors = readFloors();
  const works = (options.quick ? quickWorks(floors) : listWorks()).filter(({ id }) => options.filter.test(id));
  if (works.length === 0) throw new UsageError(`--filter: no row matches ${options.filter.source}`);
  const bench = new Bench(options, floors, absentPeers(works, options));
  try {
    return await bench.run(works);
  } finally {
    bench.close();
  }
}

/** Says for each peer that is not here what to do. */
function absentPeers(works: readonly Work[], { solo, also }: BenchArguments): Set<PeerName> {
  const peers = new Set(works.flatMap((work) => work.peers));
  if (solo) return peers;
  const absent = [...peers].filter((peer) => {
    if (isOnDemand(peer) && !also.includes(peer)) return true;
    const reason = missingPeer(peer);
    if (reason !== undefined) console.log(`without ${peer}: ${reason}`);
    return reason !== undefined;
  });
  return new Set(absent);
}

class Bench {
  private readonly rows: JudgedRow[] = [];
  private readonly lanes: Lanes;
  private readonly machine: Machine | undefined;
  private readonly fmaPeak = new Map<number, number>();
  private readonly bandwidth = new Map<number, Bandwidth>();
  private readonly clock: QuickClock | undefined;
  private failures = 0;

  constructor(
    private readonly options: BenchArguments,
    private readonly floors: readonly FloorEntry[],
    private readonly absent: ReadonlySet<PeerName>,
  ) {
    this.lanes = new Lanes(options.isa);
    this.clock = options.quick ? new QuickClock() : undefined;
    const machine = Machine.build();
    if (typeof machine === "string") console.log(`no percentages of this machine's limits: ${machine}`);
    else this.machine = machine;
  }

  async run(works: readonly Work[]): Promise<number> {
    const { json, svg, quick } = this.options;
    console.log(`${cpus()[0]?.model ?? "unknown CPU"}, ${availableParallelism()} threads, Node.js ${process.version}`);
    if (quick) await this.lanes.load(works, (peer) => !this.absent.has(peer));
    await this.measureMachine();
    console.log(
      `ms: the least of many calls; ratio: the peer's time / ours; limit: ms no arrangement of the kernels can beat (bench/roofline.ts); im2col: our GFLOP/s with that algorithm; *8: one of 8 in a row\n\n${tableHead()}`,
    );
    for (const [i, work] of works.entries()) {
      const rest = works.slice(i);
      await this.measure(work, rest).catch((error: unknown) => {
        console.error(`${work.id}: ${error instanceof Error ? error.message : String(error)}`);
        this.failures++;
        this.lanes.close();
      });
      // Models leave nothing behind for the next one, and each kind of work begins anew; --quick has no time for that.
      const isLastOfKind = works[i + 1]?.kind !== work.kind;
      if (!quick && (isLastOfKind || "model" in work)) this.lanes.close();
    }
    const machine = { fmaPeak: this.fmaPeak, bandwidth: this.bandwidth };
    writeText(resolve(root, json), `${JSON.stringify(resultsOf(this.rows, machine), null, 2)}\n`);
    writeText(
      resolve(root, svg),
      chartOf(this.rows, `striate's speed as a multiple of its peers' (${cpus()[0]?.model ?? "unknown CPU"})`),
    );
    return this.conclude();
  }

  private async measureMachine(): Promise<void> {
    if (this.machine === undefined) return;
    const milliseconds = this.options.quick ? 300 : 1500;
    for (const threads of this.options.threads) {
      const peak = await this.machine.fmaPeak(threads, milliseconds / 3);
      const bandwidth = await this.machine.bandwidth(threads, milliseconds);
      this.fmaPeak.set(threads, peak);
      this.bandwidth.set(threads, bandwidth);
      const speed = ({ read, copy, streamingCopy }: MemorySpeed): string =>
        `read ${read.toFixed(1)}, copy ${copy.toFixed(1)}, non-temporal copy ${streamingCopy.toFixed(1)}`;
      console.log(
        `${threads} thread${threads > 1 ? "s" : ""}: FMA peak ${peak.toFixed(1)} GFLOP/s; memory GB/s: ${speed(bandwidth.arrays)}; in huge pages ${speed(bandwidth.hugePages)}`,
      );
    }
  }

  private async measure(work: Work, rest: readonly Work[]): Promise<void> {
    const { options, clock } = this;
    const threads = isSingleThreaded(work) ? [1] : options.threads;
    const measureOptions: MeasureOptions = {
      ...{ lanes: this.lanes, machine: this.machine, peaks: this.fmaPeak, folder: join(buildFolder, "files") },
      isThere: (peer) => !this.absent.has(peer),
      ...(clock === undefined ? {} : { roles: quickRoles }),
    };
    if (work.kind === "import") {
      this.report(measureImport(work, clock === undefined ? 20 : 6, measureOptions));
      return;
    }
    if (work.kind === "memory") {
      this.report(await measureMemory(work, measureOptions));
      return;
    }
    const open = await openWork(work, threads, measureOptions);
    for (const count of threads) {
      const budget =
        clock === undefined
          ? { ...fullBudget, seconds: options.seconds }
          : clock.budget(rest, count, threads, open.forms.length);
      this.report(await measureWork(open, count, budget, measureOptions));
    }
    await closeWork(open, measureOptions);
    // Files of models take long to write, those of --quick its time; both stay for the next run.
    if (clock === undefined && work.kind !== "infer") for (const file of open.files) rmSync(file, { force: true });
  }

  private report(row: Row): void {
    const { work, threads } = row;
    const bandwidth = this.bandwidth.get(threads);
    const hasPeer = work.peers.some((peer) => !isOnDemand(peer) || this.options.also.includes(peer));
    const verdicts = floorsOf(this.floors, work.id, threads, hasPeer).map((floor) =>
      judge(row, floor, this.options.floor, bandwidth?.arrays.copy),
    );
    const { costs, fmaPeak } = row;
    const isKnown = costs !== undefined && fmaPeak !== undefined && bandwidth !== undefined;
    const limit = isKnown ? roofline(costs, fmaPeak, bandwidth.hugePages.read) : undefined;
    this.rows.push({ row, verdicts, limit });
    console.log(tableRow({ row, verdicts, limit }));
  }

  /** @returns the exit code */
  private conclude(): number {
    const { quick, json, svg } = this.options;
    const of = (wanted: (verdict: Verdict) => boolean): string[] =>
      this.rows.flatMap(({ row, verdicts }) =>
        verdicts
          .filter(wanted)
          .map(({ text }) => `  ${row.work.id} on ${row.threads} thread${row.threads > 1 ? "s" : ""}: ${text}`),
      );
    const missed = of(({ reached }) => reached === false);
    const unknown = of(({ reached }) => reached === undefined);
    const seconds = (performance.now() / 1000).toFixed(0);
    console.log(
      `\n${this.rows.length} rows in ${seconds} s, each verified before it was measured; written to ${json} and ${svg}`,
    );
    if (missed.length > 0) console.log(`below their floors:\n${missed.join("\n")}`);
    else console.log("no row is below its floor");
    if (unknown.length > 0)
      console.log(`not judged, since what they are compared with is not here:\n${unknown.join("\n")}`);
    if (this.failures > 0) console.log(`${this.failures} failed, see above`);
    return this.failures > 0 || (quick && missed.length + unknown.length > 0) ? 1 : 0;
  }

  close(): void {
    this.lanes.close();
    this.machine?.close();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`bench: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
