// The release build (binding.gyp) and the development build (CMake) must compile the same files with the flags that decide
// about results. Both build systems are really run, up to the list of compiler commands each of them writes.
import { spawnSync } from "node:child_process";
import { existsSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const hasTool = (name: string): boolean => spawnSync(name, ["--version"]).status === 0;
// Neither tool is needed to use or test the package; where STRIATE_REQUIRE_TOOLS is set (CI) a missing one fails.
const required = process.env["STRIATE_REQUIRE_TOOLS"] === "1";
const posix = process.platform !== "win32";

/** The flags that must be the same in both builds, by file relative to the root. */
type Commands = Map<string, string[]>;

const decisive = /^-(m(?!64$)|std=|ffp-contract|fno-math-errno|f(no-)?exceptions$|f(no-)?rtti$|ffast|O)/;

function readCommands(file: string, base: string): Commands {
  const entries = JSON.parse(readFileSync(file, "utf8")) as { file: string; command: string }[];
  const commands: Commands = new Map();
  for (const entry of entries) {
    const path = relative(base, entry.file).split(sep).join("/");
    if (!path.startsWith("native/")) continue;
    expect(commands.has(path), `${path} is compiled twice`).toBe(false);
    const flags = entry.command.split(" ").map((flag) => flag.replaceAll('"', ""));
    const chosen = new Set(flags.filter((flag) => decisive.test(flag)));
    // The compiler's defaults, and the position of a flag that was removed again.
    if (chosen.has("-fexceptions")) chosen.delete("-fno-exceptions");
    chosen.delete("-fexceptions");
    commands.set(path, [...chosen].sort());
  }
  return commands;
}

function run(command: string, args: string[], cwd: string): void {
  const result = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${command} ${args.join(" ")}\n${result.stdout}\n${result.stderr}`);
}

function gypCommands(folder: string): Commands {
  // node-gyp always writes to ./build, which must stay: it configures a look-alike of the package.
  cpSync(join(root, "binding.gyp"), join(folder, "binding.gyp"));
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  for (const name of ["native", "scripts", "node_modules"]) symlinkSync(join(root, name), join(folder, name), "dir");
  const prefix = join(dirname(process.execPath), "..");
  const headers = existsSync(join(prefix, "include", "node", "node_api.h")) ? [`--nodedir=${prefix}`] : [];
  const gyp = join(root, "node_modules", "node-gyp", "bin", "node-gyp.js");
  run(process.execPath, [gyp, "configure", "--release", ...headers, "--", "-f", "compile_commands_json"], folder);
  return readCommands(join(folder, "build", "Release", "compile_commands.json"), folder);
}

function cmakeCommands(folder: string): Commands {
  run("cmake", ["-S", join(root, "native"), "-B", folder, "-DCMAKE_BUILD_TYPE=Release", "-DSTRIATE_TESTS=OFF"], root);
  return readCommands(join(folder, "compile_commands.json"), root);
}

/** Of the files of an instruction set; none for what every processor of the architecture has. */
const wideFlags: Readonly<Record<string, readonly string[]>> = {
  avx2: ["-mavx2", "-mfma"],
  avx512: ["-mavx2", "-mavx512bw", "-mavx512dq", "-mavx512f", "-mavx512vl", "-mfma"],
};

function nativeFiles(): string[] {
  return readdirSync(join(root, "native"), { recursive: true, encoding: "utf8" })
    .map((path) => `native/${path.split(sep).join("/")}`)
    .filter((path) => path.endsWith(".cc") && !path.startsWith("native/test/"));
}

describe.runIf(posix && (required || (hasTool("cmake") && hasTool("python3"))))("native sources", () => {
  const folders: string[] = [];
  let gyp: Commands;
  let cmake: Commands;

  beforeAll(() => {
    for (const name of ["gyp", "cmake"]) folders.push(mkdtempSync(join(tmpdir(), `striate-${name}-`)));
    gyp = gypCommands(folders[0]!);
    cmake = cmakeCommands(folders[1]!);
  });
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });

  it("are the same in binding.gyp and CMake", () => {
    expect(gyp.size).toBeGreaterThan(0);
    expect([...cmake.keys()].sort()).toEqual([...gyp.keys()].sort());
  });

  it("are compiled with the same instruction sets and rounding", () => {
    for (const [file, flags] of gyp) expect(cmake.get(file), file).toEqual(flags);
  });

  it("leave out no file but those of other processors", () => {
    const foreign = process.arch === "x64" ? /_neon\.cc$/ : /_(sse2|avx2|avx512)\.cc$/;
    const expected = nativeFiles().filter((path) => !foreign.test(path));
    expect([...gyp.keys()].sort()).toEqual(expected.sort());
  });

  it("get wider instruction sets in their own files only", () => {
    for (const [file, flags] of gyp) {
      const wide = flags.filter((flag) => flag.startsWith("-m"));
      expect(wide, file).toEqual(wideFlags[/_(\w+)\.cc$/.exec(file)?.[1] ?? ""] ?? []);
    }
  });
});
