/**
 * `npm run bench:filter`: striate's `filter` beside sharp's `convolve` and OpenCV's `filter2D`, in turns, after their results
 * were verified. Exits with 1 where a result is wrong or a peer is faster.
 */
import { fork, type ChildProcess } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { summarize } from "../measure/statistics.js";
import { contenderNames, type ContenderName } from "./contenders.js";
import { image, tasks, type Task } from "./task.js";
import type { Answer, Question } from "./worker.js";

const usage = `npm run bench:filter -- [--only <pattern>] [--threads 1,2] [--seconds 1]
  --only     rows whose id matches: filter/3x3/dense, ...
  --threads  numbers of threads; OpenCV in WebAssembly has one
  --seconds  for each contender and row, in three turns; one call is made at least`;

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));
const turns = 3;

class Process {
  private readonly child: ChildProcess;
  description: string;

  constructor(
    readonly name: ContenderName,
    threads: number,
  ) {
    this.description = name;
    this.child = fork(worker, [name, String(threads)], { serialization: "advanced" });
  }

  async ask(question: Question): Promise<number[]> {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const ended = (code: number | null): void => reject(new Error(`${this.name}: ended with ${code}`));
      this.child.once("exit", ended);
      this.child.once("message", (message) => {
        this.child.off("exit", ended);
        resolve(message as Answer);
      });
      this.child.send(question);
    });
    if (answer.error !== undefined) throw new Error(answer.error);
    this.description = answer.description;
    return [...answer.times];
  }

  close(): void {
    this.child.kill();
  }
}

/** @returns the least ratio of a peer's time to ours */
async function measure(task: Task, processes: readonly Process[], seconds: number, threads: number): Promise<number> {
  const times = new Map<Process, number[]>();
  for (const each of processes) times.set(each, await each.ask({ id: task.id, milliseconds: 0 }));
  for (let turn = 0; turn < turns; turn++) {
    // Each first as often as last; what took longer than its whole time is not asked again.
    const order = turn % 2 === 0 ? processes : [...processes].reverse();
    for (const each of order) {
      const known = times.get(each)!;
      if (known[0]! > 1000 * seconds) continue;
      known.push(...(await each.ask({ id: task.id, milliseconds: (1000 * seconds) / turns })));
    }
  }
  const least = processes.map((each) => summarize(Float64Array.from(times.get(each)!)).minimum);
  const products = task.size ** 2 * image.height * image.width * image.channels;
  const rates = (products / (least[0]! * 1e6)).toFixed(1).padStart(6);
  const cells = least.map((time, i) => `${time.toFixed(1).padStart(9)}${i < 2 ? "" : `${ratio(time / least[0]!)}x`}`);
  console.log(`${task.id.padEnd(24)} ${String(threads).padStart(2)} ${rates} ${cells.join(" ")}`);
  return Math.min(...least.slice(2)) / least[0]!;
}

const ratio = (value: number): string => value.toFixed(1).padStart(7);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: "string", default: "" },
      threads: { type: "string", default: "1,2" },
      seconds: { type: "string", default: "1" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const wanted = tasks().filter(({ id }) => new RegExp(values.only).test(id));
  console.log(`${cpus()[0]?.model ?? "unknown CPU"}; ${image.width}x${image.height} RGB, u8 to u8`);
  console.log(
    `ms, the least of all calls; GM/s: products of the whole kernel by striate; x: the peer's time / striate's`,
  );
  console.log(`${"row".padEnd(23)} threads  GM/s ${contenderNames.map((name) => name.padStart(16)).join(" ")}`);
  let worst = Infinity;
  for (const threads of values.threads.split(",").map(Number)) {
    const processes = contenderNames.map((name) => new Process(name, threads));
    try {
      for (const task of wanted)
        worst = Math.min(worst, await measure(task, processes, Number(values.seconds), threads));
      console.log(processes.map(({ description }) => description).join("; "));
    } finally {
      for (const each of processes) each.close();
    }
  }
  console.log(`least ratio ${worst.toFixed(1)}`);
  return worst >= 1 ? 0 : 1;
}

process.exitCode = await main();
