/** The addon for arm64, cross-built (`npm run check:arm64` does), in an arm64 Node.js under emulation. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectSameValues, install, use } from "./project.js";
import { release } from "./release.js";
import { runtime } from "./runtimes.js";

const addon = join(import.meta.dirname, "../../build-neon/striate.node");

function command(): string[] {
  const libc = execFileSync("aarch64-linux-gnu-gcc", ["-print-file-name=libc.so.6"], { encoding: "utf8" }).trim();
  return ["qemu-aarch64", "-L", join(libc, "../.."), runtime("nodeArm64")];
}

test("arm64 Node.js under qemu runs the NEON kernels, with the values of the reference backend", () => {
  const { folder } = install({ tarball: "source", bare: true });
  const { report, stderr } = use(folder, { command: command(), env: { STRIATE_ADDON_PATH: addon } });
  expect({ ...report, stderr }).toMatchObject({ backend: "native", isa: "neon", stderr: "" });
  expectSameValues(report, use(folder, { env: { STRIATE_BACKEND: "reference" } }).report);
}, 600_000);

test("and finds them in its platform's package", async () => {
  const { folder } = install((await release()).installation("--cpu=arm64", "--ignore-scripts"));
  const { report, stderr } = use(folder, { command: command() });
  expect({ ...report, stderr }).toMatchObject({ backend: "native", isa: "neon", stderr: "" });
}, 600_000);
