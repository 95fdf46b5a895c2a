/** In which forms a work is measured, and in which processes. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { missingCompiled } from "../contenders/compiled.js";
import type { PeerFiles, Variant } from "../contenders/contender.js";
import { ourName, type CalledWork, type ContenderName, type PeerName, type Work } from "../work.js";
import { Lane } from "./lane.js";

/** What a form is measured for. */
export type Role =
  /** Our result: what every floor judges. */
  | "ours"
  /** The same, awaited. */
  | "awaited"
  /** The same with `algorithm: "im2col"`. */
  | "im2col"
  /** The layer's forward pass, beside its gradients. */
  | "forward"
  | "peer";

export interface Form {
  readonly role: Role;
  readonly contender: ContenderName;
  readonly variant: Variant;
  /** What is measured, where it is not the row's work itself. */
  readonly work?: CalledWork;
}

/** Identical layers in a row: what a peer's change of layout costs is spread over them. */
const chainLength = 8;
const plain: Variant = { repeats: 1, algorithm: "auto" };

/** Ours first. @param isThere whether a peer can be measured here */
export function formsOf(work: CalledWork, isThere: (peer: PeerName) => boolean): Form[] {
  const contender = ourName(work);
  const forms: Form[] = [{ role: "ours", contender, variant: plain }];
  if (work.kind !== "call") forms.push({ role: "awaited", contender, variant: plain });
  if (work.kind === "conv" || work.kind === "pair") {
    forms.push({ role: "im2col", contender, variant: { ...plain, algorithm: "im2col" } });
  }
  if (work.kind === "conv" && work.direction !== "forward") {
    const id = work.id.replace(work.direction, "forward");
    forms.push({ role: "forward", contender, variant: plain, work: { ...work, id, direction: "forward" } });
  }
  for (const peer of work.peers.filter(isThere)) {
    forms.push({ role: "peer", contender: peer, variant: plain });
    const repeats = peer === "onnxruntime" ? chainOf(work) : 1;
    if (repeats > 1) forms.push({ role: "peer", contender: peer, variant: { ...plain, repeats } });
  }
  return forms;
}

/** How often the same work can follow itself in the peer's chain of 8 layers; 1 where its output is no input of its own. */
export function chainOf(work: CalledWork): number {
  if (work.kind === "pair") return chainLength / 2;
  if (work.kind !== "conv" || work.direction !== "forward") return 1;
  const { input, filters, kernel, stride, padding } = work.shape;
  return input[2] === filters && stride === 1 && kernel === 2 * padding + 1 ? chainLength : 1;
}

/** The files a contender reads. */
export const filesOf: { readonly [Name in ContenderName]: readonly (keyof PeerFiles)[] } = {
  striate: [],
  "striate-reference": [],
  onnxruntime: ["onnx"],
  "tfjs-wasm": [],
  "tfjs-cpu": [],
  convnetjs: [],
  pytorch: ["weights", "inputs"],
  openblas: [],
  onednn: [],
};

/** Those whose number of threads is set when they are opened, once for all. */
export function isOpenedPerThreads(contender: ContenderName): boolean {
  return ["onnxruntime", "pytorch", "openblas", "onednn"].includes(contender);
}

/** Processes by what they hold, started when they are first asked for. */
export class Lanes {
  private readonly lanes = new Map<string, Lane>();

  /** @param isa caps the instruction set of ours */
  constructor(private readonly isa: string | undefined) {}

  of(name: ContenderName | "prepare"): Lane {
    let lane = this.lanes.get(name);
    if (lane === undefined) {
      lane = this.start(name);
      this.lanes.set(name, lane);
    }
    return lane;
  }

  private start(name: ContenderName | "prepare"): Lane {
    const isa: Readonly<Record<string, string>> = this.isa === undefined ? {} : { STRIATE_ISA: this.isa };
    switch (name) {
      case "pytorch":
        return Lane.lines(pythonWith("torch")!, [pytorch]);
      case "striate-reference":
        return Lane.node({ STRIATE_BACKEND: "reference" });
      case "striate":
        return Lane.node({ STRIATE_BACKEND: "native", ...isa });
      default:
        return Lane.node();
    }
  }

  /** Starts all processes that some works take, at once. */
  async load(works: readonly Work[], isThere: (peer: PeerName) => boolean): Promise<void> {
    const names = new Set(works.flatMap((work) => [ourName(work), ...work.peers.filter(isThere)]));
    await Promise.all(
      ["prepare" as const, ...names].map(async (name) => {
        // What cannot be loaded says so again when it is opened.
        await this.of(name)
          .ask("load", { contender: name })
          .catch(() => {});
      }),
    );
  }

  /** A fresh process for something that wants to be alone; the caller closes it. */
  fresh(): Lane {
    return this.start("striate");
  }

  /** Ends them all: the next one asked for starts anew. */
  close(): void {
    for (const lane of this.lanes.values()) lane.close();
    this.lanes.clear();
  }
}

const pytorch = fileURLToPath(new URL("../contenders/pytorch.py", import.meta.url));
const packages: { readonly [Name in PeerName]: readonly string[] } = {
  onnxruntime: ["onnxruntime-node", "protobufjs"],
  "tfjs-wasm": ["@tensorflow/tfjs", "@tensorflow/tfjs-backend-wasm"],
  "tfjs-cpu": ["@tensorflow/tfjs"],
  convnetjs: ["convnetjs"],
  pytorch: [],
  openblas: [],
  onednn: [],
};

/** @returns what to do so that a peer can be measured, or undefined where it can */
export function missingPeer(peer: PeerName): string | undefined {
  if (peer === "openblas" || peer === "onednn") return missingCompiled(peer);
  if (peer === "pytorch") {
    if (existsSync(pytorch) && pythonWith("torch") !== undefined) return undefined;
    return "PyTorch is not installed: on Debian apt install python3-torch, or name a Python that has it in PYTHON";
  }
  const require = createRequire(import.meta.url);
  const absent = packages[peer].filter((name) => {
    try {
      require.resolve(name);
      return false;
    } catch {
      return true;
    }
  });
  return absent.length === 0 ? undefined : `${absent.join(" and ")} not installed: run npm ci --prefix bench`;
}

const pythons = new Map<string, string | undefined>();

/** The first Python that has a module. The system's own one is tried too: Debian's packages belong to it. */
export function pythonWith(module: string): string | undefined {
  if (!pythons.has(module)) {
    const test = `import importlib.util, sys; sys.exit(importlib.util.find_spec("${module}") is None)`;
    const candidates = process.env["PYTHON"] === undefined ? ["python3", "/usr/bin/python3"] : [process.env["PYTHON"]];
    pythons.set(
      module,
      candidates.find((python) => spawnSync(python, ["-c", test]).status === 0),
    );
  }
  return pythons.get(module);
}
