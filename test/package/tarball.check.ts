/** What is published: its size, its types, and which systems its binary loads on. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { glibc, install } from "./project.js";
import { run } from "./npm.js";
import { runtime } from "./runtimes.js";

const { size, unpackedSize, files } = inject("packed");
const { prebuilt } = inject("tarballs");
const root = join(import.meta.dirname, "../..");
const addons = files.map(({ path }) => path).filter((path) => path.endsWith(".node"));

describe("the tarball", () => {
  test("carries the addon of this platform and no other", () => {
    const libc = process.platform === "linux" && !glibc ? "musl" : "glibc";
    expect(addons).toEqual([`prebuilds/${process.platform}-${process.arch}/striate.${libc}.node`]);
  });

  test("is below 5 MB, packed and unpacked", () => {
    expect(size).toBeLessThan(5e6);
    expect(unpackedSize).toBeLessThan(5e6);
  });

  test("has what a build takes, and neither tests nor benches nor maps", () => {
    const paths = files.map(({ path }) => path);
    for (const needed of ["binding.gyp", "scripts/install.cjs", "scripts/sources.cjs", "native/binding/addon.cc"]) {
      expect(paths).toContain(needed);
    }
    expect(paths.filter((path) => /(^|\/)test\/|^bench\/|\.map$|\.test\./.test(path))).toEqual([]);
  });

  test("satisfies publint and are-the-types-wrong", () => {
    const publint = run(["npx", "publint", "run", prebuilt, "--strict"], { cwd: root });
    expect(publint).toMatchObject({ status: 0, stdout: expect.stringContaining("All good!") as string });
    const types = run(["npx", "attw", prebuilt, "--profile", "esm-only", "--no-definitely-typed"], { cwd: root });
    expect(types).toMatchObject({ status: 0, stdout: expect.stringContaining("node16 (from ESM)") as string });
  });
});

if (glibc) {
  describe("the addon in it", () => {
    test("asks for no symbol newer than glibc 2.28 and the C++ library of gcc 8, nor than Node.js 20 itself", () => {
      const { folder } = install({ tarball: "prebuilt", bare: true });
      const wanted = versionsOf(join(folder, "node_modules", "striate", addons[0]!));
      const promised = { GLIBC: "2.28", GLIBCXX: "3.4.25", CXXABI: "1.3.11", GCC: "8" };
      expect(newerThan(promised, wanted)).toEqual([]);
      expect(newerThan(promised, versionsOf(runtime("node20")))).toEqual([]);
    });

    test("exports what Node.js asks for, and links what Node.js links", () => {
      const { folder } = install({ tarball: "prebuilt", bare: true });
      const addon = join(folder, "node_modules", "striate", addons[0]!);
      const exported = objdump("-T", addon).flatMap((line) => / g .*\.text.* (\w+)$/.exec(line)?.[1] ?? []);
      expect(exported.sort()).toEqual(["napi_register_module_v1", "node_api_module_get_api_version_v1"]);
      const needed = (file: string): string[] =>
        objdump("-p", file).flatMap((line) => /NEEDED +(\S+)/.exec(line)?.[1] ?? []);
      expect(needed(runtime("node20"))).toEqual(expect.arrayContaining(needed(addon)));
    });
  });
}

type Versions = Record<string, readonly string[]>;

/** `GLIBC: ["2.2.5", "2.14"]` and the like, of the symbols that a binary takes from elsewhere. */
function versionsOf(file: string): Versions {
  const versions: Record<string, string[]> = {};
  for (const line of objdump("-T", file)) {
    const [, library, version] = /\*UND\*.*\(([A-Z]+)_([\d.]+)\)/.exec(line) ?? [];
    if (library !== undefined) (versions[library] ??= []).push(version!);
  }
  expect(Object.keys(versions)).toContain("GLIBC");
  return versions;
}

function newerThan(promised: Record<string, string>, wanted: Versions): string[] {
  return Object.entries(wanted).flatMap(([library, versions]) =>
    versions
      .filter((version) => promised[library] === undefined || compareVersions(version, promised[library]) > 0)
      .map((version) => `${library}_${version}`),
  );
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}

function objdump(option: string, file: string): string[] {
  return execFileSync("objdump", [option, file], { encoding: "utf8", maxBuffer: 1e9 }).split("\n");
}
