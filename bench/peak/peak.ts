/** The FMA peak of this machine, measured by a small C++ program that is compiled here. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("peak.cc", import.meta.url));

export class PeakMeter {
  private constructor(private readonly program: string) {}

  /**
   * @param folder for the compiled program, which is kept
   * @returns the reason where there is no meter: percentages are then left out
   */
  static build(folder: string): PeakMeter | string {
    const program = join(folder, process.platform === "win32" ? "peak.exe" : "peak");
    const compiler = process.env["CXX"] ?? "c++";
    try {
      if (!existsSync(program) || statSync(program).mtimeMs < statSync(source).mtimeMs) {
        mkdirSync(folder, { recursive: true });
        const flags = ["-std=c++17", "-O2", "-march=native", "-ffp-contract=fast", "-pthread"];
        execFileSync(compiler, [...flags, source, "-o", program], { stdio: ["ignore", "ignore", "pipe"] });
      }
      const meter = new PeakMeter(program);
      meter.measure(1);
      return meter;
    } catch (error) {
      return `${compiler} did not give a program that runs (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
    }
  }

  /** GFLOP/s of so many threads together, a multiply-add counting 2. */
  measure(threads: number): number {
    return Number(execFileSync(this.program, [String(threads)], { encoding: "utf8" }));
  }
}
