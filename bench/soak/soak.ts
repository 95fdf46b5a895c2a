/** Runs one work in a process of its own and tells how its resident memory went. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";

export interface Soak {
  readonly kind: "predicts" | "models";
  readonly model: string;
  readonly count: number;
  readonly warmUp: number;
  /** Collects garbage before every sample, so that what V8 has not swept yet is not counted. */
  readonly exposeGc: boolean;
}

export interface Course {
  /** Bytes: the least of the first and of the last quarter (in between lies what V8 has yet to collect), and the most. */
  readonly first: number;
  readonly last: number;
  readonly most: number;
  /** (last - first) / first */
  readonly growth: number;
}

const work = fileURLToPath(new URL("work.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

/** What resident memory may grow by while nothing is kept. */
export const mostGrowth = 0.05;

/** @throws Error with the process's own words where it fails */
export async function soak({ kind, model, count, warmUp, exposeGc }: Soak): Promise<Course> {
  const options = [...(exposeGc ? ["--expose-gc"] : []), "--import", tsx];
  const args = [...options, work, kind, String(count), String(warmUp), model];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return courseOf(JSON.parse(stdout) as number[]);
}

/** @param resident bytes, one sample after the other */
export function courseOf(resident: readonly number[]): Course {
  const quarter = Math.ceil(resident.length / 4);
  const [first, last] = [Math.min(...resident.slice(0, quarter)), Math.min(...resident.slice(-quarter))];
  return { first, last, most: Math.max(...resident), growth: (last - first) / first };
}
