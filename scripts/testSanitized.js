// Runs the tests of what comes in from outside on an addon that sanitizers watch: "address" with undefined behaviour, or
// "thread".
//
//     npx cmake-js build -d native -B RelWithDebInfo -O build-sanitize "--CDSTRIATE_SANITIZE=address;undefined"
//     npm run test:asan
//
//     npx cmake-js build -d native -B RelWithDebInfo -O build-tsan --CDSTRIATE_SANITIZE=thread
//     npm run test:tsan
//
// Node.js is not built with them: their library has to be there before it. What V8 keeps at its end is no leak of ours, and
// what its own threads do, whose atomics nobody watches, no race of ours: of the reports of races those count where the addon
// itself is at one of the places that meet, and not only called V8, which collected garbage just then.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import console from "node:console";
import process from "node:process";

/** @type {Readonly<Record<string, { build: string, library: string, wrapper: string[] }>>} */
const sanitizers = {
  address: { build: "build-sanitize", library: "libasan.so", wrapper: [] },
  // Its shadow memory takes fixed addresses, where randomised ones of today's kernels may lie.
  thread: { build: "build-tsan", library: "libtsan.so", wrapper: ["setarch", "--addr-no-randomize"] },
};
const name = process.argv[2] ?? "";
const sanitizer = sanitizers[name];
if (!sanitizer)
  throw new Error(`testSanitized: expects one of ${Object.keys(sanitizers).join(", ")}, got ${JSON.stringify(name)}`);

const root = join(import.meta.dirname, "..");
const addon = join(root, sanitizer.build, "RelWithDebInfo/striate.node");
if (!existsSync(addon))
  throw new Error(`${addon}: there is no such addon; build it as the first lines of this file say`);
const compiler = process.env.CXX ?? "g++";
const library = execFileSync("sh", ["-c", `${compiler} -print-file-name=${sanitizer.library}`], { encoding: "utf8" });
const tests = [
  "test/native/addon.test.ts",
  "test/faults/tensors.test.ts",
  "test/training/run.test.ts",
  "test/training/model.test.ts",
  "test/training/predictor.test.ts",
];
const reports = mkdtempSync(join(tmpdir(), "striate-sanitizer-"));
const [command, ...args] = /** @type {[string, ...string[]]} */ ([
  ...sanitizer.wrapper,
  process.execPath,
  join(root, "node_modules/vitest/vitest.mjs"),
  "run",
  ...tests,
]);
const { status } = spawnSync(command, args, {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    LD_PRELOAD: library.trim(),
    STRIATE_BACKEND: "native",
    STRIATE_ADDON_PATH: addon,
    ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1",
    UBSAN_OPTIONS: "print_stacktrace=1",
    TSAN_OPTIONS: `exitcode=0:allocator_may_return_null=1:log_path=${join(reports, "report")}`,
  },
});
const separator = "==================";
const ours = readdirSync(reports)
  .flatMap((file) => readFileSync(join(reports, file), "utf8").split(separator))
  .filter(name === "thread" ? meetsInAddon : (report) => report.includes("striate.node"));
rmSync(reports, { recursive: true });
for (const report of ours.slice(0, 20)) console.error(report);
if (name === "thread") console.log(`${ours.length} reports of the thread sanitizer meet in the addon`);
process.exitCode = status === 0 && ours.length > 0 ? 1 : (status ?? 1);

/**
 * Whether one of the stacks that a report of the thread sanitizer compares ends in the addon; those that tell where memory,
 * mutexes and threads come from do not count, nor do the frames of libraries that the addon calls.
 * @param {string} report
 */
function meetsInAddon(report) {
  return report
    .split(/\n\s*\n/)
    .filter((stack) => !/^\s*(Location is|Thread T|Mutex M\d+ .*created|Mutex M\d+ is)/.test(stack))
    .map((stack) => stack.split("\n").find((line) => /\((node|striate\.node)\+/.test(line)) ?? "")
    .some((frame) => frame.includes("(striate.node+"));
}
