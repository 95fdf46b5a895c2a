/** The package in other runtimes than this one, by `import` and by `require`. */
import { beforeAll, describe, expect, test } from "vitest";
import { expectSameValues, install, use, type Installation, type Report } from "./project.js";
import { release } from "./release.js";
import { runtime, type Runtime } from "./runtimes.js";

const runtimes: Runtime[] = ["node20", "node22", "node24", "bun"];
const prebuilt = { tarball: "prebuilt", bare: true } as const;

let here: Report;
let released: Installation;
beforeAll(async () => {
  released = (await release()).installation();
  for (const name of runtimes) runtime(name);
  here = use(install(prebuilt).folder).report;
}, 600_000);

describe.each(runtimes)("%s", (name) => {
  test.each(["import", "require"] as const)("%s", (how) => {
    const { report, stderr } = use(install(prebuilt).folder, { command: [runtime(name)], how });
    expect({ ...report, stderr }).toEqual({ ...here, stderr: "" });
  });

  test("the addon of the platform's package", () => {
    const { report, stderr } = use(install(released).folder, { command: [runtime(name)] });
    expect({ ...report, stderr }).toEqual({ ...here, stderr: "" });
  });

  test("without the addon", () => {
    const { folder } = install({ tarball: "source", bare: true });
    const { report, stderr } = use(folder, { command: [runtime(name)] });
    expect(report.backend).toBe("reference");
    expect(stderr).toMatch(/^striate: using the reference backend .*\n$/);
    expectSameValues(report, here);
  });
});
