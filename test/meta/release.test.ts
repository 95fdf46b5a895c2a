/** What a release refuses, and the workflow that makes one. Staging itself is in test/package/release.check.ts. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { prebuildOf, stage, targets } from "../../scripts/release.js";
import { forgedAddon } from "../support/forgedAddon.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Case {
  readonly name: string;
  readonly options?: { readonly tag?: string; readonly repository?: string };
  /** Files that replace those of a whole release; undefined is none. */
  readonly files?: Readonly<Record<string, Buffer | undefined>>;
  /** A file that is in `out` already. */
  readonly before?: string;
  readonly says: string | RegExp;
}

const linux = forgedAddon(targets["linux-x64-glibc"]!);
const file = "linux-x64/striate.glibc.node";

function changed(bytes: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  change(copy);
  return copy;
}

const cases: Case[] = [
  {
    name: "a missing target",
    files: { "darwin-arm64/striate.glibc.node": undefined },
    says: /^release: .*prebuilds must have the addon of darwin-arm64, darwin-arm64\/striate\.glibc\.node$/,
  },
  {
    name: "another file",
    files: { "linux-x64/striate.glibc.node.old": linux },
    says: /^release: .*prebuilds must have the addons of the targets and nothing else, got linux-x64\/striate\.glibc\.node\.old$/,
  },
  {
    name: "the addon of another platform",
    files: { "freebsd-x64/striate.glibc.node": linux },
    says: /and nothing else, got freebsd-x64\/striate\.glibc\.node$/,
  },
  {
    name: "another libc",
    files: { "linux-x64/striate.musl.node": linux },
    says: "release: linux-x64/striate.musl.node must be an addon for linux-x64-musl, got linux-x64-glibc",
  },
  {
    name: "another processor",
    files: { "win32-x64/striate.glibc.node": forgedAddon({ os: "win32", cpu: "arm64" }) },
    says: "release: win32-x64/striate.glibc.node must be an addon for win32-x64, got win32-arm64",
  },
  {
    name: "a processor without kernels",
    files: { [file]: changed(linux, (copy) => copy.writeUInt16LE(43, 18)) },
    says: `release: ${file} must be an addon for linux-x64-glibc, got linux-processor 0x2b-glibc`,
  },
  {
    name: "another system",
    files: { "darwin-x64/striate.glibc.node": linux },
    says: "release: darwin-x64/striate.glibc.node must be an addon for darwin-x64, got linux-x64-glibc",
  },
  {
    name: "no libc",
    files: { [file]: changed(linux, (copy) => copy.fill(0, 600)) },
    says: `release: ${file} must be an addon for linux-x64-glibc, got linux-x64-unknown libc`,
  },
  {
    name: "half of an addon",
    files: { [file]: changed(linux, (copy) => copy.writeBigUInt64LE(4096n, 0x28)) },
    says: `release: ${file} must be an addon for linux-x64-glibc, got 1024 of 4096 bytes`,
  },
  {
    name: "a library that is no addon",
    files: { [file]: changed(linux, (copy) => copy.fill(0, 512, 600)) },
    says: "got a file without napi_register_module_v1, as addons have it",
  },
  { name: "an empty file", files: { [file]: Buffer.alloc(0) }, says: `for linux-x64-glibc, got no binary` },
  {
    name: "noise",
    files: { [file]: changed(linux, (copy) => copy.fill(0xaa, 0, 64)) },
    says: "got no 64-bit ELF, Mach-O or PE file",
  },
  {
    name: "an addon for a universal macOS",
    files: { "darwin-x64/striate.glibc.node": changed(linux, (copy) => copy.writeUInt32BE(0xcafebabe)) },
    says: "must be an addon for darwin-x64, got no 64-bit ELF, Mach-O or PE file",
  },
  {
    name: "an addon that is too large",
    files: { "darwin-x64/striate.glibc.node": Buffer.concat([forgedAddon(targets["darwin-x64"]!), Buffer.alloc(5e6)]) },
    says: /^release: darwin-x64 must take 5000000 bytes at most with striate, got \d{7}$/,
  },
  {
    name: "the tag of another version",
    options: { tag: "v99.0.0" },
    says: /^release: the tag must be v\d+\.\d+\.\d+, the version in package\.json, got v99\.0\.0$/,
  },
  {
    name: "a repository that is no address",
    options: { repository: "striate" },
    says: "release: the repository must be an address such as https://github.com/owner/name, got striate",
  },
  { name: "a folder in use", before: "striate/old.js", says: /^release: .*out must be empty, got striate\/old\.js$/ },
];

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "striate-release-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, bytes: Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), bytes);
}

describe("a release refuses", () => {
  test.each(cases)("$name", ({ options, files = {}, before, says }) => {
    const whole = Object.values(targets).map((target) => [prebuildOf(target), forgedAddon(target)] as const);
    for (const [path, bytes] of Object.entries({ ...Object.fromEntries(whole), ...files })) {
      if (bytes) write(join("prebuilds", path), bytes);
    }
    if (before !== undefined) write(join("out", before), Buffer.alloc(0));
    const out = join(folder, "out");
    expect(() => stage({ prebuilds: join(folder, "prebuilds"), out, ...options })).toThrow(says);
    expect(existsSync(out)).toBe(before !== undefined);
  });
});

interface Step {
  readonly uses?: string;
  readonly if?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, string>>;
}
interface Job {
  readonly needs?: readonly string[];
  readonly permissions?: Readonly<Record<string, string>>;
  readonly strategy?: { readonly matrix: { readonly include: readonly { readonly name: string; runner: string }[] } };
  readonly steps: readonly Step[];
}

describe("the workflow", () => {
  const text = readFileSync(join(root, ".github/workflows/release.yml"), "utf8");
  const { jobs } = parse(text) as { jobs: Readonly<Record<string, Job>> };
  const { publish, ...builds } = jobs as { publish: Job } & Record<string, Job>;

  test("builds every target that a release has, and no other", () => {
    const built = Object.values(builds).flatMap((job) => job.strategy!.matrix.include.map(({ name }) => name));
    expect(built.sort()).toEqual(Object.keys(targets).sort());
  });

  test("each job keeps the folder that the last one puts together", () => {
    const keep = { name: "prebuilds-${{ matrix.name }}", path: "prebuilds", "if-no-files-found": "error" };
    for (const { steps } of Object.values(builds)) {
      expect(steps.at(-1)).toEqual({ uses: "actions/upload-artifact@v4", with: keep });
    }
    expect(publish.needs).toEqual(Object.keys(builds));
    expect(publish.steps).toContainEqual({
      uses: "actions/download-artifact@v4",
      with: { pattern: "prebuilds-*", path: "prebuilds", "merge-multiple": true },
    });
  });

  test("publishes for a tag only, with provenance, the package after those that it names", () => {
    const publishing = publish.steps.filter(({ run }) => run?.includes("npm publish"));
    expect(publishing).toHaveLength(1);
    expect(publishing[0]!.if).toBe("github.ref_type == 'tag'");
    expect(publishing[0]!.run).toContain("for folder in build-release/striate-* build-release/striate; do");
    expect(publishing[0]!.run).toContain("--provenance");
    expect(publish.permissions).toEqual({ contents: "read", "id-token": "write" });
  });
});
