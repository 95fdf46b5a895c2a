/** Declares all that the native backend must do, on the instruction set of this process, with one thread and with two. */
import { expect, it } from "vitest";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { declareGoldens } from "./goldenSuite.js";
import { declareTrainingGoldens } from "./goldenTraining.js";
import { declareCases, declareGraphs, declareState } from "./suite.js";

export function declareNative(): void {
  const backend = nativeBackend();
  const counts = [1, 2];
  const set = (count: number): void => backend.addon.setThreads(count);
  it("runs on the instruction set that was asked for", () => {
    const asked = process.env["STRIATE_ISA"];
    if (asked !== undefined) expect(backend.info().isa).toBe(asked);
    else expect(["sse2", "avx2", "avx512", "neon"]).toContain(backend.info().isa);
  });
  declareCases(backend, { counts, set });
  declareGraphs(
    backend,
    counts.map((count) => () => set(count)),
  );
  declareState(backend);
  declareGoldens(backend);
  declareTrainingGoldens(backend);
}
