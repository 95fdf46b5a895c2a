/** Processes that may have little memory: what asks for too much is refused with a code, and the rest goes on. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundledChild, type BundledChild } from "../support/childProcess.js";

let native: BundledChild;
let reference: BundledChild;
beforeAll(async () => {
  native = await bundledChild("test/faults/children/hungry.ts");
  reference = await bundledChild("test/faults/children/hungryReference.ts");
});
afterAll(async () => Promise.all([native.dispose(), reference.dispose()]));

// macOS takes no such limit, and Windows has none.
test.runIf(process.platform === "linux").for([2_000_000, 4_500_000])(
  "the native backend in %i KiB of address space",
  async (kibibytes) => {
    const end = await native.runBehind(`export STRIATE_BACKEND=native && ulimit -v ${kibibytes}`);
    expect(end).toMatchObject({ code: 0, signal: null, stderr: "" });
    const lines = end.stdout.trimEnd().split("\n");
    const [first, last, alive] = [lines.shift(), lines.at(-2), lines.at(-1)];
    expect([first, last, alive]).toEqual(["small ok", "small ok", "alive"]);
    for (const line of lines.slice(0, -2)) expect(line).toMatch(/^[a-z]+ (ok|ERR_STRIATE_MEMORY)\s*$/);
    expect(lines.filter((line) => line.includes("ERR_STRIATE_MEMORY")).length).toBeGreaterThanOrEqual(3);
  },
);

// V8 cannot start a worker_thread in much less, which ends the process whatever it runs.
test.runIf(process.platform === "linux").for([
  ["address space", "ulimit -v 3000000"],
  ["address space and heap", "export NODE_OPTIONS=--max-old-space-size=32 && ulimit -v 3000000"],
])("the reference backend with little %s: %s", { timeout: 180_000 }, async ([, limit]) => {
  const end = await reference.runBehind(`export STRIATE_BACKEND=reference && ${limit}`);
  expect(end).toMatchObject({ code: 0, signal: null, stderr: "" });
  const lines = end.stdout.trimEnd().split("\n");
  const refused = ["state", "output", "outputAwaited", "arena", "arenaAwaited", "scratch", "scratchAwaited"];
  const few = ["small ok", "smallAwaited ok"];
  const many = lines.filter((line) => /^(copy|file) /.test(line));
  expect(lines.filter((line) => !many.includes(line))).toEqual([
    ...few,
    ...refused.map((name) => `${name} ERR_STRIATE_MEMORY `),
    ...few,
    "alive",
  ]);
  expect(many).toHaveLength(65);
  for (const line of many) expect(line).toMatch(/^(copy (ok|ERR_STRIATE_MEMORY ?)|file ERR_STRIATE_MEMORY ?)$/);
});
