/** A process of the bench, seen from its parent. */
import { fork, spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Answer, QuestionName, Questions } from "./protocol.js";

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

/** One question at a time. */
export class Lane {
  private pending: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  private lastWords = "";

  private constructor(
    private readonly child: ChildProcess,
    private readonly send: (message: object) => void,
  ) {
    child.once("exit", (code, signal) => this.fail(signal ?? `exit code ${code}`));
    child.once("error", (error) => this.fail(error.message));
  }

  /** A Node.js process that speaks over IPC. Node's own options, which let it read TypeScript, are handed down. */
  static node(environment: Readonly<Record<string, string>> = {}): Lane {
    const child = fork(worker, { serialization: "advanced", env: { ...process.env, ...environment } });
    const lane = new Lane(child, (message) => child.send(message));
    child.on("message", (message) => lane.settle(message as Answer));
    return lane;
  }

  /** Any program that reads one JSON object a line and answers with one; typed arrays are plain ones there. */
  static lines(command: string, args: readonly string[]): Lane {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    const lane = new Lane(child, (message) => child.stdin.write(`${JSON.stringify(message, plainArrays)}\n`));
    child.stdin.on("error", () => {}); // the exit says more
    child.stderr.on("data", (text: Buffer) => (lane.lastWords = `${lane.lastWords}${text.toString()}`.slice(-2000)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) lane.settle(JSON.parse(line) as Answer);
    });
    return lane;
  }

  private settle(answer: Answer): void {
    const { pending } = this;
    this.pending = undefined;
    pending?.resolve(answer);
  }

  private fail(how: string): void {
    const { pending } = this;
    this.pending = undefined;
    this.ended = `${how}${this.lastWords === "" ? "" : `: ${this.lastWords.trim()}`}`;
    pending?.reject(new Error(`a process of the bench ended: ${this.ended}`));
  }
  private ended: string | undefined;

  /** @throws Error with the process's own words where it fails or ends */
  async ask<Name extends QuestionName>(
    name: Name,
    asked: Questions[Name]["asked"],
  ): Promise<Questions[Name]["answer"]> {
    if (this.ended !== undefined) throw new Error(`a process of the bench has ended: ${this.ended}`);
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.pending = { resolve, reject };
      this.send({ name, ...asked });
    });
    if ("error" in answer) throw new Error(`${name}: ${answer.error}`);
    return answer.answer;
  }

  close(): void {
    this.child.kill();
  }
}

function plainArrays(_: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value;
}
