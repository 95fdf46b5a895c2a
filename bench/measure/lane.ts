/** A process of the bench, seen from its parent. */
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Answer, QuestionName, Questions } from "./protocol.js";

const worker = fileURLToPath(new URL("worker.ts", import.meta.url));

export class Lane {
  // Node's own options, which let it read TypeScript, are handed down.
  private readonly child: ChildProcess = fork(worker, { serialization: "advanced" });

  /** @throws Error with the process's own words where it fails or ends */
  ask<Name extends QuestionName>(name: Name, asked: Questions[Name]["asked"]): Promise<Questions[Name]["answer"]> {
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null, signal: string | null): void => {
        this.child.off("message", onMessage);
        reject(new Error(`a process of the bench ended while asked to ${name}: ${signal ?? `exit code ${code}`}`));
      };
      const onMessage = (message: unknown): void => {
        this.child.off("exit", onExit);
        const answer = message as Answer;
        if ("error" in answer) reject(new Error(`${name}: ${answer.error}`));
        else resolve(answer.answer);
      };
      this.child.once("exit", onExit);
      this.child.once("message", onMessage);
      this.child.send({ name, ...asked });
    });
  }

  close(): void {
    this.child.kill();
  }
}
