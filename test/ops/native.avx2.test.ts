/** The same with avx2 on a machine whose best set is avx512: its own process, its own environment. */
import { it } from "vitest";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { declareNative } from "../support/nativeSuite.js";

const asked = process.env["STRIATE_ISA"];
if (nativeBackend().info().isa === "avx512" && asked === undefined) {
  process.env["STRIATE_ISA"] = "avx2";
  declareNative();
} else {
  it.skip("runs on avx2, where the best set is avx512", () => undefined);
}
