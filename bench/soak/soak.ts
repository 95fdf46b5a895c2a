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
  /**
   * Counts what is held and little else: garbage is collected before every sample, V8 keeps its young generation small and
   * does not shrink its heap after five quiet seconds, and malloc gives large blocks back when they are freed. Left to
   * themselves these move by -12 to +7 % where nothing is kept.
   */
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

const mostGrowth = 0.05;

/** @throws Error with the process's own words where it fails */
async function soak({ kind, model, count, warmUp, exposeGc }: Soak): Promise<Course> {
  const options = [
    ...(exposeGc ? ["--expose-gc", "--max-semi-space-size=1", "--no-memory-reducer"] : []),
    "--import",
    tsx,
  ];
  const args = [...options, work, kind, String(count), String(warmUp), model];
  // glibc raises this threshold to the size of what was freed last, and keeps blocks below it.
  const env = { ...process.env, ...(exposeGc && { MALLOC_MMAP_THRESHOLD_: String(128 * 1024) }) };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return courseOf(JSON.parse(stdout) as number[]);
}

/**
 * Whether resident memory grows by more than 5 % in two processes of at most three: how large V8 lets its heap become differs
 * from one to the next, a leak shows in all.
 */
export async function grows(
  work: Soak,
  report: (course: Course, isFlat: boolean) => void = () => {},
): Promise<boolean> {
  let flat = 0;
  let grown = 0;
  while (flat < 2 && grown < 2) {
    const course = await soak(work);
    const isFlat = course.growth <= mostGrowth;
    if (isFlat) flat++;
    else grown++;
    report(course, isFlat);
  }
  return grown === 2;
}

/** @param resident bytes, one sample after the other */
export function courseOf(resident: readonly number[]): Course {
  const quarter = Math.ceil(resident.length / 4);
  const [first, last] = [Math.min(...resident.slice(0, quarter)), Math.min(...resident.slice(-quarter))];
  return { first, last, most: Math.max(...resident), growth: (last - first) / first };
}
