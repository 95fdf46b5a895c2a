/** Rows that fresh processes give: what loading the package costs, and what a model keeps in memory. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL, fileURLToPath } from "node:url";
import type { ContenderName, ImportWork, MemoryWork } from "../work.js";
import type { Role } from "./lanes.js";
import type { FormResult, MeasureOptions, Row } from "./row.js";
import { summarize } from "./statistics.js";

const dist = new URL("../../dist/index.js", import.meta.url).href;
const importOnce = fileURLToPath(new URL("importOnce.mjs", import.meta.url));

/** @param repeats fresh processes of each */
export function measureImport(work: ImportWork, repeats: number, options: MeasureOptions): Row {
  const imports: { role: Role; contender: ContenderName; what: string[] }[] = [
    { role: "ours", contender: "striate", what: work.addon ? [dist, "backendInfo"] : [dist] },
  ];
  if (options.isThere("onnxruntime")) {
    imports.push({ role: "peer", contender: "onnxruntime", what: [pathOf("onnxruntime-node")] });
  }
  const times = imports.map((): number[] => []);
  for (let round = 0; round < repeats; round++) {
    imports.forEach(({ what }, i) => {
      const printed = execFileSync(process.execPath, [importOnce, ...what], { encoding: "utf8" });
      times[i]!.push(Number(printed));
    });
  }
  const forms = imports.map(({ role, contender }, i): FormResult => {
    const timing = summarize(Float64Array.from(times[i]!));
    return { role, contender, description: contender, repeats: 1, explained: undefined, ...timing };
  });
  return { work, threads: 1, flops: 0, bytes: 0, judge: "", forms, fmaPeak: undefined };
}

function pathOf(name: string): string {
  return pathToFileURL(createRequire(fileURLToPath(import.meta.url)).resolve(name)).href;
}

export async function measureMemory(work: MemoryWork, { lanes }: MeasureOptions): Promise<Row> {
  const lane = lanes.fresh();
  try {
    const memory = await lane.ask("memory", { work });
    const form: FormResult = {
      ...{ role: "ours", contender: "striate", description: "striate", repeats: 1, explained: undefined },
      ...{ minimum: NaN, median: NaN, calls: 1 },
    };
    return { work, threads: 1, flops: 0, bytes: 0, judge: "", forms: [form], fmaPeak: undefined, memory };
  } finally {
    lane.close();
  }
}
