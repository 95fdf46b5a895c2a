/** `striate report`: one page about a saved model, with pictures of what it has learned. */
import { stat } from "node:fs/promises";
import type { EpochRecord, Evaluation, History } from "../index.js";
import { writeFileAtomic } from "../io/atomic.js";
import { isJsonObject, type JsonValue } from "../io/json.js";
import { reportHtml } from "../visualize/index.js";
import { UsageError } from "./command.js";
import { readData, partOf, type DataOptions } from "./labelledData.js";
import { showWork } from "./progress.js";
import { checkImageSize, loadClassifier } from "./savedModel.js";
import { writeJson, type CommandContext } from "./terminal.js";

export interface ReportOptions extends DataOptions {
  readonly out: string;
  readonly title?: string;
  readonly examples: number;
  readonly ascentSteps: number;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Runs the command. */
export async function report(folder: string, options: ReportOptions, context: CommandContext): Promise<void> {
  const { terminal, signal } = context;
  const { out, examples, ascentSteps } = options;
  if (out !== "-" && (await stat(out).catch(() => undefined))?.isDirectory() === true) {
    throw new UsageError("report", `--out must be a file, got the folder ${out}`);
  }
  const classifier = await loadClassifier("report", folder);
  const { model, classes } = classifier;
  const data = partOf("report", await readData(options, { validation: 0, classes }), options.part);
  checkImageSize("report", classifier, data);
  const progress = showWork(terminal.error, { label: "report", total: 1, quiet: options.quiet });
  let html: string;
  try {
    html = await reportHtml(model, historyOf(model.metadata.history), data, {
      ...{ title: options.title ?? `Report of ${folder}`, examples, ascentSteps, signal },
      onProgress: ({ done, total }) => progress.at(done, total),
    });
  } finally {
    progress.stop();
  }
  if (out === "-") {
    terminal.out.write(html);
    return;
  }
  await writeFileAtomic(out, html);
  const size = Buffer.byteLength(html);
  if (options.json) writeJson(terminal.out, { file: out, bytes: size });
  else terminal.out.write(`${out}: ${Math.ceil(size / 1024)} KiB\n`);
}

/** The epochs that `train` saves with a model; undefined where they are not as it writes them. */
function historyOf(saved: JsonValue | undefined): History | undefined {
  if (!Array.isArray(saved)) return undefined;
  const epochs: EpochRecord[] = [];
  for (const record of saved as readonly JsonValue[]) {
    if (!isJsonObject(record)) return undefined;
    const { epoch, learningRate, validation } = record;
    const [learned, held] = [evaluationOf(record), validation === undefined ? undefined : evaluationOf(validation)];
    if (learned === undefined || typeof epoch !== "number" || typeof learningRate !== "number") return undefined;
    if (validation !== undefined && held === undefined) return undefined;
    epochs.push({ epoch, learningRate, ...learned, validation: held });
  }
  return { epochs };
}

function evaluationOf(saved: JsonValue): Evaluation | undefined {
  if (!isJsonObject(saved)) return undefined;
  const { loss, accuracy } = saved;
  return typeof loss === "number" && typeof accuracy === "number" ? { loss, accuracy } : undefined;
}
