/** Which addon is taken, in a node_modules of its own: nothing is loaded, so that any file is an addon. */
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const repository = fileURLToPath(new URL("../../", import.meta.url));
const pair = `${process.platform}-${process.arch}`;
const { header } = process.report.getReport() as { header: object };
const libc = "glibcVersionRuntime" in header ? "glibc" : "musl";
const [here, other] =
  process.platform === "linux"
    ? [`striate-${pair}-${libc}`, `striate-${pair}-${libc === "glibc" ? "musl" : "glibc"}`]
    : [`striate-${pair}`, "striate-linux-mips-glibc"];
const notInstalled = new RegExp(
  `^${[here, ...(process.platform === "linux" ? [other] : [])].sort().join(" or ")} is not installed, since optional dependencies were ` +
    "omitted or the lockfile was made on another platform: delete node_modules and package-lock.json and run npm install " +
    "without --omit=optional$",
);

interface Case {
  readonly name: string;
  /** Packages that package.json names; both libcs' by default. */
  readonly named?: readonly string[];
  /** Files below node_modules, or the version of an installed platform's package. */
  readonly files?: readonly string[];
  readonly installed?: Readonly<Record<string, string>>;
  readonly expected: string | RegExp;
}

const prebuilt = `striate/prebuilds/${pair}/striate.node`;
const cases: Case[] = [
  {
    name: "the platform's package",
    installed: { [here]: "1.2.3" },
    expected: `${here}/prebuilds/${pair}/striate.node`,
  },
  {
    name: "of two packages that of this libc",
    installed: { [here]: "1.2.3", [other]: "1.2.3" },
    expected: `${here}/prebuilds/${pair}/striate.node`,
  },
  { name: "own prebuilt", files: [prebuilt], installed: { [here]: "1.2.3" }, expected: prebuilt },
  {
    name: "built here",
    files: ["striate/build/Release/striate.node", prebuilt],
    installed: { [here]: "1.2.3" },
    expected: "striate/build/Release/striate.node",
  },
  { name: "nothing installed", expected: notInstalled },
  {
    name: "a package of another version",
    installed: { [here]: "1.2.4" },
    expected: new RegExp(
      `^${here} must be of version 1\\.2\\.3, as striate is, got 1\\.2\\.4: delete node_modules and package-lock\\.json and run npm install$`,
    ),
  },
  {
    name: "a package that is not named",
    named: [],
    installed: { [here]: "1.2.3" },
    expected: /^No native build was found/,
  },
  { name: "another platform", named: ["striate-plan9-mips"], expected: /^No native build was found/ },
];

let modules: string;
beforeEach(() => {
  modules = join(realpathSync(mkdtempSync(join(tmpdir(), "striate-addon-"))), "node_modules");
});
afterEach(() => rmSync(dirname(modules), { recursive: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(modules, file)), { recursive: true });
  writeFileSync(join(modules, file), text);
}

describe("the addon that is taken", () => {
  test.each(cases)("$name", ({ named = [here, other], files = [], installed = {}, expected }) => {
    const optionalDependencies = Object.fromEntries(named.map((name) => [name, "1.2.3"]));
    write("striate/package.json", JSON.stringify({ name: "striate", version: "1.2.3", optionalDependencies }));
    write("striate/scripts/addonFile.cjs", "");
    copyFileSync(join(repository, "scripts/addonFile.cjs"), join(modules, "striate/scripts/addonFile.cjs"));
    for (const file of ["package.json", "index.js", "node-gyp-build.js"]) {
      write(`node-gyp-build/${file}`, "");
      copyFileSync(join(repository, "node_modules/node-gyp-build", file), join(modules, "node-gyp-build", file));
    }
    for (const file of files) write(file, "");
    for (const [name, version] of Object.entries(installed)) {
      write(`${name}/package.json`, JSON.stringify({ name, version }));
      write(`${name}/prebuilds/${pair}/striate.node`, "");
    }
    const root = join(modules, "striate");
    const addonFile = createRequire(import.meta.url)(join(root, "scripts/addonFile.cjs")) as (root: string) => string;
    if (typeof expected === "string") expect(addonFile(root)).toBe(join(modules, expected));
    else expect(() => addonFile(root)).toThrow(expected);
  });
});
