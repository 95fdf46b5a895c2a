/** A work, prepared, opened in the processes of its contenders, and verified. */
import type { PeerFiles } from "../contenders/contender.js";
import type { StepCost } from "../roofline.js";
import { compareSample, expectSame, type Expectation } from "../verify/expectation.js";
import type { CalledWork } from "../work.js";
import { filesOf, formsOf, isOpenedPerThreads, type Form, type Lanes } from "./lanes.js";
import type { Expected, Questions } from "./protocol.js";
import type { MeasureOptions } from "./row.js";

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
  const prepared = prepareAll(work, forms, options);
  const opening = new Map<string, Opening>();
  const keysOf = new Map<Form, string[]>();
  for (const form of forms) {
    const each = form.work ?? work;
    const { contender, variant } = form;
    const counts = isOpenedPerThreads(contender) ? threads : [undefined];
    const keys = counts.map((count) => {
      const key = `${contender} ${each.id} ${variant.repeats} ${variant.algorithm} ${count ?? ""}`;
      const asked = { contender, key, work: each, threads: count ?? threads.at(-1)!, variant };
      if (!opening.has(key)) opening.set(key, { form, key, threads: count, asked, prepared: prepared.get(form)! });
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
  const answers = await Promise.all(new Set(prepared.values()));
  const files = answers.flatMap(({ files: { onnx, weights, inputs } }) => [
    ...[onnx, weights?.file].filter((file) => file !== undefined),
    ...(inputs ?? []),
  ]);
  const { flops, expected } = answers[0]!;
  return { work, flops, judge: expected.judge, threads, forms: result, files };
}

type Prepared = Questions["prepare"]["answer"];

/** What results must be, and the files, by form: one answer for all of its algorithms, one after the other. */
function prepareAll(
  work: CalledWork,
  forms: readonly Form[],
  { lanes, folder }: MeasureOptions,
): Map<Form, Promise<Prepared>> {
  const answers = new Map<string, Promise<Prepared>>();
  let last: Promise<unknown> = Promise.resolve();
  const answerFor = (form: Form): Promise<Prepared> => {
    const each = form.work ?? work;
    const name = `${each.id} ${form.variant.repeats}`;
    const known = answers.get(name);
    if (known !== undefined) return known;
    const wanted = new Set(
      forms
        .filter((other) => (other.work ?? work) === each && other.variant.repeats === form.variant.repeats)
        .flatMap(({ contender }) => filesOf[contender] as (keyof PeerFiles)[]),
    );
    const asked = { work: each, variant: { ...form.variant, algorithm: "auto" } as const, folder, wanted: [...wanted] };
    const answer = last.then(() => lanes.of("prepare").ask("prepare", asked));
    last = answer;
    answer.catch(() => {}); // who waits for it hears of it
    answers.set(name, answer);
    return answer;
  };
  return new Map(forms.map((form) => [form, answerFor(form)]));
}

/** A form that is opened, once for all that are measured in the same way. */
interface Opening {
  readonly form: Form;
  readonly key: string;
  readonly threads: number | undefined;
  readonly asked: Omit<Questions["open"]["asked"], "files">;
  readonly prepared: Promise<Prepared>;
}

type OpenedForm = Opening &
  Questions["open"]["answer"] & { readonly expected: Expected; readonly sample: Questions["verify"]["answer"] };

/**
 * In the order of the list. Processes open what is theirs at the same time, one after the other; those that read no files do
 * not wait for them.
 */
async function openAll(openings: readonly Opening[], lanes: Lanes): Promise<Map<string, OpenedForm>> {
  const contenders = new Set(openings.map(({ asked }) => asked.contender));
  const opened = await Promise.all(
    [...contenders].map(async (contender) => {
      const lane = lanes.of(contender);
      const entries: OpenedForm[] = [];
      for (const each of openings.filter(({ asked }) => asked.contender === contender)) {
        const files = filesOf[contender].length === 0 ? {} : (await each.prepared).files;
        const answer = await lane.ask("open", { ...each.asked, files });
        const { expected } = await each.prepared;
        const sample = await lane.ask("verify", { key: each.key, indices: expected.indices });
        entries.push({ ...each, ...answer, expected, sample });
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
