/** lib/ops against the tables: the step a graph lowers to, and the sentence of every refusal. */
import { describe, expect, it } from "vitest";
import { StriateError } from "../../lib/errors.js";
import { rooms } from "../cases/index.js";
import { graphs } from "../cases/graphs.js";
import { fusedSteps } from "../support/graphRun.js";
import { loweringFailures } from "../support/valueCase.js";

describe("a graph lowers to the step of its table", () => {
  for (const [room, { cases }] of Object.entries(rooms)) {
    const built = cases.filter(({ build }) => build !== undefined);
    if (built.length === 0) continue;
    it(room, () => {
      const failures = built.flatMap((stepCase) =>
        loweringFailures(stepCase).map((failure) => `${stepCase.name}: ${failure}`),
      );
      expect(failures.join("\n")).toBe("");
    });
  }
});

describe("a graph fuses to these steps", () => {
  it.each(graphs.filter(({ steps }) => steps !== undefined))("$name", (graphCase) => {
    expect(fusedSteps(graphCase)).toEqual(graphCase.steps);
  });
});

describe("a refusal says what is wrong", () => {
  for (const [room, { errors }] of Object.entries(rooms)) {
    it.each(errors)(`${room}: $name`, ({ build, code, message }) => {
      let caught: unknown;
      try {
        build();
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(StriateError);
      const { code: gotCode, message: gotMessage } = caught as StriateError;
      if (typeof message === "string") expect(gotMessage).toBe(message);
      else expect(gotMessage).toMatch(message);
      expect(gotCode).toBe(code);
    });
  }
});
