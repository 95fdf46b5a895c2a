/** Children for tests, as plain JavaScript: they start in a tenth of the time, and without the gigabytes that tsx reserves. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface End {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface BundledChild {
  /** Runs it to its end. */
  run(...argv: string[]): Promise<End>;
  /** As run, in the shell, behind a command such as `ulimit -v 4000000`. */
  runBehind(command: string, ...argv: string[]): Promise<End>;
  dispose(): Promise<void>;
}

/** @param entry from the repository's root: "test/native/children/work.ts" */
export async function bundledChild(entry: string): Promise<BundledChild> {
  // Within the repository, so that it finds the package.
  await mkdir(join(root, "build-tests"), { recursive: true });
  const folder = await mkdtemp(join(root, "build-tests", "child-"));
  const bundle = join(folder, "child.mjs");
  await build({
    entryPoints: [join(root, entry)],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "error",
  });
  const end = async (file: string, argv: readonly string[]): Promise<End> =>
    new Promise((resolve) => {
      const child = execFile(file, argv, { maxBuffer: 2 ** 24 }, (_, stdout, stderr) => {
        resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
      });
    });
  return {
    run: async (...argv) => end(process.execPath, [bundle, ...argv]),
    runBehind: async (command, ...argv) =>
      end("/bin/sh", ["-c", `${command} && exec "$0" "$@"`, process.execPath, bundle, ...argv]),
    dispose: async () => rm(folder, { recursive: true }),
  };
}
