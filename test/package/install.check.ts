/** Where the package is installed and what it then runs on: native where that can be, else the reference backend and one line. */
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { copyOf, expectSameValues, glibc, install, rebuild, use, type Installation, type Report } from "./project.js";

interface Case extends Installation {
  readonly name: string;
  /** A command in front of npm, which then installs once more. */
  readonly under?: readonly string[];
  /** Does harm to the prebuilt addon; npm installs once more. */
  readonly spoil?: (addon: string) => void;
  /** What runs the program instead of this Node.js. */
  readonly command?: readonly string[];
  /** What the one line at first use says; none where the native backend runs. */
  readonly says?: RegExp;
  readonly isa?: string;
}

const prebuilt = { tarball: "prebuilt", bare: true } as const;
const source = { tarball: "source", bare: true } as const;

const cases: Case[] = [
  { name: "a prebuilt addon, no compiler", ...prebuilt },
  { name: "a prebuilt addon, --ignore-scripts", ...prebuilt, args: ["--ignore-scripts"] },
  { name: "neither addon nor compiler", ...source, says: /No native build was found for platform=/ },
  { name: "no addon, --ignore-scripts", ...source, args: ["--ignore-scripts"], says: /No native build was found/ },
  { name: "STRIATE_NATIVE=off", ...source, env: { STRIATE_NATIVE: "off" }, says: /No native build was found/ },
  { name: "--no-addons", ...prebuilt, command: [process.execPath, "--no-addons"], says: /loading addons is disabled/ },
  ...(glibc
    ? [
        { name: "noise", ...prebuilt, spoil: writeNoise, says: /invalid ELF header/ },
        { name: "an empty file", ...prebuilt, spoil: empty, says: /file too short/ },
        { name: "half of the addon", ...prebuilt, spoil: halve, says: /is incomplete: \d+ of \d+ bytes/ },
        {
          name: "the addon of another processor",
          ...prebuilt,
          spoil: forSparc,
          says: /cannot open shared object file/,
        },
        { name: "a library that is no addon", ...prebuilt, spoil: compileNothing, says: /did not self-register/ },
        { name: "no network", ...prebuilt, under: ["/usr/bin/unshare", "--map-root-user", "--net"] },
      ]
    : []),
  ...(glibc && process.arch === "x64"
    ? [
        { name: "a CPU without AVX", ...prebuilt, command: emulated("Nehalem"), isa: "sse2" },
        { name: "a CPU with AVX and without AVX2", ...prebuilt, command: emulated("max,-avx2"), isa: "sse2" },
        { name: "a CPU with AVX2 and without FMA", ...prebuilt, command: emulated("max,-fma"), isa: "sse2" },
        { name: "an emulated CPU with both", ...prebuilt, command: emulated("max"), isa: "avx2" },
      ]
    : []),
];

function emulated(cpu: string): string[] {
  return ["qemu-x86_64", "-cpu", cpu, process.execPath];
}

function writeNoise(addon: string): void {
  writeFileSync(
    addon,
    Uint8Array.from({ length: 100_000 }, (_, i) => (i * i * 31 + 7) % 251),
  );
}

function empty(addon: string): void {
  truncateSync(addon);
}

function halve(addon: string): void {
  truncateSync(addon, Math.floor(readFileSync(addon).length / 2));
}

function forSparc(addon: string): void {
  const bytes = readFileSync(addon);
  bytes.writeUInt16LE(43, 18); // e_machine of the ELF header
  writeFileSync(addon, bytes);
}

function compileNothing(addon: string): void {
  execFileSync("cc", ["-shared", "-x", "c", "-o", addon, "/dev/null"]);
  chmodSync(addon, 0o644);
}

let reference: Report;
beforeAll(() => {
  const { folder } = install(source);
  reference = use(folder, { env: { STRIATE_BACKEND: "reference" } }).report;
});

describe("installed in an empty project", () => {
  test.each(cases)("$name", ({ spoil, under, command, says, isa, ...installation }) => {
    const project = install(installation);
    expect(project.npm).toMatchObject({ status: 0, signal: null });
    let { folder } = project;
    if (spoil ?? under) {
      folder = copyOf(project);
      spoil?.(join(folder, "node_modules/striate", addon()));
      expect(rebuild(folder, installation, under)).toMatchObject({ status: 0, signal: null });
    }
    const { report, stderr } = use(folder, { command });
    expectSameValues(report, reference);
    if (says) {
      expect(report).toMatchObject({ backend: "reference", loadError: expect.stringMatching(says) as string });
      expect(stderr).toBe(
        `striate: using the reference backend (pure TypeScript, much slower), since the native addon did not load: ${report.loadError!}\n`,
      );
    } else {
      expect({ ...report, stderr }).toMatchObject({ backend: "native", stderr: "" });
      expect(report.loadError).toBeUndefined();
      if (isa !== undefined) expect(report.isa).toBe(isa);
    }
  });

  test("with STRIATE_NATIVE=require and neither addon nor compiler, npm fails and says why", () => {
    const { npm } = install({ ...source, env: { STRIATE_NATIVE: "require" } });
    expect(npm.status).not.toBe(0);
    expect(npm.stderr).toContain(
      "striate: the native addon could not be built (a C++20 compiler, make and Python are needed)",
    );
  });
});

function addon(): string {
  return inject("packed").files.find(({ path }) => path.endsWith(".node"))!.path;
}
