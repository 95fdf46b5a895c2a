/** Declares the attribute bugs on one backend. */
import { describe, expect, it } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import { rooms } from "../cases/index.js";
import { failuresOf } from "../support/runCase.js";
import { sizeOf } from "../support/oracle/index.js";
import type { StepCase } from "../support/stepCase.js";
import { type AttributeBug, attributeBugs, harmlessAttributes } from "./attributeBugs.js";

/** The smallest cases of the op that the bug changes. */
function affected(op: OpName, bug: AttributeBug): StepCase[] {
  const changed = ({ attributes }: StepCase): boolean => {
    const spoiled = bug({ ...attributes });
    return Object.keys(attributes).some((name) => spoiled[name] !== attributes[name]);
  };
  const elements = ({ operands }: StepCase): number =>
    operands.reduce((sum, spec) => sum + (spec === undefined ? 0 : sizeOf(spec.shape)), 0);
  return Object.values(rooms)
    .flatMap((room) => room.cases)
    .filter((stepCase) => stepCase.op === op && changed(stepCase))
    .sort((a, b) => elements(a) - elements(b));
}

/**
 * @param plant runs the cases with the bug in place
 * @param caught what a failure that counts looks like
 */
export function declareAttributeBugs(
  plant: (op: OpName, bug: AttributeBug, body: (backend: Backend) => boolean) => boolean,
  caught: RegExp,
): void {
  describe("an attribute read wrongly is caught", () => {
    for (const { name, ops, bug } of attributeBugs) {
      it.each(ops)(`${name}: %s`, (op) => {
        const found = plant(op, bug, (backend) =>
          affected(op, bug).some((stepCase) =>
            failuresOf(stepCase, backend, { layouts: ["dense", "constant"] }).some((failure) => caught.test(failure)),
          ),
        );
        expect(found).toBe(true);
      });
    }
  });
}

/** Every attribute of every op is read wrongly by some bug. */
export function declareCompleteness(): void {
  it.each(Object.keys(opSchemas) as OpName[])("every attribute of %s has a bug", (op) => {
    const untouched = opSchemas[op].attributes.filter((attribute) => {
      if (attribute in harmlessAttributes) return false;
      return !attributeBugs.some(({ ops, bug }) => {
        // values that no two attributes share, and that every bug changes
        const values = Object.fromEntries(opSchemas[op].attributes.map((name, i) => [name, 1.5 + i]));
        return ops.includes(op) && bug(values)[attribute] !== values[attribute];
      });
    });
    expect(untouched).toEqual([]);
  });
}
