/**
 * Ends in mid-run, again and again: a crash that one in a hundred brings shows here. STRIATE_SOAK_ROUNDS, 12 by default,
 * is what `npm run test:soak` sets to 1,000.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundledChild, type BundledChild } from "../support/childProcess.js";

const rounds = Number(process.env["STRIATE_SOAK_ROUNDS"] ?? 12);
const limit = 60_000 + 3000 * rounds;

let child: BundledChild;
beforeAll(async () => {
  child = await bundledChild("test/native/children/work.ts");
});
afterAll(async () => child.dispose());

test(`${rounds} rounds of two workers that are terminated in mid-run`, { timeout: limit }, async () => {
  const { stdout, ...rest } = await child.run("terminate", String(rounds));
  expect(rest).toEqual({ code: 0, signal: null, stderr: "" });
  const [measured, done] = stdout.split("\n");
  expect(done).toBe("done");
  const resident = JSON.parse(measured!) as number[];
  expect(resident).toHaveLength(rounds);
  // From a tenth of the rounds on there is nothing new to keep.
  const [early, last] = [resident[Math.floor(rounds / 10)]!, resident.at(-1)!];
  if (rounds >= 100) expect((last - early) / 2 ** 20, "MiB").toBeLessThan(100);
});

test(`${rounds} processes that exit in mid-run`, { timeout: limit }, async () => {
  for (let round = 0; round < rounds; round += 2) {
    const ends = await Promise.all([child.run("exit"), child.run("exit")]);
    for (const each of ends) expect(each, `round ${round}`).toEqual({ code: 7, signal: null, stdout: "", stderr: "" });
  }
});
