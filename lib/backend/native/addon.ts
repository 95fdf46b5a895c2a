/** The typed mirror of the addon (native/binding), and how it is found. `test/native/addon.test.ts` compares the keys. */
import { createRequire } from "node:module";
import { StriateError } from "../../errors.js";
import { opSchemas } from "../../graph/opSchema.js";
import { packageFile } from "../../packageFile.js";
import type { InputArray, OutputArray, StepExplanation } from "../backend.js";

/** Opaque objects that own native memory; a type tag in the addon tells them apart. */
declare const brand: unique symbol;
export interface StateHandle {
  readonly [brand]: "State";
}
export interface ExecutableHandle {
  readonly [brand]: "Executable";
}

export interface NativeOp {
  readonly name: string;
  readonly operands: readonly string[];
  readonly results: readonly string[];
  readonly attributes: readonly string[];
}

/** Every function of the addon. Wrong types throw TypeErrors; refusals throw or reject with an Error that has a `code`. */
export interface NativeAddon {
  opTable(): NativeOp[];
  /** Throws where STRIATE_ISA names no instruction set of this machine. */
  info(): { readonly isa: string; readonly threads: number; readonly mostThreads: number };
  setThreads(threads: number): void;
  /** Tasks taken by calling threads, then by worker 1, 2, ... of the pool, since the process began. */
  taskCounters(): number[];
  /** Bytes that the States and Executables of this thread hold, and all external bytes that V8 was told of by anybody. */
  memory(): { readonly held: number; readonly external: number };

  createState(sizes: Float64Array): StateHandle;
  /** Copies whole tensors, all from between the same two steps. */
  stateRead(state: StateHandle, tensors: Int32Array, into: readonly Float32Array[]): void;
  stateWrite(state: StateHandle, tensors: Int32Array, from: readonly Float32Array[]): void;
  stateVersion(state: StateHandle): number;
  stateDispose(state: StateHandle): void;

  /**
   * @param check 0: off, 1: poison dead memory with NaN, 2: and compare all other memory after every step
   * @param ownsState 1: as {@link CompileOptions} has it, 0: no
   */
  compile(words: Float64Array, state: StateHandle, check: number, ownsState: number): ExecutableHandle;
  run(
    executable: ExecutableHandle,
    inputs: readonly InputArray[],
    outputs: readonly OutputArray[],
    rows: number,
    learningRate: number,
  ): void;
  /** As run. @param milliseconds receives what each step took */
  profile(
    executable: ExecutableHandle,
    inputs: readonly InputArray[],
    outputs: readonly OutputArray[],
    rows: number,
    learningRate: number,
    milliseconds: Float64Array,
  ): void;
  /** @param id not in use by a run under way; for abort() */
  runAsync(
    executable: ExecutableHandle,
    id: number,
    inputs: readonly InputArray[],
    rows: number,
    learningRate: number,
  ): Promise<OutputArray[]>;
  abort(id: number): void;
  explain(executable: ExecutableHandle): StepExplanation[];
  dispose(executable: ExecutableHandle): void;
}

/** Keys of {@link NativeAddon}; the type makes sure that none is missing. */
export const addonFunctions: { readonly [Name in keyof NativeAddon]: true } = {
  opTable: true,
  info: true,
  setThreads: true,
  taskCounters: true,
  memory: true,
  createState: true,
  stateRead: true,
  stateWrite: true,
  stateVersion: true,
  stateDispose: true,
  compile: true,
  run: true,
  profile: true,
  runAsync: true,
  abort: true,
  explain: true,
  dispose: true,
};

/**
 * Loads the file that STRIATE_ADDON_PATH names, else the first of build/Release, prebuilds/ and the package of this platform.
 * @throws whatever the loader throws, or a StriateError where the addon does not fit this version of striate
 */
export function loadAddon(): NativeAddon {
  const require = createRequire(import.meta.url);
  let path = process.env["STRIATE_ADDON_PATH"];
  if (path === undefined || path === "") {
    path = (require(packageFile("scripts/addonFile.cjs")) as (root: string) => string)(packageFile("."));
  }
  checkWhole(path);
  return checkedAddon(require(path));
}

/**
 * Refuses an ELF file that ends before its section headers, the last part of it: the loader of the system maps it all the
 * same, and the process dies of SIGBUS where it touches what is missing. Other formats and broken headers it refuses itself.
 */
function checkWhole(path: string): void {
  const { closeSync, fstatSync, openSync, readSync } = process.getBuiltinModule("node:fs");
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    return; // require() has the words for it
  }
  try {
    const header = Buffer.alloc(64);
    if (readSync(file, header) < header.length || !header.subarray(0, 6).equals(ELF64_LITTLE_ENDIAN)) return;
    const end = header.readBigUInt64LE(0x28) + BigInt(header.readUInt16LE(0x3a) * header.readUInt16LE(0x3c));
    const { size } = fstatSync(file);
    if (end > size) throw new StriateError("ERR_STRIATE_ADDON", `${path} is incomplete: ${size} of ${end} bytes`);
  } finally {
    closeSync(file);
  }
}

const ELF64_LITTLE_ENDIAN = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);

/** Refuses an addon of another version: numbers of ops and attributes would mean something else to it. */
export function checkedAddon(addon: unknown): NativeAddon {
  const candidate = addon as Partial<NativeAddon> | null;
  const missing = Object.keys(addonFunctions).filter(
    (name) => typeof candidate?.[name as keyof NativeAddon] !== "function",
  );
  if (missing.length > 0) throw otherVersion(`it lacks ${missing.join(", ")}`);
  const ops = (candidate as NativeAddon).opTable();
  const expected = Object.entries(opSchemas).map(([name, schema]) => ({ name, ...schema }));
  for (let i = 0; i < Math.max(ops.length, expected.length); i++) {
    const [here, there] = [describeOp(expected[i]), describeOp(ops[i])];
    if (here !== there) throw otherVersion(`its op ${i} is ${there}, expected ${here}`);
  }
  return candidate as NativeAddon;
}

function describeOp(op: NativeOp | undefined): string {
  if (op === undefined) return "none";
  return `${op.name}(${op.operands.join(", ")}; ${op.attributes.join(", ")}) -> ${op.results.join(", ")}`;
}

function otherVersion(how: string): StriateError {
  return new StriateError("ERR_STRIATE_ADDON", `the addon was built for another version of striate: ${how}`);
}
