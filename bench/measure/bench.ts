/** One work on one number of threads: prepared, verified, then measured in turns. */
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { compareSample } from "../verify/expectation.js";
import type { Work } from "../works.js";
import { Lane } from "./lane.js";
import { summarize, type Timing } from "./statistics.js";
import type { ContenderName, Questions } from "./protocol.js";

export interface LaneResult extends Timing {
  readonly contender: ContenderName;
  readonly description: string;
  /** So many identical layers were run; times are those of one. */
  readonly repeats: number;
  readonly explained: string | undefined;
}

export interface RowResult {
  readonly work: Work;
  readonly threads: number;
  readonly flops: number;
  readonly judge: string;
  readonly ours: LaneResult;
  /** The peer as a user would run this work, then the other forms it was given a chance with. */
  readonly peers: readonly LaneResult[];
}

export interface BenchOptions {
  /** For the peer's files. */
  readonly folder: string;
  /** Of each contender, for each row. */
  readonly seconds: number;
  readonly peers: boolean;
}

/** What every number of threads shares. */
export interface PreparedWork {
  readonly work: Work;
  readonly flops: number;
  readonly entries: readonly Entry[];
}

interface Entry {
  readonly contender: ContenderName;
  readonly repeats: number;
  readonly onnxFile: string;
  readonly expected: Questions["prepare"]["answer"]["expected"];
}

const roundMilliseconds = 120;
/** Idle threads of a peer spin for a while before they sleep, and would take a core from the next contender. */
const pauseMilliseconds = 50;
/** Identical layers in a row: what the peer's change of layout costs is spread over them. */
const chainLength = 8;

/** @throws Error where a file cannot be written or the net cannot be built */
export async function prepareWork(work: Work, options: BenchOptions): Promise<PreparedWork> {
  const lane = new Lane();
  try {
    const single = await prepared(1);
    const entries: Entry[] = [{ ...single.entry, contender: "striate" }];
    if (options.peers) {
      entries.push(single.entry);
      if (canRepeat(work)) entries.push((await prepared(chainLength)).entry);
    }
    return { work, flops: single.flops, entries };
  } finally {
    lane.close();
  }

  async function prepared(repeats: number): Promise<{ readonly flops: number; readonly entry: Entry }> {
    const onnxFile = join(options.folder, `${work.id.replace("/", "-")}-${repeats}.onnx`);
    const { flops, expected } = await lane.ask("prepare", {
      work,
      repeats,
      onnxFile: options.peers ? onnxFile : undefined,
    });
    return { flops, entry: { contender: "onnxruntime", repeats, onnxFile, expected } };
  }
}

/** Whether the output can be the input of the same layer. */
export function canRepeat(work: Work): boolean {
  if (work.kind !== "conv") return false;
  const { input, filters, kernel, stride, padding } = work.shape;
  return input[2] === filters && stride === 1 && kernel === 2 * padding + 1;
}

/** @throws Error where a result is wrong or a process fails */
export async function measureWork(prepared: PreparedWork, threads: number, options: BenchOptions): Promise<RowResult> {
  const { work, flops, entries } = prepared;
  const lanes = entries.map((entry) => ({ entry, lane: new Lane(), times: [] as number[] }));
  try {
    const descriptions: Questions["open"]["answer"][] = [];
    for (const { entry, lane } of lanes) {
      descriptions.push(await lane.ask("open", { ...entry, work, threads }));
      const sample = await lane.ask("verify", { indices: entry.expected.indices });
      const wrong = compareSample(sample, entry.expected);
      if (wrong !== undefined) {
        throw new Error(
          `${entry.contender} is wrong on ${work.id}, ${threads} threads, ${entry.repeats} layers: ${wrong}`,
        );
      }
    }
    const rounds = Math.max(1, Math.round((options.seconds * 1000) / roundMilliseconds));
    for (let round = 0; round < rounds; round++) {
      // Each goes first as often as last.
      for (const { lane, times } of round % 2 === 0 ? lanes : lanes.toReversed()) {
        await sleep(pauseMilliseconds);
        times.push(...(await lane.ask("measure", { milliseconds: roundMilliseconds })));
      }
    }
    const [ours, ...peers] = lanes.map(({ entry, times }, i): LaneResult => {
      const { contender, repeats } = entry;
      return {
        contender,
        repeats,
        ...descriptions[i]!,
        ...summarize(Float64Array.from(times, (time) => time / repeats)),
      };
    });
    return { work, threads, flops, judge: entries[0]!.expected.judge, ours: ours!, peers };
  } finally {
    for (const { lane } of lanes) lane.close();
  }
}

/** The peer's best form: what we are compared with. */
export function bestPeer(row: Pick<RowResult, "peers">): LaneResult | undefined {
  return row.peers.toSorted((a, b) => a.minimum - b.minimum)[0];
}
