/** One work, open and verified, measured in turns on each number of threads. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Machine } from "../machine/machine.js";
import type { StepCost } from "../roofline.js";
import { bytesOf, type ContenderName, type PeerName, type Work } from "../work.js";
import type { Lanes, Role } from "./lanes.js";
import type { OpenWork } from "./open.js";
import type { Questions } from "./protocol.js";
import { summarize, type Timing } from "./statistics.js";

export interface FormResult extends Timing {
  readonly role: Role;
  readonly contender: ContenderName;
  readonly description: string;
  /** So many identical layers were run; times are those of one. */
  readonly repeats: number;
  readonly explained: string | undefined;
}

export interface Row {
  readonly work: Work;
  readonly threads: number;
  readonly flops: number;
  readonly bytes: number;
  readonly judge: string;
  /** The row's own result first. */
  readonly forms: readonly FormResult[];
  /** GFLOP/s of the machine, measured between the turns. */
  readonly fmaPeak: number | undefined;
  /** Of our own form, where it is a model's prediction. */
  readonly costs?: readonly StepCost[] | undefined;
  /** Bytes, of rows that measure memory. */
  readonly memory?: Questions["memory"]["answer"];
}

export interface MeasureOptions {
  readonly lanes: Lanes;
  readonly machine: Machine | undefined;
  /** What it reached before, by threads. */
  readonly peaks: ReadonlyMap<number, number>;
  /** For the peers' files. */
  readonly folder: string;
  readonly isThere: (peer: PeerName) => boolean;
  /** Roles that are measured; all where undefined. */
  readonly roles?: ReadonlySet<Role>;
}

/** How long each form of a row is measured. */
export interface Budget {
  /** Of each form. */
  readonly seconds: number;
  readonly turnMilliseconds: number;
  /** However long one call takes. */
  readonly leastRounds: number;
  /** Idle threads of a peer spin for a while before they sleep, and would take a core from the next contender. */
  readonly pauseMilliseconds: number;
}

export const fullBudget = { turnMilliseconds: 120, leastRounds: 3, pauseMilliseconds: 50 } as const;
/** A form whose calls have taken so many times its seconds is done, whatever the rounds: some peers take minutes. */
const patience = 4;
const peakMilliseconds = 5;
/** Clocks fall to nine tenths under load, not further. */
const peakDoubt = 0.85;

/** @throws Error where a process fails */
export async function measureWork(
  open: OpenWork,
  threads: number,
  budget: Budget,
  { lanes, machine, peaks }: MeasureOptions,
): Promise<Row> {
  const entries = open.forms
    .filter((entry) => entry.threads === undefined || entry.threads === threads)
    .map((entry) => ({ entry, times: [] as number[], spent: 0 }));
  let fmaPeak = 0;
  for (let round = 0; ; round++) {
    const wanting = entries.filter(({ spent }) => wants(spent, round, budget));
    if (wanting.length === 0) break;
    // Each goes first as often as last.
    for (const each of round % 2 === 0 ? wanting : wanting.toReversed()) {
      const { form, key } = each.entry;
      await sleep(budget.pauseMilliseconds);
      const awaited = form.role === "awaited";
      const milliseconds = budget.turnMilliseconds;
      const began = performance.now();
      const answer = await lanes.of(form.contender).ask("measure", { key, threads, awaited, milliseconds });
      each.spent += performance.now() - began;
      each.times.push(...answer);
    }
    await sleep(budget.pauseMilliseconds);
    if (machine !== undefined) fmaPeak = Math.max(fmaPeak, await machine.fmaPeak(threads, peakMilliseconds));
  }
  // A burst that had to share a core is no peak.
  for (let again = 0; machine !== undefined && again < 5 && fmaPeak < peakDoubt * (peaks.get(threads) ?? 0); again++) {
    fmaPeak = Math.max(fmaPeak, await machine.fmaPeak(threads, 2 * peakMilliseconds));
  }
  const forms = entries.map(({ entry: { form, description, explained }, times }): FormResult => {
    const { repeats } = form.variant;
    const timing = summarize(Float64Array.from(times, (time) => time / repeats));
    return { role: form.role, contender: form.contender, description, repeats, explained, ...timing };
  });
  const { work, flops, judge } = open;
  const { costs } = open.forms[0]!;
  return { work, threads, flops, bytes: bytesOf(work), judge, forms, fmaPeak: machine && fmaPeak, costs };
}

/** Whether a form that was measured for so long has another turn in this round. */
export function wants(spentMilliseconds: number, round: number, { seconds, leastRounds }: Budget): boolean {
  const spent = spentMilliseconds / 1000;
  if (spent < seconds) return true;
  return round < leastRounds && spent < patience * seconds;
}

export function ours({ forms }: Pick<Row, "forms">): FormResult {
  return forms[0]!;
}

export function formWith(row: Pick<Row, "forms">, role: Role): FormResult | undefined {
  return row.forms.find((form) => form.role === role);
}

/** What we are compared with: the best form of all peers, or of one. */
export function bestPeer(row: Pick<Row, "forms">, peer?: PeerName): FormResult | undefined {
  return row.forms
    .filter(({ role, contender }) => role === "peer" && (peer === undefined || contender === peer))
    .toSorted((a, b) => a.minimum - b.minimum)[0];
}
