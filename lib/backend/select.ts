/** Which backend runs: the native one where its addon loads, the reference backend anywhere else. */
import { BackendError, OptionError, StriateError } from "../errors.js";
import { showValue } from "../shape/values.js";
import type { Backend, BackendInfo } from "./backend.js";
import { nativeBackend, type NativeBackend } from "./native/index.js";
import { referenceBackend } from "./reference/index.js";

interface Selection {
  readonly backend: Backend;
  readonly native: NativeBackend | undefined;
  readonly loadError: string | undefined;
}

let selection: Selection | undefined;

/** Handed down to worker_threads, so that a process with many of them says it once. */
const SAID = "striate: the reference backend was announced";

/**
 * The backend of this process, chosen at the first call. STRIATE_BACKEND forces one; without it, where the addon does not
 * load, one line on stderr says why and the reference backend takes over.
 * @throws BackendError where STRIATE_BACKEND=native and the addon does not load, with causes and remedies
 * @throws OptionError where STRIATE_BACKEND, STRIATE_THREADS, STRIATE_NICE or STRIATE_ISA has a value that means nothing
 */
export function selectBackend(): Backend {
  return select().backend;
}

/**
 * Which backend runs, with which instruction set and how many threads, and why not the native one.
 *
 * @example
 * ```ts
 * const { backend, isa, threads } = backendInfo(); // "native", "avx2", 8
 * ```
 */
export function backendInfo(): BackendInfo {
  const { backend, loadError } = select();
  return { ...backend.info(), loadError };
}

/**
 * How many threads may work on one run, the calling one included; for the whole process, worker_threads too. Results do
 * not depend on it. The reference backend has one thread and takes no notice.
 * @param threads 1 to a bound of at least 16
 * @throws OptionError for anything else
 */
export function setThreads(threads: number): void {
  const { native } = select();
  const most = native?.addon.info().mostThreads ?? Infinity;
  if (!Number.isInteger(threads) || threads < 1 || threads > most) {
    throw new OptionError(
      "threads",
      `setThreads: threads must be a whole number from 1 to ${most}, got ${showValue(threads)}`,
    );
  }
  native?.addon.setThreads(threads);
}

function select(): Selection {
  selection ??= choose();
  return selection;
}

function choose(): Selection {
  const wanted = process.env["STRIATE_BACKEND"] ?? "";
  if (!["", "native", "reference"].includes(wanted)) {
    throw new OptionError("STRIATE_BACKEND", `STRIATE_BACKEND: must be native or reference, got ${wanted}`);
  }
  const threads = process.env["STRIATE_THREADS"];
  if (threads !== undefined && !/^[1-9][0-9]{0,3}$/.test(threads)) {
    throw new OptionError("STRIATE_THREADS", `STRIATE_THREADS: must be a whole number from 1, got ${threads}`);
  }
  const nice = process.env["STRIATE_NICE"];
  if (nice !== undefined && !/^1?[0-9]$/.test(nice)) {
    throw new OptionError("STRIATE_NICE", `STRIATE_NICE: must be a whole number from 0 to 19, got ${nice}`);
  }
  if (wanted === "reference") return { backend: referenceBackend, native: undefined, loadError: undefined };
  try {
    const native = nativeBackend();
    return { backend: native, native, loadError: undefined };
  } catch (error) {
    if (error instanceof StriateError && error.code === "ERR_STRIATE_ARGUMENT") {
      throw new OptionError("STRIATE_ISA", error.message, { cause: error });
    }
    if (wanted === "native") throw new BackendError(causesAndRemedies(error), { cause: error });
    const loadError = reason(error);
    announce(loadError);
    return { backend: referenceBackend, native: undefined, loadError };
  }
}

function announce(loadError: string): void {
  const { getEnvironmentData, setEnvironmentData } = process.getBuiltinModule("node:worker_threads");
  if (getEnvironmentData(SAID) === true) return;
  setEnvironmentData(SAID, true);
  process.stderr.write(
    `striate: using the reference backend (pure TypeScript, much slower), since the native addon did not load: ${loadError}\n`,
  );
}

/** The loader's words on one line, without the stack of required files that Node appends. */
function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\nRequire stack:")[0]!.replace(/\s*\n\s*/g, " ");
}

function causesAndRemedies(error: unknown): string {
  const path = process.env["STRIATE_ADDON_PATH"];
  const platform = `${process.platform}-${process.arch}`;
  const remedies = [
    ...(path === undefined || path === ""
      ? []
      : [`STRIATE_ADDON_PATH is set to ${path}: unset it, or let it name an addon of this version`]),
    `there is no prebuilt addon for ${platform} and none was built: run "npm rebuild striate --foreground-scripts" (it takes ` +
      "a C++20 compiler, make and Python) and read what it prints",
    "the package of its addon was left out, by --omit=optional or a lockfile made on another platform: delete node_modules " +
      "and package-lock.json, and install again",
    "it was installed with --ignore-scripts, or npm blocked its install script: run the same command",
    "node_modules was copied from another platform, or libc: delete it and install again on this one",
    'the C++ library of this system is older than the addon: "npm rebuild striate --build-from-source"',
    "bundled code left the addon behind: exclude striate from the bundle, or name the .node file in STRIATE_ADDON_PATH",
  ];
  return [
    `STRIATE_BACKEND=native, but the native addon did not load on ${platform}, Node.js ${process.version}: ${reason(error)}`,
    "Possible causes and remedies:",
    ...remedies.map((remedy) => `- ${remedy}`),
    "- or unset STRIATE_BACKEND: the reference backend runs the same Programs, slower",
  ].join("\n");
}
