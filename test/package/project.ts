/** A user's project: an empty folder, the tarball installed into it with npm, and a program that uses the package. */
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject } from "vitest";
import { npmCommand, run, type Result } from "./npm.js";
import type { Tarballs } from "./pack.js";

export interface Installation {
  /** One of the tarballs, or what a registry has that the arguments name. */
  readonly tarball: keyof Tarballs | "registry";
  /** Without compiler, make or Python: PATH has Node.js and a shell. */
  readonly bare?: boolean;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Installed {
  readonly folder: string;
  readonly npm: Result;
}

/** What probe.cjs prints. */
export interface Report {
  readonly backend: string;
  readonly isa: string;
  readonly loadError?: string;
  readonly entries: Readonly<Record<string, number>>;
  readonly values: readonly number[];
}

/** Whether this is Linux with the libc whose words and versions some checks know. */
export const glibc = "glibcVersionRuntime" in (process.report.getReport() as { header: object }).header;

const probe = fileURLToPath(new URL("probe.cjs", import.meta.url));
const projects = mkdtempSync(join(inject("projects"), "check-"));
const installed = new Map<string, Installed>();
let copies = 0;

/** Each installation happens once; its folder is not to be changed. */
export function install(installation: Installation): Installed {
  const key = JSON.stringify(installation);
  let found = installed.get(key);
  if (!found) {
    const folder = join(projects, `installed${installed.size}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "empty", private: true }));
    copyFileSync(probe, join(folder, "probe.cjs"));
    const { tarball, args = [] } = installation;
    const what = tarball === "registry" ? "striate" : inject("tarballs")[tarball];
    const command = ["install", "--prefer-offline", "--no-audit", "--no-fund", ...args, what];
    found = { folder, npm: run([...npmCommand(), ...command], { cwd: folder, env: environmentOf(installation) }) };
    installed.set(key, found);
  }
  return found;
}

/** A copy of an installed project, to be changed. */
export function copyOf({ folder }: Installed): string {
  const copy = join(projects, `copy${++copies}`);
  cpSync(folder, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** Runs the package's install script again, as npm does. */
export function rebuild(folder: string, installation: Installation, before: readonly string[] = []): Result {
  const command = [...before, ...npmCommand(), "rebuild", "striate", "--foreground-scripts"];
  return run(command, { cwd: folder, env: environmentOf(installation) });
}

export function environmentOf({ bare = false, env = {} }: Installation): Record<string, string> {
  return bare ? { PATH: bareFolder(), ...env } : env;
}

/** @param command the runtime that runs the program, with its options */
export function use(
  folder: string,
  { command = [process.execPath], how = "import", env = {} }: Use = {},
): { readonly report: Report; readonly stderr: string } {
  const { status, signal, stdout, stderr } = run([...command, "probe.cjs", how], { cwd: folder, env });
  expect({ status, signal, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  return { report: JSON.parse(stdout) as Report, stderr };
}

export interface Use {
  readonly command?: readonly string[] | undefined;
  readonly how?: "import" | "require";
  readonly env?: Readonly<Record<string, string>>;
}

/** The two backends differ by the rounding of float32 sums. The longest in probe.cjs has 576 terms, of results below 1. */
export function expectSameValues(found: Report, reference: Report): void {
  const bound = 576 * 2 ** -24;
  expect(found.values.length).toBe(reference.values.length);
  const largest = Math.max(...found.values.map((value, i) => Math.abs(value - reference.values[i]!)));
  expect(largest).toBeLessThan(bound);
}

let bare: string | undefined;

function bareFolder(): string {
  if (bare === undefined) {
    bare = join(projects, "bin");
    mkdirSync(bare);
    symlinkSync(process.execPath, join(bare, "node"));
    symlinkSync("/bin/sh", join(bare, "sh"));
  }
  return bare;
}
