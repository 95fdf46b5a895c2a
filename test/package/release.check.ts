import { readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { targets } from "../../scripts/release.js";
import { install, use } from "./project.js";
import { host, release, type Release } from "./release.js";
let from: Release;
beforeAll(async () => {
  console.time("stage");
  from = await release();
  console.timeEnd("stage");
});
test("x", () => {
  console.time("install");
  const p = install(from.installation());
  console.timeEnd("install");
  console.log(p.npm, readdirSync(join(p.folder, "node_modules")), use(p.folder).report.backend, host);
  console.time("install2");
  const q = install(from.installation("--os=darwin", "--cpu=arm64"));
  console.timeEnd("install2");
  console.log(q.npm, readdirSync(join(q.folder, "node_modules")));
});
