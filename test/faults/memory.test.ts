/** Processes that may have little memory: what asks for too much is refused with a code, and the rest goes on. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundledChild, type BundledChild } from "../support/childProcess.js";

let child: BundledChild;
beforeAll(async () => {
  child = await bundledChild("test/faults/children/hungry.ts");
});
afterAll(async () => child.dispose());

// macOS takes no such limit, and Windows has none. What the reference backend is refused, V8 refuses it: see tensors.test.ts.
test.runIf(process.platform === "linux").for([2_000_000, 4_500_000])("%i KiB of address space", async (kibibytes) => {
  const end = await child.runBehind(`export STRIATE_BACKEND=native && ulimit -v ${kibibytes}`);
  expect(end).toMatchObject({ code: 0, signal: null, stderr: "" });
  const lines = end.stdout.trimEnd().split("\n");
  const [first, last, alive] = [lines.shift(), lines.at(-2), lines.at(-1)];
  expect([first, last, alive]).toEqual(["small ok", "small ok", "alive"]);
  for (const line of lines.slice(0, -2)) expect(line).toMatch(/^[a-z]+ (ok|ERR_STRIATE_MEMORY)\s*$/);
  expect(lines.filter((line) => line.includes("ERR_STRIATE_MEMORY")).length).toBeGreaterThanOrEqual(3);
});
