// Runs the tests of what comes in from outside on an addon that the address and undefined behaviour sanitizers watch:
//
//     cmake -G Ninja -S native -B build-sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DSTRIATE_SANITIZE=address;undefined"
//     cmake --build build-sanitize
//     npm run test:asan
//
// Node.js is not built with them: their library has to be there before it. What V8 keeps at its end is no leak of ours.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

const root = join(import.meta.dirname, "..");
const addon = join(root, "build-sanitize/striate.node");
if (!existsSync(addon))
  throw new Error(`${addon}: there is no such addon; build it as the first lines of this file say`);
const compiler = process.env.CXX ?? "g++";
const library = execFileSync("sh", ["-c", `${compiler} -print-file-name=libasan.so`], { encoding: "utf8" }).trim();
const tests = [
  "test/native/addon.test.ts",
  "test/faults/tensors.test.ts",
  "test/training/run.test.ts",
  "test/training/model.test.ts",
];
const { status } = spawnSync(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", ...tests], {
  cwd: root,
  stdio: "inherit",
  env: {
    ...process.env,
    LD_PRELOAD: library,
    STRIATE_BACKEND: "native",
    STRIATE_ADDON_PATH: addon,
    ASAN_OPTIONS: "detect_leaks=0:allocator_may_return_null=1",
    UBSAN_OPTIONS: "print_stacktrace=1",
  },
});
process.exitCode = status ?? 1;
