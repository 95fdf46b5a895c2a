/** A release as npm's registry would serve it: staged from the addon of this machine, packed, and served on loopback. */
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, inject } from "vitest";
import { prebuildOf, stage, targets } from "../../scripts/release.js";
import { forgedAddon } from "../support/forgedAddon.js";
import { npm } from "./npm.js";
import type { Packed } from "./pack.js";
import { glibc, type Installation } from "./project.js";

export interface Release {
  readonly packed: readonly Packed[];
  /** The folder of a package's tarball. */
  readonly tarballs: string;
  /** Installs the package from the registry, without a compiler. */
  installation(...args: readonly string[]): Installation;
}

const libc = glibc ? "glibc" : "musl";
/** The target that this machine is. */
export const host = `${process.platform}-${process.arch}${process.platform === "linux" ? `-${libc}` : ""}`;

const root = join(import.meta.dirname, "../..");
const folder = join(inject("projects"), "release");
const staged = join(folder, "staged");
const tarballs = join(folder, "tarballs");

let registry: Worker | undefined;
afterAll(() => registry?.terminate());

/** Addons that may have been built here: by prebuildify, which strips it to what users get, and by `npm run check:arm64`. */
const built: Readonly<Record<string, string>> = {
  [host]: join(root, "prebuilds", prebuildOf(targets[host]!)),
  "linux-arm64-glibc": join(root, "build-neon/striate.node"),
};

/** Starts the registry. Targets whose addon has not been built here get a forged one. */
export async function release(): Promise<Release> {
  const list = join(folder, "packed.json");
  if (!existsSync(list)) {
    const prebuilds = join(folder, "prebuilds");
    for (const [name, target] of Object.entries(targets)) {
      const file = prebuildOf(target);
      const real = built[name];
      mkdirSync(dirname(join(prebuilds, file)), { recursive: true });
      if (real !== undefined && existsSync(real)) copyFileSync(real, join(prebuilds, file));
      else writeFileSync(join(prebuilds, file), forgedAddon(target));
    }
    stage({ prebuilds, out: staged });
    mkdirSync(tarballs);
    const names = ["striate", ...Object.keys(targets).map((name) => `striate-${name}`)];
    const command = ["pack", "--json", "--pack-destination", tarballs, ...names.map((name) => join(staged, name))];
    writeFileSync(list, npm(command, { cwd: folder }).stdout);
  }
  const packed = JSON.parse(readFileSync(list, "utf8")) as Packed[];
  const served = packed.map(({ name, filename }) => [join(staged, name), join(tarballs, filename)]);
  const workerData = { root, tarballs: Object.fromEntries(served) as Record<string, string> };
  registry = new Worker(join(import.meta.dirname, "registry.cjs"), { workerData });
  const [port] = (await once(registry, "message")) as [number];
  const options = [`--registry=http://127.0.0.1:${port}`, `--cache=${join(folder, "cache")}`, "--foreground-scripts"];
  return {
    packed,
    tarballs,
    installation: (...args) => ({ tarball: "registry", bare: true, args: [...options, ...args] }),
  };
}
