/** The figures that rows must reach, read from shapes/floors.json, and the judgement of rows by them. */
import { contenderNames, type PeerName } from "./work.js";
import { bestPeer, formWith, ours, type Row } from "./measure/row.js";
import { gflops } from "./measure/statistics.js";
import { readShapes } from "./works.js";

/** One figure; exactly one field, but `peer` goes with `ratio`. */
export interface Floor {
  /** The peer's time / ours, at least; the best peer's unless `peer` names one. */
  readonly ratio?: number;
  readonly peer?: PeerName;
  /** Share of the FMA peak, at least. */
  readonly peak?: number;
  /** GFLOP/s, at least. */
  readonly gflops?: number;
  /** Share of the bandwidth of a copy (plain stores) in the pages that arrays get, at least. */
  readonly copy?: number;
  /** Share of the forward layer's GFLOP/s, at least. */
  readonly ofForward?: number;
  /** Milliseconds, at most. */
  readonly ms?: number;
  /** Bytes of State, packed weights and arena / bytes of the weights, at most. */
  readonly ofWeights?: number;
}

/** A line, or part of a line, of the table of figures to reach. */
export interface FloorEntry {
  /** The kind of work in words. */
  readonly work: string;
  /** Ids; `*` at the end stands for anything. */
  readonly rows: readonly string[];
  /** On one thread. */
  readonly one: readonly Floor[];
  /** On all threads, where there are more. */
  readonly all: readonly Floor[];
  /** Those of the rows that stand for the entry in --quick. */
  readonly quick: readonly string[];
}

export interface Verdict {
  readonly floor: Floor;
  /** "2.10 x onnxruntime, floor 2.00" */
  readonly text: string;
  /** Undefined: what it takes was not measured. */
  readonly reached: boolean | undefined;
  /** What was reached / the floor; above 1 is better, for upper bounds too. */
  readonly share: number | undefined;
}

const figures = ["ratio", "peak", "gflops", "copy", "ofForward", "ms", "ofWeights"] as const;

export function readFloors(): FloorEntry[] {
  return readShapes("floors.json").map(checkFloorEntry);
}

/** @throws RangeError for an entry that is not one */
export function checkFloorEntry(entry: Readonly<Record<string, unknown>>): FloorEntry {
  const { work, rows, one = [], all = [], quick = [], ...rest } = entry as Partial<FloorEntry>;
  const isTexts = (list: unknown): list is string[] =>
    Array.isArray(list) && list.every((item) => typeof item === "string");
  const isRight =
    typeof work === "string" &&
    isTexts(rows) &&
    isTexts(quick) &&
    rows.length > 0 &&
    quick.every((id) => rows.some((row) => matches(row, id))) &&
    [...one, ...all].every(isFloor) &&
    one.length + all.length > 0 &&
    Object.keys(rest).length === 0;
  if (!isRight) throw new RangeError(`bench/shapes/floors.json: wrong entry ${JSON.stringify(entry)}`);
  return { work, rows, one, all, quick };
}

function isFloor(floor: Floor): boolean {
  const { peer, ...bounds } = floor;
  const names = Object.keys(bounds);
  const isPeer = peer === undefined || (contenderNames.includes(peer) && bounds.ratio !== undefined);
  return names.length === 1 && figures.some((name) => name === names[0]) && Object.values(bounds)[0]! > 0 && isPeer;
}

/** Whether a row is meant, `*` at the end of the pattern standing for anything. */
export function matches(pattern: string, id: string): boolean {
  return pattern.endsWith("*") ? id.startsWith(pattern.slice(0, -1)) : id === pattern;
}

/** The floors of a row; where two set the same figure, the higher one. A ratio without a peer to compare with is none. */
export function floorsOf(entries: readonly FloorEntry[], id: string, threads: number, hasPeer: boolean): Floor[] {
  const found = new Map<string, Floor>();
  for (const entry of entries) {
    if (!entry.rows.some((pattern) => matches(pattern, id))) continue;
    for (const floor of threads === 1 ? entry.one : entry.all) {
      if (floor.ratio !== undefined && !hasPeer) continue;
      const figure = figureOf(floor);
      const name = `${figure} ${floor.peer ?? ""}`;
      const known = found.get(name);
      if (known === undefined || floor[figure]! > known[figure]!) found.set(name, floor);
    }
  }
  return [...found.values()];
}

function figureOf(floor: Floor): (typeof figures)[number] {
  return figures.find((name) => floor[name] !== undefined)!;
}

/**
 * @param scale of all floors: 0.8 lets through what reaches 80 % of them
 * @param copyBandwidth GB/s in the pages that arrays get, on as many threads as the row's
 */
export function judge(row: Row, floor: Floor, scale: number, copyBandwidth: number | undefined): Verdict {
  const figure = figureOf(floor);
  const bound = floor[figure]!;
  const value = measured(row, floor, copyBandwidth);
  const isUpper = figure === "ms" || figure === "ofWeights";
  const scaled = isUpper ? bound / scale : bound * scale;
  const share = value === undefined ? undefined : isUpper ? scaled / value : value / scaled;
  const peer = figure === "ratio" ? ` ${floor.peer ?? bestPeer(row)?.contender ?? "a peer"}` : "";
  const shown = value === undefined ? "not measured" : show(figure, value);
  const beside = figure === "ofWeights" && row.memory !== undefined ? ` (${withScratch(row.memory)})` : "";
  const text = `${shown}${units[figure]}${peer}${beside}, ${isUpper ? "at most" : "floor"} ${show(figure, scaled)}`;
  return { floor, text, reached: share === undefined ? undefined : share >= 1, share };
}

function withScratch({ weights, held, scratch }: NonNullable<Row["memory"]>): string {
  return `with scratch ${show("ofWeights", (held + scratch) / weights)}`;
}

const units: { readonly [Name in (typeof figures)[number]]: string } = {
  ratio: " x",
  peak: " of peak",
  gflops: " GFLOP/s",
  copy: " of copy bandwidth",
  ofForward: " of forward",
  ms: " ms",
  ofWeights: " x its weights",
};

function show(figure: (typeof figures)[number], value: number): string {
  if (["peak", "copy", "ofForward"].includes(figure)) return `${(100 * value).toFixed(0)} %`;
  return figure === "ms" ? value.toPrecision(3) : value.toFixed(figure === "gflops" ? 0 : 2);
}

function measured(row: Row, floor: Floor, copyBandwidth: number | undefined): number | undefined {
  const time = ours(row).minimum;
  const speed = gflops(row.flops, time);
  switch (figureOf(floor)) {
    case "ratio": {
      const peer = bestPeer(row, floor.peer);
      return peer && peer.minimum / time;
    }
    case "peak":
      return row.fmaPeak && speed / row.fmaPeak;
    case "gflops":
      return speed;
    case "copy":
      return copyBandwidth && row.bytes / (time * 1e6) / copyBandwidth;
    case "ofForward": {
      const forward = formWith(row, "forward");
      return forward && forward.minimum / time;
    }
    case "ms":
      return time;
    case "ofWeights":
      return row.memory && row.memory.held / row.memory.weights;
  }
}
