/** The suite can fail: each bug planted in a kernel of the reference backend must fail at least one case of its op. */
import { describe, expect, it, vi } from "vitest";
import type { ReferenceKernel } from "../../lib/backend/reference/kernel.js";
import type { OpName } from "../../lib/graph/opSchema.js";
import { rooms } from "../cases/index.js";
import { failuresOf } from "../support/runCase.js";
import type { PlantedKernel } from "./kernelBugs.js";

const planted = vi.hoisted(() => ({
  op: undefined as string | undefined,
  bug: undefined as PlantedKernel | undefined,
}));

vi.mock("../../lib/backend/reference/kernels.js", async (importOriginal) => {
  const original = await importOriginal<{ kernelOf: (op: OpName) => ReferenceKernel }>();
  const kernelOf = (op: OpName): ReferenceKernel => {
    const kernel = original.kernelOf(op);
    const { bug } = planted;
    if (bug === undefined || planted.op !== op) return kernel;
    return {
      ...kernel,
      run: (operands, attributes, context) =>
        bug.spoiled(
          () => kernel.run(operands, attributes, context),
          operands as never,
          attributes,
          context,
          kernel.run,
        ),
    };
  };
  return { ...original, kernelOf };
});

const { referenceBackend } = await import("../../lib/backend/reference/index.js");
const { kernelBugs } = await import("./kernelBugs.js");

const cases = Object.values(rooms).flatMap((room) => room.cases);

/** By a comparison: a bug that throws would prove nothing. */
const byComparison = /elements wrong|outside of its buffer/;

function isCaught(op: OpName): boolean {
  return cases.some(
    (stepCase) =>
      stepCase.op === op && failuresOf(stepCase, referenceBackend).some((failure) => byComparison.test(failure)),
  );
}

describe("a bug in a kernel is caught", () => {
  for (const bug of kernelBugs) {
    it.each(bug.ops)(`${bug.name}: %s`, (op) => {
      planted.bug = bug;
      planted.op = op;
      try {
        expect(isCaught(op)).toBe(true);
      } finally {
        planted.bug = undefined;
      }
    });
  }

  it("and without a bug nothing fails", () => {
    expect(isCaught("conv2d.backwardInput")).toBe(false);
    expect(isCaught("maxPool2d.backward")).toBe(false);
  });
});
