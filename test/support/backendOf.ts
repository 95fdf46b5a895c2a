/** For tests of what chooses its backend itself, such as eager calls: one file, and so one process, for each backend. */
import { expect, it } from "vitest";
import type { BackendName } from "../../lib/backend/backend.js";
import { backendInfo } from "../../lib/backend/select.js";
import { nativeRounding, referenceRounding, type Rounding } from "./oracle/tensor.js";

/** Chooses the backend of this process, before anything has run, and tells its arithmetic. */
export function useBackend(name: BackendName): Rounding {
  process.env["STRIATE_BACKEND"] = name;
  it(`runs on the ${name} backend`, () => expect(backendInfo().backend).toBe(name));
  return name === "native" ? nativeRounding : referenceRounding;
}
