/** What a release brings to a user: one `npm install striate` for every platform, from a registry. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { targets } from "../../scripts/release.js";
import { npm, run } from "./npm.js";
import { copyOf, expectSameValues, install, rebuild, use } from "./project.js";
import { host, release, type Release } from "./release.js";

const root = join(import.meta.dirname, "../..");
const platform = `striate-${host}`;
let from: Release;
beforeAll(async () => {
  from = await release();
});

/** The platforms' packages in a project. */
function platformsIn(folder: string): string[] {
  return readdirSync(join(folder, "node_modules")).filter((name) => name.startsWith("striate-"));
}

function bytesIn(folder: string): number {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const files = names.map((name) => statSync(join(folder, name))).filter((entry) => entry.isFile());
  return files.reduce((sum, { size }) => sum + size, 0);
}

describe("the packages of a release", () => {
  test("are below 5 MB, packed and unpacked: every platform's together with striate", () => {
    const main = from.packed.find(({ name }) => name === "striate")!;
    const others = from.packed.filter((each) => each !== main);
    expect(others.map(({ name }) => name)).toEqual(Object.keys(targets).map((name) => `striate-${name}`));
    for (const { size, unpackedSize } of others) {
      expect(size + main.size).toBeLessThan(5e6);
      expect(unpackedSize + main.unpackedSize).toBeLessThan(5e6);
    }
  });

  test("are an addon, a manifest, a README and a license for each platform, and striate without an addon", () => {
    for (const { name, files } of from.packed) {
      const paths = files.map(({ path }) => path);
      const target = targets[name.replace("striate-", "")];
      if (target === undefined) {
        expect(paths.filter((path) => /\.node$|^prebuilds/.test(path))).toEqual([]);
      } else {
        const addon = `prebuilds/${target.os}-${target.cpu}/striate.node`;
        expect(paths.sort()).toEqual(["LICENSE", "README.md", "package.json", addon]);
      }
    }
  });

  test("satisfy publint", () => {
    for (const name of ["striate", platform]) {
      const tarball = join(from.tarballs, from.packed.find((each) => each.name === name)!.filename);
      const publint = run(["npx", "publint", "run", tarball, "--strict"], { cwd: root });
      expect(publint).toMatchObject({ status: 0, stdout: expect.stringContaining("All good!") as string });
    }
  });
});

describe("npm install striate, no compiler", () => {
  const taken = "striate: using the prebuilt native addon";

  test("brings one platform's package, and the native backend runs", () => {
    const project = install(from.installation());
    expect(project.npm).toMatchObject({ status: 0, stdout: expect.stringContaining(taken) as string });
    expect(platformsIn(project.folder)).toEqual([platform]);
    const { report, stderr } = use(project.folder);
    expect({ ...report, stderr }).toMatchObject({ backend: "native", stderr: "" });
  });

  test("puts less than 5 MB on disk, and 8 MB with all that it depends on", () => {
    const modules = join(install(from.installation()).folder, "node_modules");
    expect(bytesIn(join(modules, "striate")) + bytesIn(join(modules, platform))).toBeLessThan(5e6);
    expect(bytesIn(modules)).toBeLessThan(8e6);
  });

  test("writes a lockfile that serves another libc, processor or system, each with its package alone", () => {
    const folder = copyOf(install(from.installation()));
    for (const name of ["linux-x64-musl", "linux-arm64-glibc", "win32-x64"]) {
      const { os, cpu, libc } = targets[name]!;
      const flags = [`--os=${os}`, `--cpu=${cpu}`, ...(libc ? [`--libc=${libc}`] : []), "--ignore-scripts"];
      npm(["install", ...from.installation(...flags).args!], { cwd: folder });
      expect(platformsIn(folder)).toEqual([`striate-${name}`]);
    }
  });

  test("takes it in place of an addon that was built here and does not load", () => {
    const folder = copyOf(install(from.installation()));
    const built = join(folder, "node_modules/striate/build/Release");
    mkdirSync(built, { recursive: true });
    writeFileSync(join(built, "striate.node"), "noise");
    expect(rebuild(folder, from.installation()).stdout).toContain(taken);
    expect(use(folder).report.backend).toBe("native");
  });
});

interface Case {
  readonly name: string;
  readonly args?: readonly string[];
  /** What happens to the project then; npm runs the install script again. */
  readonly spoil?: (folder: string) => void;
  readonly says: RegExp;
}

const cases: Case[] = [
  {
    name: "optional dependencies are omitted",
    args: ["--omit=optional"],
    says: /^striate-.* is not installed, since optional dependencies were omitted or .* without --omit=optional$/,
  },
  {
    name: "the platform's package is of another version",
    spoil: (folder) => {
      const manifest = join(folder, "node_modules", platform, "package.json");
      writeFileSync(manifest, readFileSync(manifest, "utf8").replace(/"version": ".*"/, '"version": "0.0.1"'));
    },
    says: /^striate-.* must be of version .*, as striate is, got 0\.0\.1: delete node_modules and package-lock\.json/,
  },
];

describe("the reference backend, and one line that says what to do, where", () => {
  test.each(cases)("$name", ({ args = [], spoil, says }) => {
    const project = install(from.installation(...args));
    const folder = spoil ? copyOf(project) : project.folder;
    spoil?.(folder);
    const { status, stdout } = spoil ? rebuild(folder, from.installation()) : project.npm;
    expect(status).toBe(0);
    expect(stdout).toContain("striate: building the native addon, since no prebuilt one loads (Error: striate-");
    const { report, stderr } = use(folder);
    expectSameValues(report, use(install(from.installation()).folder).report);
    expect(report).toMatchObject({ backend: "reference", loadError: expect.stringMatching(says) as string });
    expect(stderr).toBe(
      `striate: using the reference backend (pure TypeScript, much slower), since the native addon did not load: ${report.loadError!}\n`,
    );
  });
});
