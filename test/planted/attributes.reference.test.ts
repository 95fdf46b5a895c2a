/** The suite can fail: attributes read wrongly by kernels of the reference backend, and the list is complete. */
import { vi } from "vitest";
import type { ReferenceKernel } from "../../lib/backend/reference/kernel.js";
import type { OpName } from "../../lib/graph/opSchema.js";
import type { AttributeBug } from "./attributeBugs.js";

const planted = vi.hoisted(() => ({ op: undefined as string | undefined, bug: undefined as AttributeBug | undefined }));

// Behind the verifier, which would refuse most of them: sizes no longer fit.
vi.mock("../../lib/backend/reference/kernels.js", async (importOriginal) => {
  const original = await importOriginal<{ kernelOf: (op: OpName) => ReferenceKernel }>();
  const kernelOf = (op: OpName): ReferenceKernel => {
    const kernel = original.kernelOf(op);
    const { bug } = planted;
    if (bug === undefined || planted.op !== op) return kernel;
    return {
      ...kernel,
      run: (operands, attributes, context) => kernel.run(operands, bug({ ...attributes }) as never, context),
    };
  };
  return { ...original, kernelOf };
});

const { referenceBackend } = await import("../../lib/backend/reference/index.js");
const { declareAttributeBugs, declareCompleteness } = await import("./attributeSuite.js");

declareCompleteness();
declareAttributeBugs((op, bug, body) => {
  Object.assign(planted, { op, bug });
  try {
    return body(referenceBackend);
  } finally {
    planted.bug = undefined;
  }
}, /elements wrong/);
