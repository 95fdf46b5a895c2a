/** C++ programs of the bench, compiled on the spot and kept. */
import { execFileSync } from "node:child_process";
import { mkdirSync, existsSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Beside the results. */
export const buildFolder = fileURLToPath(new URL("../build-bench", import.meta.url));

/**
 * @param source with its own headers in `headers`
 * @returns the program
 * @throws Error where there is no compiler, or it refuses
 */
export function compile(source: URL, flags: readonly string[], headers: readonly URL[] = []): string {
  const file = fileURLToPath(source);
  const program = join(buildFolder, basename(file, ".cc") + (process.platform === "win32" ? ".exe" : ""));
  const made = existsSync(program) ? statSync(program).mtimeMs : 0;
  if ([source, ...headers].some((each) => statSync(each).mtimeMs > made)) {
    mkdirSync(buildFolder, { recursive: true });
    const args = ["-std=c++17", "-O2", file, "-o", program, ...flags];
    execFileSync(process.env["CXX"] ?? "c++", args, { stdio: ["ignore", "ignore", "pipe"] });
  }
  return program;
}
