/** The minute that --quick has: what is measured in it, and for how long. */
import type { FloorEntry } from "../floors.js";
import { isSingleThreaded, type Work } from "../work.js";
import { listWorks } from "../works.js";
import type { Role } from "./lanes.js";
import type { Budget } from "./row.js";

/** The rows that stand for all kinds of work that have floors, in the order of the lists. */
export function quickWorks(floors: readonly FloorEntry[]): Work[] {
  const wanted = new Set(floors.flatMap(({ quick }) => quick));
  const works = listWorks().filter(({ id }) => wanted.delete(id));
  if (wanted.size > 0) throw new RangeError(`bench/shapes/floors.json: there is no row ${[...wanted].join(", ")}`);
  return works;
}

/** What floors are about. */
export const quickRoles: ReadonlySet<Role> = new Set<Role>(["ours", "forward", "peer"]);

const secondsInAll = 45;
/** What opening a work takes: building nets, the peer's file, verification. */
const openSeconds = (work: Work): number => {
  switch (work.kind) {
    case "infer":
    case "memory":
      return work.model.name === "vgg16" ? 6 : 1;
    case "train":
      return work.backend === "reference" ? 4 : 1.5;
    case "import":
      return 1;
    default:
      return 0.3;
  }
};

/** Shares out what is left of the minute. */
export class QuickClock {
  private readonly end = 1000 * secondsInAll; // of this process

  /**
   * @param rest this work and all that follow
   * @param threads of them the one that is measured now is `count`
   */
  budget(rest: readonly Work[], count: number, threads: readonly number[], forms: number): Budget {
    const [work, ...later] = rest as [Work, ...Work[]];
    const reserved = later.reduce((sum, each) => sum + openSeconds(each), 0);
    const left = (this.end - performance.now()) / 1000 - reserved;
    const measurements =
      threads.length -
      threads.indexOf(count) +
      later.reduce((sum, each) => sum + (isSingleThreaded(each) ? 1 : threads.length), 0);
    const pauses = 0.02 * leastRounds;
    const perForm = isHeavy(work) ? 0.3 : left / measurements / forms - pauses;
    return {
      seconds: Math.max(0.05, Math.min(1, perForm)),
      turnMilliseconds: 30,
      leastRounds,
      pauseMilliseconds: 12,
    };
  }
}

const leastRounds = 2;

function isHeavy(work: Work): boolean {
  return work.kind === "infer" && work.model.name === "vgg16";
}
