/** `striate info`: what runs here, and what is in a saved model. */
import { backendInfo, loadModel } from "../index.js";
import { nonEmpty, type CommandSpec, type OptionValues } from "./commandLine.js";
import type { Terminal } from "./terminal.js";
import { packageVersion } from "./version.js";

const options = {
  model: {
    short: "m",
    placeholder: "DIR",
    help: "also summarise the model in this folder",
    default: undefined as string | undefined,
    defaultText: "",
    parse: nonEmpty,
  },
} as const;

export const infoCommand = {
  name: "info",
  summary: "Prints version, backend and instruction set, and what is in a saved model",
  options,
} satisfies CommandSpec;

/** Runs the command. */
export async function info(values: OptionValues<typeof options>, terminal: Terminal): Promise<void> {
  const { backend, isa, threads, loadError } = backendInfo();
  const lines = [
    `striate ${packageVersion()}`,
    `node ${process.versions.node} on ${process.platform} ${process.arch}`,
    `backend ${backend}${backend === "native" ? `, instruction set ${isa}` : ""}, ${threads} ${threads === 1 ? "thread" : "threads"}`,
  ];
  if (loadError !== undefined) lines.push(`the native backend is not in use: ${loadError}`);
  if (values.model !== undefined) {
    const model = await loadModel(values.model);
    lines.push("", model.summary(), "", `metadata ${JSON.stringify(model.metadata)}`);
  }
  terminal.out.write(`${lines.join("\n")}\n`);
}
