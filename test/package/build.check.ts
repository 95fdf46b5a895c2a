/** Where there is a compiler but no addon that loads: npm builds one. Takes as long as compiling does, twice. */
import { truncateSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { copyOf, expectSameValues, install, rebuild, use } from "./project.js";

const minutes = 60_000;

test("a compiler, no prebuilt addon: built, and native", { timeout: 20 * minutes }, () => {
  const project = install({ tarball: "source" });
  expect(project.npm.status).toBe(0);
  const { report, stderr } = use(project.folder);
  expect({ ...report, stderr }).toMatchObject({ backend: "native", stderr: "" });
  expectSameValues(report, use(project.folder, { env: { STRIATE_BACKEND: "reference" } }).report);
});

test("a compiler, a prebuilt addon that does not load: built, and native", { timeout: 20 * minutes }, () => {
  const installation = { tarball: "prebuilt", bare: true } as const;
  const folder = copyOf(install(installation));
  const addon = inject("packed").files.find(({ path }) => path.endsWith(".node"))!.path;
  truncateSync(join(folder, "node_modules/striate", addon), 1000);
  expect(rebuild(folder, { tarball: "prebuilt" }).status).toBe(0);
  expect(use(folder)).toMatchObject({ report: { backend: "native" }, stderr: "" });
});
