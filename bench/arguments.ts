/** The command line of the bench. */
import { parseArgs } from "node:util";
import { isOnDemand, peersOnDemand, type PeerName } from "./work.js";

export interface BenchArguments {
  readonly filter: RegExp;
  readonly threads: readonly number[];
  readonly seconds: number;
  readonly json: string;
  readonly svg: string;
  readonly solo: boolean;
  /** Peers that are measured on demand only. */
  readonly also: readonly PeerName[];
  readonly quick: boolean;
  readonly floor: number;
  readonly isa: string | undefined;
  readonly help: boolean;
}

export const usage = `npm run bench -- [options]
  --quick             one row for each kind of work, within a minute; exits with 1 where one falls below its floor
  --floor <number>    scales all floors, e.g. 0.8 (default 1)
  --filter <regex>    rows whose name matches, e.g. ^forward/.*3x3 or /16$ (default: all)
  --threads <list>    numbers of threads, e.g. 1,2 (default: 1 and all)
  --seconds <number>  measured for each form of a row (default 0.6)
  --isa <name>        caps our instruction set, e.g. sse2
  --also <list>       beside OpenBLAS and oneDNN, too: openblas, onednn or both with a comma between
  --solo              without the peers, which need not be installed then
  --json <file>       where results go (default build-bench/results.json)
  --svg <file>        where the chart goes (default build-bench/results.svg)
  --help              this text
Exits with 0, with 1 where a result is wrong, a row fails or (--quick) a floor is missed, with 2 for a wrong command line.`;

/** A command line that means nothing. */
export class UsageError extends Error {}

/**
 * @param all the number of threads that "all" means
 * @throws UsageError for what it does not understand
 */
export function readArguments(args: readonly string[], all: number): BenchArguments {
  const values = parse(args, all);
  const threads = values.threads.split(",").map(Number);
  if (!threads.every((count) => Number.isInteger(count) && count > 0)) {
    throw new UsageError(`--threads: must be whole numbers from 1 with commas between, got ${values.threads}`);
  }
  const { json, svg, solo, quick, isa, help } = values;
  return {
    ...{ filter: pattern(values.filter), threads: [...new Set(threads)], json, svg, solo, quick, isa, help },
    also: peerList(values.also),
    seconds: positive("--seconds", values.seconds),
    floor: positive("--floor", values.floor),
  };
}

function parse(args: readonly string[], all: number) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        filter: { type: "string", default: "" },
        threads: { type: "string", default: all > 1 ? `1,${all}` : "1" },
        seconds: { type: "string", default: "0.6" },
        floor: { type: "string", default: "1" },
        json: { type: "string", default: "build-bench/results.json" },
        svg: { type: "string", default: "build-bench/results.svg" },
        isa: { type: "string" },
        solo: { type: "boolean", default: false },
        also: { type: "string", default: "" },
        quick: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function peerList(text: string): PeerName[] {
  const names = text.split(",").filter((name) => name !== "");
  const unknown = names.find((name) => !isOnDemand(name as PeerName));
  if (unknown !== undefined) throw new UsageError(`--also: must be ${peersOnDemand.join(" or ")}, got ${unknown}`);
  return names as PeerName[];
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!(value > 0) || value === Infinity) throw new UsageError(`${option}: must be a number above 0, got ${text}`);
  return value;
}

function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--filter: ${text} is no regular expression`, { cause: error });
  }
}
