/** `striate info`: what runs here, and what is in a saved model. */
import { backendInfo, loadModel } from "../index.js";
import type { CommandContext } from "./terminal.js";
import { packageVersion } from "./version.js";

export interface InfoOptions {
  readonly model?: string;
}

/** Runs the command. */
export async function info(options: InfoOptions, { terminal }: CommandContext): Promise<void> {
  const { backend, isa, threads, loadError } = backendInfo();
  const lines = [
    `striate ${packageVersion()}`,
    `node ${process.versions.node} on ${process.platform} ${process.arch}`,
    `backend ${backend}${backend === "native" ? `, instruction set ${isa}` : ""}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  ];
  if (loadError !== undefined) lines.push(`the native backend is not in use: ${loadError}`);
  if (options.model !== undefined) {
    const model = await loadModel(options.model);
    lines.push("", model.summary(), "", `metadata ${JSON.stringify(model.metadata)}`);
  }
  terminal.out.write(`${lines.join("\n")}\n`);
}
