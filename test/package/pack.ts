/** Packs once for all checks: as it will be published, and once more without its prebuilt addons. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestProject } from "vitest/node";
import { npm } from "./npm.js";

export interface Tarballs {
  readonly prebuilt: string;
  readonly source: string;
}

/** What `npm pack --json` tells. */
export interface Packed {
  readonly name: string;
  readonly filename: string;
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

declare module "vitest" {
  export interface ProvidedContext {
    tarballs: Tarballs;
    packed: Packed;
    /** A folder for projects, outside of this one: nothing is resolved from here by chance. */
    projects: string;
  }
}

const root = fileURLToPath(new URL("../..", import.meta.url));

export default function setup({ provide }: TestProject): () => void {
  const folder = join(root, "build-package");
  mkdirSync(folder, { recursive: true });
  const output = npm(["pack", "--json", "--pack-destination", folder], { cwd: root }).stdout;
  const [packed] = JSON.parse(output.slice(output.indexOf("["))) as [Packed];
  const prebuilt = join(folder, packed.filename);
  provide("packed", packed);
  provide("tarballs", { prebuilt, source: withoutPrebuilds(prebuilt) });
  const projects = mkdtempSync(join(tmpdir(), "striate-projects-"));
  provide("projects", projects);
  return () => rmSync(projects, { recursive: true, force: true });
}

function withoutPrebuilds(tarball: string): string {
  const source = tarball.replace(/\.tgz$/, "-source.tgz");
  const folder = mkdtempSync(join(tmpdir(), "striate-pack-"));
  try {
    execFileSync("tar", ["-xzf", tarball, "-C", folder]);
    rmSync(join(folder, "package", "prebuilds"), { recursive: true, force: true });
    execFileSync("tar", ["-czf", source, "-C", folder, ...readdirSync(folder)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
  return source;
}
