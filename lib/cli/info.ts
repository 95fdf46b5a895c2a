/** `striate info`: what runs here, and what is in a saved model. */
import { backendInfo, loadModel, type Model } from "../index.js";
import { countNet } from "../layers/summary.js";
import { writeJson, type CommandContext } from "./terminal.js";
import { packageVersion } from "./version.js";

export interface InfoOptions {
  readonly model?: string;
  readonly json: boolean;
}

/** Runs the command. */
export async function info(options: InfoOptions, { terminal }: CommandContext): Promise<void> {
  const { backend, isa, threads, loadError } = backendInfo();
  const model = options.model === undefined ? undefined : await loadModel(options.model);
  if (options.json) {
    writeJson(terminal.out, {
      ...{ striate: packageVersion(), node: process.versions.node, platform: process.platform, arch: process.arch },
      ...{ backend, isa, threads, loadError: loadError ?? null },
      ...(model === undefined ? {} : { model: options.model, ...shapesOf(model) }),
    });
    return;
  }
  const lines = [
    `striate ${packageVersion()}`,
    `node ${process.versions.node} on ${process.platform} ${process.arch}`,
    `backend ${backend}${backend === "native" ? `, instruction set ${isa}` : ""}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  ];
  if (loadError !== undefined) lines.push(`the native backend is not in use: ${loadError}`);
  if (model !== undefined) {
    lines.push("", model.summary(), "", `metadata ${JSON.stringify(model.metadata)}`);
  }
  terminal.out.write(`${lines.join("\n")}\n`);
}

function shapesOf({ node, inputShape, outputShape, metadata }: Model): object {
  return { inputShape, outputShape, ...countNet(node), metadata };
}
