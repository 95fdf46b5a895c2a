/** `striate inspect`: what a saved model is made of, what it costs and how it would run here. */
import { backendInfo, loadModel, sgd, type RunPlan } from "../index.js";
import { countNet } from "../layers/summary.js";
import { amount, bytes } from "../training/explain.js";
import { tableLines } from "./table.js";
import { painter, writeJson, type CommandContext } from "./terminal.js";

export interface InspectOptions {
  readonly batchSize: number;
  readonly training: boolean;
  readonly json: boolean;
}

/** Runs the command. */
export async function inspect(folder: string, options: InspectOptions, { terminal }: CommandContext): Promise<void> {
  const { batchSize } = options;
  const model = await loadModel(folder);
  const { layers, ...totals } = countNet(model.node);
  const kind = options.training
    ? ({ kind: "train", loss: "crossEntropy", optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }) } as const)
    : ({ kind: "predict" } as const);
  const plan = model.plan(kind, { batchSize });
  const weightBytes = 4 * (totals.parameters + totals.statistics);
  const { backend, isa, threads } = backendInfo();
  if (options.json) {
    const { rows, steps, flops, memory } = plan;
    writeJson(terminal.out, {
      ...{ model: folder, inputShape: model.inputShape, outputShape: model.outputShape, ...totals, layers },
      run: { kind: kind.kind, batchSize: rows, backend, isa, threads, flops, steps },
      memory: { weights: weightBytes, ...memory },
      metadata: model.metadata,
    });
    return;
  }
  const paint = painter(terminal.out);
  // A line of its own for each epoch would hide the rest.
  const { history } = model.metadata;
  const metadata = { ...model.metadata, ...(Array.isArray(history) ? { history: `${history.length} epochs` } : {}) };
  const one = batchSize === 1;
  const lines = [
    ...[paint("bold", "layers"), model.summary(), ""],
    paint("bold", `${options.training ? "a training step" : "a run"} of ${batchSize} image${one ? "" : "s"}`) +
      ` on the ${backend} backend${backend === "native" ? `, ${isa}` : ""}, ${threads} thread${threads === 1 ? "" : "s"}`,
    ...stepTable(plan),
    ...["", paint("bold", "memory"), ...memoryLines(plan, weightBytes), ""],
    ...[
      paint("bold", "metadata"),
      ...Object.entries(metadata).map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
    ],
  ];
  terminal.out.write(`${lines.join("\n")}\n`);
}

function stepTable({ steps, flops }: RunPlan): string[] {
  const rows = steps.map((step) => [
    `${step.phase === "prepare" ? "(once) " : ""}${step.name}`,
    step.outputs[0]?.join("x") ?? "",
    step.phase === "prepare" ? "" : `${amount(step.flops)}FLOP`,
    step.algorithm,
    step.kernel,
  ]);
  const head = ["step", "result", "work", "algorithm", "kernel"];
  return tableLines([head, ...rows, ["in all", "", `${amount(flops)}FLOP`, "", ""]], new Set([2]));
}

function memoryLines({ memory }: RunPlan, weightBytes: number): string[] {
  const rows = [
    ["weights", bytes(weightBytes), "float32, statistics included"],
    ["packed", bytes(memory.packedWeights), "the weights once more, as kernels read them"],
    ["arena", bytes(memory.arena), `between steps; ${bytes(memory.arenaBeforeReuse)} if nothing were used twice`],
    ["scratch", bytes(memory.scratch), "within a step"],
  ];
  return tableLines(rows, new Set([1]));
}
