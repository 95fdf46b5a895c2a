// Compiles shapes.test-d.ts by itself, as it is and with wrong expectations.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { compile } from "./compile.js";

const text = readFileSync(new URL("shapes.test-d.ts", import.meta.url), "utf8");
const errorsOf = (source: string): string[] => [...compile(source.split("\n")).errors.values()].flat();

it("infers what shapes.test-d.ts expects, and refuses what it expects to be refused", () => {
  expect(errorsOf(text)).toEqual([]);
});

it.each([
  ["a wrong shape", "Net<[32, 32, 3], [2560]>", "Net<[32, 32, 3], [2561]>", /./],
  ["a call that is legal after all", "stride: 3 });\n// @ts-expect-error a filter", "stride: 2 });\n//", /Unused/],
])("reports %s", (_, from, to, message) => {
  expect(text).toContain(from);
  const errors = errorsOf(text.replace(from, to));
  expect(errors.length).toBeGreaterThan(0);
  expect(errors.join()).toMatch(message);
});
