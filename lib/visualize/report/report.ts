/** One page about a model: what it is, how it learned, what it gets wrong, and what it looks at. */
import { OptionError } from "../../errors.js";
import { writeFileAtomic } from "../../io/atomic.js";
import { countNet } from "../../layers/summary.js";
import type { History } from "../../training/fit.js";
import { classify, mistakesOf, type Classification } from "../confusion.js";
import type { AnyModel, Images } from "../model.js";
import { checkImageBatch } from "../raster.js";
import { page, type Section } from "./page.js";
import {
  answersSection,
  ascentSection,
  attributionSection,
  curvesSection,
  filtersSection,
  mapsSection,
  summarySection,
  type Example,
} from "./sections.js";

/** What the page judges the model by: images that it was not trained on. */
export interface ReportData {
  readonly images: Images;
  /** The class of each image. Without them, or where the model gives no classes, the page has no mistakes to show. */
  readonly labels?: Int32Array;
  /** Names of the classes. Default: the model's `metadata.classes`, or their numbers. */
  readonly classes?: readonly string[];
}

export interface ReportOptions {
  /** Default "Report of a model". */
  readonly title?: string;
  /** Images that feature maps and attributions are drawn of. Default 4. */
  readonly examples?: number;
  /** Steps of the search for what filters respond to; 0 leaves that section out. Default 64. */
  readonly ascentSteps?: number;
  /** Called when a section begins: how many are done, of how many. */
  readonly onProgress?: (progress: { readonly section: string; readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * The page as a string of HTML: it loads nothing, fits a phone, and follows light and dark mode. The model and the data
 * stay as they are.
 *
 * @param history what `fit` returned; undefined for a model that was loaded
 * @throws ShapeError, OptionError for data that do not fit the model; the signal's reason where it was aborted
 */
export async function reportHtml(
  model: AnyModel,
  history: History | undefined,
  data: ReportData,
  options: ReportOptions = {},
): Promise<string> {
  const { title = "Report of a model", examples: most = 4, ascentSteps = 64, signal, onProgress } = options;
  signal?.throwIfAborted();
  checkCount("examples", most, 1);
  checkCount("ascentSteps", ascentSteps, 0);
  const { images, labels } = data;
  const [count] = checkImageBatch(images, "report");
  const classifies = labels !== undefined && model.outputShape.length === 1;
  const call = signal === undefined ? {} : { signal };
  const answers = classifies ? await classify(model, { ...data, labels }, call) : undefined;
  const examples = answers === undefined ? firstImages(count, most) : chosenExamples(answers, most);

  const makers: [string, () => Promise<Section | undefined> | Section | undefined][] = [
    ["Layers", () => summarySection(model)],
    ["Training", () => (history !== undefined && history.epochs.length > 0 ? curvesSection(history) : undefined)],
    ["Right and wrong", () => answers && answersSection(answers, images)],
    ["Filters", () => filtersSection(model)],
    ["Feature maps", () => mapsSection(model, images, examples, signal)],
    ["What the answers rest on", () => answers && attributionSection(model, images, examples, answers, signal)],
    ["What filters look for", () => ascentSection(model, images, ascentSteps, signal)],
  ];
  const sections: Section[] = [];
  for (const [done, [section, make]] of makers.entries()) {
    signal?.throwIfAborted();
    onProgress?.({ section, done, total: makers.length });
    const made = await make();
    if (made !== undefined) sections.push(made);
  }
  return page({
    title,
    lead: `A net from ${shown(model.inputShape)} to ${shown(model.outputShape)}, judged by ${count} images.`,
    facts: factsOf(model, history, answers),
    sections,
    footer: "Made by striate. This page is one file: it loads nothing and sends nothing.",
  });
}

const shown = (shape: readonly number[]): string => shape.join("\u00d7");

function checkCount(option: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new OptionError(option, `report: ${option} must be a whole number of at least ${least}, got ${value}`);
}

function factsOf(
  model: AnyModel,
  history: History | undefined,
  answers: Classification | undefined,
): { value: string; name: string }[] {
  const { parameters } = countNet(model.node);
  const facts = [{ value: String(parameters).replace(/\B(?=(\d{3})+$)/g, ","), name: "parameters" }];
  if (history !== undefined && history.epochs.length > 0) {
    facts.push({ value: String(history.epochs.length), name: "epochs" });
  }
  if (answers !== undefined) {
    const mistakes = mistakesOf(answers).length;
    facts.unshift({ value: `${(100 * answers.accuracy).toFixed(1)} %`, name: "right" });
    facts.push({ value: String(mistakes), name: mistakes === 1 ? "mistake" : "mistakes" });
  }
  return facts;
}

function firstImages(count: number, most: number): Example[] {
  return Array.from({ length: Math.min(count, most) }, (_, index) => ({ index, caption: `image ${index}` }));
}

/** Half of them right answers of different classes, half the worst mistakes. */
function chosenExamples(answers: Classification, most: number): Example[] {
  const { classes, labels, predicted } = answers;
  const mistakes = mistakesOf(answers).slice(0, Math.floor(most / 2));
  const seen = new Set<number>();
  const right: number[] = [];
  for (const [index, label] of labels.entries()) {
    if (right.length === most - mistakes.length) break;
    if (predicted[index] !== label || seen.has(label)) continue;
    seen.add(label);
    right.push(index);
  }
  return [
    ...right.map((index) => ({ index, caption: classes[labels[index]!]! })),
    ...mistakes.map(({ index, actual, predicted: answer }) => ({
      index,
      caption: `${classes[actual]!} \u2192 ${classes[answer]!}`,
    })),
  ];
}

/**
 * Writes {@link reportHtml} into a file, whole or not at all.
 *
 * @param options.file default "report.html"
 * @returns the file's path
 * @throws as reportHtml does, and the file system's error with its code
 * @example
 * ```ts
 * const history = await model.fit(train, options);
 * await report(model, history, test, { file: "digits.html" });
 * ```
 */
export async function report(
  model: AnyModel,
  history: History | undefined,
  data: ReportData,
  options: ReportOptions & { readonly file?: string } = {},
): Promise<string> {
  const { file = "report.html", ...rest } = options;
  await writeFileAtomic(file, await reportHtml(model, history, data, rest));
  return file;
}
