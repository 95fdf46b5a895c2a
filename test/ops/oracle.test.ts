/** The judge on trial: each gradient oracle against finite differences of the forward oracle, all in float64. */
import { describe, expect, it } from "vitest";
import { rooms } from "../cases/index.js";
import { gradientOracles } from "../support/oracle/gradients.js";
import { type Bounded, oracles, referenceRounding, type Tensor, tensor } from "../support/oracle/index.js";
import { Random } from "../support/random.js";
import { drawOperands, type StepCase } from "../support/stepCase.js";

const step = 1e-7;

interface Setting {
  readonly stepCase: StepCase;
  readonly operands: readonly (Tensor | undefined)[];
  readonly dy: Tensor;
}

const contextOf = ({ rows, results }: StepCase) => ({
  rounding: referenceRounding,
  shapes: results.flatMap((r) => (r === undefined ? [] : [r.shape])),
  rows,
  learningRate: 0,
});

function forward({ stepCase }: Setting, operands: readonly (Tensor | undefined)[]): Bounded[] {
  return oracles[stepCase.op]!(operands, stepCase.attributes, contextOf(stepCase));
}

/** Σ dy * y with `operand` moved by `distance` along `direction`. */
function moved(setting: Setting, operand: number, direction: readonly number[], distance: number): number {
  const operands = setting.operands.map((t, i) =>
    i === operand ? { shape: t!.shape, data: t!.data.map((v, j) => v + distance * direction[j]!) } : t,
  );
  return forward(setting, operands)[0]!.data.reduce((total, y, i) => total + y * setting.dy.data[i]!, 0);
}

/** undefined: the function has a kink here. */
function slopeAlong(setting: Setting, operand: number, direction: readonly number[]): number | undefined {
  const middle = moved(setting, operand, direction, 0);
  const right = (moved(setting, operand, direction, step) - middle) / step;
  const left = (middle - moved(setting, operand, direction, -step)) / step;
  const scale = Math.abs(left) + Math.abs(right) + 1;
  return Math.abs(right - left) > 1e-4 * scale ? undefined : (left + right) / 2;
}

const isFinite = (values: readonly (Float64Array | undefined)[]): boolean =>
  values.every((v) => v?.every(Number.isFinite) ?? true);

function settings(op: string): Setting[] {
  return Object.values(rooms)
    .flatMap((room) => room.cases)
    .filter((c) => c.op === op && c.build !== undefined)
    .flatMap((stepCase) => {
      const values = drawOperands(stepCase);
      if (!isFinite(values)) return [];
      const operands = stepCase.operands.map((spec, i) => spec && tensor(spec.shape, values[i]!));
      const random = new Random(`dy of ${stepCase.name}`);
      const shape = stepCase.results[0]!.shape;
      const dy = tensor(
        shape,
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
      );
      return [{ stepCase, operands, dy }];
    })
    .filter(({ operands }) => operands.every((t) => (t?.data.length ?? 0) < 3000));
}

describe("gradient oracles agree with finite differences", () => {
  it.each(Object.keys(gradientOracles))("%s", (op) => {
    let checked = 0;
    for (const setting of settings(op)) {
      const { stepCase, operands, dy } = setting;
      const context = contextOf(stepCase);
      const gradients = gradientOracles[op]!(operands, forward(setting, operands), dy, stepCase.attributes, context);
      gradients.forEach((gradient, operand) => {
        if (gradient === undefined || stepCase.operands[operand]?.dtype === "u8") return;
        const random = new Random(`direction ${stepCase.name} ${String(operand)}`);
        const size = gradient.data.length;
        const single = random.integer(size);
        const directions = [
          Array.from({ length: size }, () => random.normal()),
          Array.from({ length: size }, (_, i) => (i === single ? 1 : 0)),
        ];
        for (const direction of directions) {
          const slope = slopeAlong(setting, operand, direction);
          if (slope === undefined) continue;
          const want = gradient.data.reduce((total, g, i) => total + g * direction[i]!, 0);
          const scale = gradient.data.reduce((total, g, i) => total + Math.abs(g * direction[i]!), 1e-3);
          // what passes for smooth, and the cancellation of two sums of this size
          const largest = forward(setting, operands)[0]!.data.reduce(
            (total, y, i) => total + Math.abs(y * dy.data[i]!),
            0,
          );
          const tolerance = 1e-4 * (2 * Math.abs(slope) + 1 + scale) + (4e-16 * largest) / step;
          checked++;
          expect(
            Math.abs(slope - want),
            `${stepCase.name}, operand ${String(operand)}: ${String(slope)} and ${String(want)}`,
          ).toBeLessThan(tolerance);
        }
      });
    }
    expect(checked, "every op must be checked away from its kinks").toBeGreaterThan(3);
  });
});
