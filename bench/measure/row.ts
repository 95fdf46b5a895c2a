/** One work: prepared, verified, then measured in turns on each number of threads. */
import { setTimeout as sleep } from "node:timers/promises";
import type { PeerFiles, Variant } from "../contenders/contender.js";
import type { Machine } from "../machine/machine.js";
import type { StepCost } from "../roofline.js";
import { compareSample, expectSame, type Expectation } from "../verify/expectation.js";
import { bytesOf, type CalledWork, type ContenderName, type PeerName, type Work } from "../work.js";
import { filesOf, formsOf, isOpenedPerThreads, type Form, type Lanes, type Role } from "./lanes.js";
import type { Expected, Questions } from "./protocol.js";
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

/** A work whose results were found right, open in its processes. */
export interface OpenWork {
  readonly work: CalledWork;
  readonly flops: number;
  readonly judge: string;
  readonly threads: readonly number[];
  readonly forms: readonly OpenForm[];
  readonly files: readonly string[];
}

interface OpenForm {
  readonly form: Form;
  readonly key: string;
  /** Undefined: any number. */
  readonly threads: number | undefined;
  readonly description: string;
  readonly explained: string | undefined;
  readonly costs: readonly StepCost[] | undefined;
}

/** @throws Error where a file cannot be written, a process fails or a result is wrong */
export async function openWork(
  work: CalledWork,
  threads: readonly number[],
  options: MeasureOptions,
): Promise<OpenWork> {
  const { lanes, roles } = options;
  const forms = formsOf(work, options.isThere).filter(({ role }) => roles?.has(role) ?? true);
  const prepared = new Map<string, Questions["prepare"]["answer"]>();
  const prepareOnce = async (each: CalledWork, variant: Variant): Promise<Questions["prepare"]["answer"]> => {
    // All algorithms must give the same.
    const name = `${each.id} ${variant.repeats}`;
    const wanted = new Set(
      forms
        .filter((form) => (form.work ?? work) === each && form.variant.repeats === variant.repeats)
        .flatMap(({ contender }) => filesOf[contender] as (keyof PeerFiles)[]),
    );
    const known = prepared.get(name);
    if (known !== undefined) return known;
    const answer = await lanes.of("prepare").ask("prepare", {
      ...{ work: each, variant: { ...variant, algorithm: "auto" }, folder: options.folder, wanted: [...wanted] },
    });
    prepared.set(name, answer);
    return answer;
  };

  const opening = new Map<string, Opening>();
  const keysOf = new Map<Form, string[]>();
  for (const form of forms) {
    const each = form.work ?? work;
    const { contender, variant } = form;
    const { expected, files } = await prepareOnce(each, variant);
    const counts = isOpenedPerThreads(contender) ? threads : [undefined];
    const keys = counts.map((count) => {
      const key = `${contender} ${each.id} ${variant.repeats} ${variant.algorithm} ${count ?? ""}`;
      const asked = { contender, key, work: each, threads: count ?? threads.at(-1)!, variant, files };
      if (!opening.has(key)) opening.set(key, { form, key, threads: count, asked, expected });
      return key;
    });
    keysOf.set(form, keys);
  }
  const opened = await openAll([...opening.values()], lanes);
  // Ours is the first form: its result is what the peers' are compared with, where there is no other judge.
  let judged: Expectation | undefined;
  for (const { form, sample, expected, asked } of opened.values()) {
    judged ??= "terms" in expected ? expectSame(sample, expected.indices, expected.terms) : expected;
    const wrong = compareSample(sample, "terms" in expected ? judged : expected);
    if (wrong !== undefined) {
      throw new Error(`${form.contender} is wrong on ${asked.work.id} (${nameOf(form)}): ${wrong}`);
    }
  }
  const result = forms.flatMap((form) => keysOf.get(form)!.map((key): OpenForm => ({ ...opened.get(key)!, form })));
  const { flops, expected } = await prepareOnce(work, forms[0]!.variant);
  const files = [...prepared.values()].flatMap(({ files: { onnx, weights, inputs } }) => [
    ...[onnx, weights?.file].filter((file) => file !== undefined),
    ...(inputs ?? []),
  ]);
  return { work, flops, judge: expected.judge, threads, forms: result, files };
}

/** A form that is opened, once for all that are measured in the same way. */
interface Opening {
  readonly form: Form;
  readonly key: string;
  readonly threads: number | undefined;
  readonly asked: Questions["open"]["asked"];
  readonly expected: Expected;
}

type OpenedForm = Opening & Questions["open"]["answer"] & { readonly sample: Questions["verify"]["answer"] };

/** In the order of the list; processes open what is theirs at the same time, one after the other. */
async function openAll(openings: readonly Opening[], lanes: Lanes): Promise<Map<string, OpenedForm>> {
  const contenders = new Set(openings.map(({ asked }) => asked.contender));
  const opened = await Promise.all(
    [...contenders].map(async (contender) => {
      const lane = lanes.of(contender);
      const entries: OpenedForm[] = [];
      for (const each of openings.filter(({ asked }) => asked.contender === contender)) {
        const answer = await lane.ask("open", each.asked);
        const sample = await lane.ask("verify", { key: each.key, indices: each.expected.indices });
        entries.push({ ...each, ...answer, sample });
      }
      return entries;
    }),
  );
  const found = new Map(opened.flat().map((entry) => [entry.key, entry]));
  return new Map(openings.map(({ key }) => [key, found.get(key)!]));
}

function nameOf({ variant }: Form): string {
  return `${variant.algorithm}, ${variant.repeats} in a row`;
}

export async function closeWork({ forms }: OpenWork, { lanes }: MeasureOptions): Promise<void> {
  const keys = new Map(forms.map(({ key, form }) => [key, form.contender]));
  for (const [key, contender] of keys) await lanes.of(contender).ask("close", { key });
}

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
