/** `striate bench`: what this machine makes of a few layers and a small model. No peers: the repository's bench/ has those. */
import { backendInfo, sequential, setThreads, sgd, type Model, type ModelProfile } from "../index.js";
import { buildNet } from "./nets.js";
import { showWork } from "./progress.js";
import { tableLines } from "./table.js";
import { painter, writeJson, type CommandContext } from "./terminal.js";

export interface BenchOptions {
  readonly seconds: number;
  readonly quiet: boolean;
  readonly json: boolean;
}

type Kind = Parameters<Model["profile"]>[0];

/** One row: something to run, and what is done with it. */
interface Work {
  readonly name: string;
  readonly batchSize: number;
  readonly kind: Kind;
  readonly build: () => Pick<Model, "profile" | "dispose">;
}

const predict = { kind: "predict" } as const;
const trainStep = (): Kind => ({
  ...{ kind: "train", loss: "crossEntropy" },
  optimizer: sgd({ learningRate: 0.01, momentum: 0.9 }),
});
const lenet5 = () => buildNet("lenet5", [28, 28, 1], 10, { bytes: false }).model();
const layer = (name: string, build: Work["build"]): Work => ({ name, batchSize: 1, kind: predict, build });

/** One of each kind of work that nets consist of. */
const works: readonly Work[] = [
  layer("conv 3x3, 64 to 64, 56x56", () =>
    sequential([56, 56, 64]).conv2d({ filters: 64, kernel: 3, padding: 1 }).relu().model(),
  ),
  layer("conv 7x7/2, 3 to 64, 224x224", () =>
    sequential([224, 224, 3]).conv2d({ filters: 64, kernel: 7, stride: 2, padding: 3, rounding: "floor" }).model(),
  ),
  layer("conv 1x1, 256 to 64, 56x56", () => sequential([56, 56, 256]).conv2d({ filters: 64, kernel: 1 }).model()),
  layer("depthwise 3x3, 128, 56x56", () =>
    sequential([56, 56, 128]).depthwiseConv2d({ kernel: 3, padding: 1 }).model(),
  ),
  layer("max pool 2x2, 64, 112x112", () => sequential([112, 112, 64]).maxPool2d({ size: 2 }).model()),
  layer("dense 1024 to 1024", () => sequential([1024]).dense({ units: 1024 }).model()),
  { name: "LeNet-5, 8 images", batchSize: 8, kind: predict, build: lenet5 },
  { name: "LeNet-5, training step of 64", batchSize: 64, kind: trainStep(), build: lenet5 },
];

interface Row {
  readonly name: string;
  readonly threads: number;
  readonly milliseconds: number;
  readonly gflops: number;
  /** Of the step that takes longest. */
  readonly algorithm: string;
  readonly kernel: string;
}

/** Runs the command. */
export async function bench(options: BenchOptions, { terminal, signal }: CommandContext): Promise<void> {
  const { backend, isa, threads } = backendInfo();
  const counts = backend === "native" && threads > 1 ? [1, threads] : [threads];
  const progress = showWork(terminal.error, {
    label: "bench",
    total: works.length * counts.length,
    quiet: options.quiet,
  });
  const rows: Row[] = [];
  try {
    for (const count of counts) {
      setThreads(count);
      for (const work of works) {
        // Profiles run on this thread: between two of them Ctrl-C is heard.
        await new Promise((resolve) => setImmediate(resolve));
        signal.throwIfAborted();
        rows.push({ threads: count, ...measure(work, options.seconds) });
        progress.done(1);
      }
    }
  } finally {
    progress.stop();
    setThreads(threads);
  }
  if (options.json) {
    writeJson(terminal.out, { backend, isa, threads, node: process.versions.node, platform: process.platform, rows });
    return;
  }
  const paint = painter(terminal.out);
  const head = ["work", "threads", "ms", "GFLOP/s", "algorithm", "kernel"];
  const cells = rows.map((row) => [
    ...[row.name, String(row.threads), row.milliseconds.toFixed(3), row.gflops.toFixed(1)],
    ...[row.algorithm, row.kernel],
  ]);
  const [heading, ...table] = tableLines([head, ...cells], new Set([1, 2, 3]));
  const on = `${backend} backend${backend === "native" ? `, ${isa}` : ""}, ${threads} thread${threads === 1 ? "" : "s"}`;
  const notes = "least time of all runs; 2 operations for each multiply-add; algorithm of the step that takes longest";
  terminal.out.write(`${[on, "", paint("bold", heading!), ...table, "", notes].join("\n")}\n`);
}

/** As many runs as fit into the time, three at least. */
function measure({ name, batchSize, kind, build }: Work, seconds: number): Omit<Row, "threads"> {
  const model = build();
  try {
    const first = model.profile(kind, { batchSize, runs: 1 });
    const runs = Math.min(1000, Math.max(3, Math.floor((1000 * seconds) / Math.max(first.milliseconds, 1e-3))));
    const { milliseconds, steps }: ModelProfile = model.profile(kind, { batchSize, runs });
    const longest = steps.reduce((a, b) => (b.milliseconds > a.milliseconds ? b : a));
    const flops = steps.reduce((sum, step) => sum + step.flops, 0);
    const { algorithm, kernel } = longest;
    return { name, milliseconds, gflops: flops / (1e6 * milliseconds), algorithm, kernel };
  } finally {
    model.dispose();
  }
}
