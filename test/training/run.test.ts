import { describe, expect, test } from "vitest";
import { run, runAsync, tensor } from "../../lib/index.js";
import { add, conv2d, relu, rescale, softmaxCrossEntropy, type Value } from "../../lib/ops/index.js";

const image = tensor([1, 3, 3, 1], Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
const laplacian = tensor([3, 3, 1, 1], Float32Array.of(0, 1, 0, 1, -4, 1, 0, 1, 0));
const filter = (x: Value, k: Value): Value => conv2d(x, k, { padding: "same" });
/** By hand: the sum of the neighbours (0 outside) less four times the pixel. */
const filtered = [2, 1, -4, -3, 0, -7, -16, -11, -22];

describe("eager calls", () => {
  test("apply ops to arrays", async () => {
    const result = run(filter, image, laplacian);
    expect(result.shape).toEqual([1, 3, 3, 1]);
    expect([...result.data]).toEqual(filtered);
    expect(await runAsync(filter, image, laplacian)).toEqual(result);
  });

  test("the same function with other options, shapes or values is another call", () => {
    const relued = run((x, k) => relu(filter(x, k)), image, laplacian);
    expect([...relued.data]).toEqual(filtered.map((value) => Math.max(0, value)));
    const doubled = run((x) => add(x, x), image);
    expect([...doubled.data]).toEqual([...image.data].map((value) => 2 * value));
    const valid = run((x, k) => conv2d(x, k), image, laplacian);
    expect(valid).toEqual({ shape: [1, 1, 1, 1], data: Float32Array.of(0) });
  });

  test("bytes and labels", () => {
    expect([...run((x) => rescale(x, { scale: 0.5 }), tensor([3], Uint8Array.of(0, 128, 255))).data]).toEqual([
      0, 64, 127.5,
    ]);
    const logits = tensor([2, 2], new Float32Array(4));
    const loss = run((x, labels) => softmaxCrossEntropy(x, labels).loss, logits, tensor([2], Int32Array.of(0, 1)));
    expect(loss.data[0]).toBe(Math.fround(Math.LN2));
  });

  test.each<[string, () => unknown, string]>([
    [
      "an argument that is not used",
      () => run((x) => relu(x), image, laplacian),
      "run: the function uses 1 of its 2 arguments",
    ],
    [
      "data that does not fill its shape",
      () => run(relu, { shape: [4], data: new Float32Array(3) }),
      "run: argument 0 of shape [4] needs 4 elements, at least one, got 3",
    ],
    [
      "an array of another type",
      () => run(relu, { shape: [1], data: new Float64Array(1) } as never),
      "run: argument 0 must be a tensor, { shape, data }: data must hold a Float32Array, an Int32Array or a Uint8Array, got the shape [1] with Float64Array",
    ],
    [
      "labels out of range",
      () =>
        run(
          (x, l) => softmaxCrossEntropy(x, l).loss,
          tensor([1, 2], new Float32Array(2)),
          tensor([1], Int32Array.of(2)),
        ),
      "label",
    ],
  ])("refuse %s", (_, act, message) => {
    expect(act).toThrow(message);
  });
});
