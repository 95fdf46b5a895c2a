/** One page about a model: what it is, how it learned, what it gets wrong, and what it looks at. */
import { writeFileAtomic } from "../../io/atomic.js";
import { countNet } from "../../layers/summary.js";
import type { History } from "../../training/fit.js";
import { accuracyCurve, hasAccuracy, lossCurve } from "../curves.js";
import type { AnyModel, Images } from "../model.js";
import { figures, page, table, type Cell, type Section } from "./page.js";

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
  options.signal?.throwIfAborted();
  const sections: Section[] = [summarySection(model)];
  if (history !== undefined && history.epochs.length > 0) sections.push(curvesSection(history));
  await Promise.resolve();
  return page({
    title: options.title ?? "Report of a model",
    lead: `A net from [${model.inputShape.join(", ")}] to [${model.outputShape.join(", ")}], judged by ${data.images.shape[0]} images.`,
    facts: [],
    sections,
    footer: "Made by striate.",
  });
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

const group = (value: number): string => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

function summarySection(model: AnyModel): Section {
  const { layers, ...total } = countNet(model.node);
  const count = (value: number): Cell => ({ number: value === 0 ? "" : group(value) });
  const rows = layers.map((layer): Cell[] => [
    { text: layer.name, small: layer.formula },
    layer.outputShape.join("\u00d7"),
    count(layer.parameters),
    count(layer.macs),
  ]);
  rows.push(["total", "", count(total.parameters), count(total.macs)]);
  return {
    id: "summary",
    heading: "Layers",
    text: "Output shapes are height\u00d7width\u00d7channels. MACs are multiply-adds for one image.",
    content: [table("Layers of the net", ["layer", "output", "parameters", "MACs"], rows)],
  };
}

function curvesSection(history: History): Section {
  const pictures = [lossCurve(history), ...(hasAccuracy(history) ? [accuracyCurve(history)] : [])];
  return { id: "training", heading: "Training", content: [figures(pictures)] };
}
