/** What this machine can do, measured by a small C++ program that is compiled here and stays, to be asked beside each row. */
import { execFileSync, spawn, type ChildProcessByStdio } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { compile } from "../compile.js";

/** GB/s; a copy counts what it reads and what it writes. */
export interface MemorySpeed {
  readonly read: number;
  readonly copy: number;
  /** With stores that go past the caches; 0 where there are none. */
  readonly streamingCopy: number;
}

const source = new URL("machine.cc", import.meta.url);

export interface Bandwidth {
  readonly hugePages: MemorySpeed;
  /** In the pages that arrays of JavaScript get: the same where the system gives huge ones unasked. */
  readonly arrays: MemorySpeed;
}

export class Machine {
  private readonly child: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: Interface;

  private constructor(program: string) {
    this.child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout });
  }

  /**
   * @returns the reason where there is none: what is a share of it is then left out
   */
  static build(): Machine | string {
    try {
      const program = compile(source, ["-march=native", "-ffp-contract=fast", "-pthread"]);
      execFileSync(program, { input: "fma 1 1\n" });
      return new Machine(program);
    } catch (error) {
      return `the compiler did not give a program that runs (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
    }
  }

  /** GFLOP/s of so many threads together, a multiply-add counting 2. */
  async fmaPeak(threads: number, milliseconds: number): Promise<number> {
    return Number(await this.ask(`fma ${threads} ${milliseconds}`));
  }

  async bandwidth(threads: number, milliseconds: number): Promise<Bandwidth> {
    const answer = await this.ask(`memory ${threads} ${milliseconds}`);
    const figures = answer.split(" ").map(Number);
    const speed = ([read = 0, copy = 0, streamingCopy = 0]: number[]): MemorySpeed => ({ read, copy, streamingCopy });
    return { hugePages: speed(figures.slice(0, 3)), arrays: speed(figures.slice(3)) };
  }

  private ask(question: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => reject(new Error("the program that measures the machine ended"));
      this.child.once("exit", onExit);
      this.lines.once("line", (line) => {
        this.child.off("exit", onExit);
        resolve(line);
      });
      this.child.stdin.write(`${question}\n`);
    });
  }

  close(): void {
    this.child.stdin.end();
  }
}
