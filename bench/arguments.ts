/** The command line of the bench. */
import { parseArgs } from "node:util";

export interface BenchArguments {
  readonly filter: RegExp;
  readonly threads: readonly number[];
  readonly seconds: number;
  readonly json: string;
  readonly solo: boolean;
  readonly help: boolean;
}

export const usage = `npm run bench -- [options]
  --filter <regex>    works whose name/batch matches, e.g. 3x3 (default: all)
  --threads <list>    numbers of threads, e.g. 1,2 (default: 1 and all)
  --seconds <number>  measured for each contender and row (default 1.5)
  --json <file>       where results go (default build-bench/results.json)
  --solo              without the peers, which need not be installed then`;

/**
 * @param all the number of threads that "all" means
 * @throws RangeError, TypeError for what it does not understand
 */
export function readArguments(args: readonly string[], all: number): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      filter: { type: "string", default: "" },
      threads: { type: "string", default: all > 1 ? `1,${all}` : "1" },
      seconds: { type: "string", default: "1.5" },
      json: { type: "string", default: "build-bench/results.json" },
      solo: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const threads = values.threads.split(",").map(Number);
  if (!threads.every((count) => Number.isInteger(count) && count > 0)) {
    throw new RangeError(`--threads: must be whole numbers from 1 with commas between, got ${values.threads}`);
  }
  const seconds = Number(values.seconds);
  if (!(seconds > 0)) throw new RangeError(`--seconds: must be a number above 0, got ${values.seconds}`);
  const { json, solo, help } = values;
  return { filter: new RegExp(values.filter), threads: [...new Set(threads)], seconds, json, solo, help };
}
