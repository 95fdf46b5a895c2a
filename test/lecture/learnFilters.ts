// "Let's learn these filters": a layer of one 3x3 filter sees images and the same images filtered, and finds the filter.
import { describe, expect, it } from "vitest";
import type { BackendName } from "../../lib/backend/backend.js";
import { RandomStream, run, sequential, sgd, tensor } from "../../lib/index.js";
import { conv2d } from "../../lib/ops/index.js";
import { useBackend } from "../support/backendOf.js";

const filters: readonly (readonly [string, readonly number[]])[] = [
  ["sharpen", [0, -1, 0, -1, 5, -1, 0, -1, 0]],
  ["edge", [-1, -1, -1, -1, 8, -1, -1, -1, -1]],
];

const count = 32;
const size = 16;

/** Images of noise: neighbouring pixels know nothing of each other. */
const images = (() => {
  const random = new RandomStream(1, "images");
  const data = Float32Array.from({ length: count * size * size }, () => random.uniform(-1, 1));
  return tensor([count, size, size, 1], data);
})();

/**
 * How far a learned weight may be from the true one. The mean squared error is a quadratic function of the weights whose
 * Hessian is 2 A, with A the mean of (patch)(patch)^T: for noise, the pixels' variance 1/3 on the diagonal and next to
 * nothing beside it. Each step multiplies the error by 1 - 2 rate A: with a rate of 0.75 by 1/2 in the middle, and by
 * less than 0.7 in every direction if all eigenvalues of A are within 0.25 to 0.8, which the test checks by its own
 * arithmetic. What 0.7^steps leaves of the first distance is far below what rounding leaves: the gradient's sums are of
 * predictions and targets, each rounded to 2^-24 of the largest sum of nine products, and the fixed point moves by as
 * much, divided by the smallest eigenvalue, in each of nine directions (a factor of 3 = sqrt(9) between the norms).
 */
const rate = 0.75;
const steps = 60;
const smallest = 0.25;
const largest = 0.8;

/** The matrix A of all patches, in float64. */
function patchMoments(): number[][] {
  const moments = Array.from({ length: 9 }, () => new Array<number>(9).fill(0));
  let patches = 0;
  for (let image = 0; image < count; image++) {
    for (let y = 0; y + 3 <= size; y++) {
      for (let x = 0; x + 3 <= size; x++) {
        const patch = Array.from({ length: 9 }, (_, tap) => {
          const row = image * size + y + Math.floor(tap / 3);
          return images.data[row * size + x + (tap % 3)]!;
        });
        patches++;
        patch.forEach((a, i) => patch.forEach((b, j) => (moments[i]![j]! += a * b)));
      }
    }
  }
  return moments.map((row) => row.map((sum) => sum / patches));
}

export function declareLearning(name: BackendName): void {
  useBackend(name);

  it("the images are noise enough: every eigenvalue of their patches lies where the derivation needs it", () => {
    // Gershgorin: within the sum of the others of a row's diagonal.
    patchMoments().forEach((row, i) => {
      const others = row.reduce((sum, value, j) => sum + (i === j ? 0 : Math.abs(value)), 0);
      expect(row[i]! - others).toBeGreaterThan(smallest);
      expect(row[i]! + others).toBeLessThan(largest);
    });
  });

  describe.each(filters)("%s", (_, weights) => {
    const filtered = run((x, w) => conv2d(x, w), images, tensor([3, 3, 1, 1], Float32Array.from(weights)));
    const magnitude = weights.reduce((sum, weight) => sum + Math.abs(weight), 0);
    const tolerance = (3 * 10 * magnitude * 2 ** -24) / smallest;

    it.each([1, 2, 3])("is found from random weights, seed %i", async (seed) => {
      const net = sequential([size, size, 1]).conv2d({ filters: 1, kernel: 3, useBias: false, name: "filter" });
      const model = net.model({ seed });
      const distance = (): number => {
        const { data } = model.parameters().get("filter.weight")!;
        return Math.max(...data.map((weight, i) => Math.abs(weight - weights[i]!)));
      };
      expect(distance()).toBeGreaterThan(1);
      const targets = filtered as { shape: [number, 14, 14, 1]; data: Float32Array };
      const history = await model.fit(
        { images, targets },
        {
          ...{ epochs: steps, batchSize: count, loss: "meanSquaredError" },
          optimizer: sgd({ learningRate: rate }),
        },
      );
      expect(distance()).toBeLessThanOrEqual(tolerance);
      expect(tolerance).toBeLessThan(2e-4);
      expect(history.epochs.length).toBe(steps);
    });
  });
}
