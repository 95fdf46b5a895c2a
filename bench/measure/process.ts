/** Rows that fresh processes give: what loading the package costs, and what a model keeps in memory. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { pathToFileURL, fileURLToPath } from "node:url";
import type { ContenderName, ImportWork, MemoryWork } from "../work.js";
import type { Role } from "./lanes.js";
import type { FormResult, MeasureOptions, Row } from "./row.js";
import { summarize } from "./statistics.js";

const dist = new URL("../../dist/index.js", import.meta.url).href;

/** @param repeats fresh processes of each */
export function measureImport(work: ImportWork, repeats: number, options: MeasureOptions): Row {
  const scripts: { role: Role; contender: ContenderName; script: string }[] = [
    { role: "ours", contender: "striate", script: importScript(dist, work.addon ? "backendInfo" : undefined) },
  ];
  if (options.isThere("onnxruntime")) {
    const script = importScript(pathOf("onnxruntime-node"));
    scripts.push({ role: "peer", contender: "onnxruntime", script });
  }
  const times = scripts.map((): number[] => []);
  for (let round = 0; round < repeats; round++) {
    scripts.forEach(({ script }, i) => {
      const printed = execFileSync(process.execPath, ["--input-type=module", "--eval", script], { encoding: "utf8" });
      times[i]!.push(Number(printed));
    });
  }
  const forms = scripts.map(({ role, contender }, i): FormResult => {
    const timing = summarize(Float64Array.from(times[i]!));
    return { role, contender, description: contender, repeats: 1, explained: undefined, ...timing };
  });
  return { work, threads: 1, flops: 0, bytes: 0, judge: "", forms, fmaPeak: undefined };
}

/** Prints the milliseconds that an import takes, with a first call that makes it load its addon. */
function importScript(module: string, call?: string): string {
  const use = call === undefined ? "" : `loaded.${call}();`;
  return `const start = performance.now(); const loaded = await import(${JSON.stringify(module)}); ${use}
    process.stdout.write(String(performance.now() - start));`;
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
