// Receptive fields against the net itself: which pixels change the output when they become NaN, which spreads to
// everything that reads it.
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { receptiveField } from "../../lib/formulas/index.js";
import { conv2d, defineLayer, relu, residual, stack } from "../../lib/layers/index.js";
import { sequential, type Branch, type Net } from "../../lib/layers/net.js";
import type { Shape } from "../../lib/shape/types.js";

/** First and last pixel along each axis that the output at [0, 0] and the one behind it depend on. */
function seen(net: Net<Shape, Shape>, output: readonly [number, number]) {
  const model = net.model({ backend: referenceBackend });
  const [height, width, channels] = net.inputShape as [number, number, number];
  const [, outW, outC] = net.outputShape as [number, number?, number?];
  const at = outW === undefined ? 0 : (output[0] * outW + output[1]) * outC!;
  const rows: number[] = [];
  const columns: number[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const image = new Float32Array(height * width * channels).fill(1);
      image.fill(NaN, (y * width + x) * channels, (y * width + x + 1) * channels);
      const { data } = model.predictSync({ shape: [1, height, width, channels], data: image });
      if (!Number.isNaN(data[at]!)) continue;
      rows.push(y);
      columns.push(x);
    }
  }
  return [
    [Math.min(...rows), Math.max(...rows)],
    [Math.min(...columns), Math.max(...columns)],
  ] as const;
}

const image = sequential([17, 14, 2]);
const nets: readonly (readonly [string, Branch])[] = [
  ["one convolution", image.conv2d({ filters: 2, kernel: [3, 5], padding: [1, 2] })],
  ["two", image.conv2d({ filters: 2, kernel: 3 }).relu().conv2d({ filters: 2, kernel: 3 })],
  ["dilated, strided", image.conv2d({ filters: 2, kernel: [3, 4], dilation: [2, 1], stride: [2, 1], rounding: "floor" })],
  ["behind a pool", image.maxPool2d({ size: 2, rounding: "floor" }).conv2d({ filters: 1, kernel: [3, 2] })],
  ["pools of all sorts", image.avgPool2d({ size: 3, stride: 2, padding: 1, rounding: "floor" }).maxPool2d({ size: 2, stride: 1 })],
  ["depthwise", image.depthwiseConv2d({ kernel: [1, 3] }).batchNorm().softmax()],
  ["a residual", image.apply(residual(stack(conv2d({ filters: 2, kernel: 3, padding: "same" }), relu())))],
  ["branches", image.conv2d({ filters: 1, kernel: 5, padding: 2 }).concat(image.conv2d({ filters: 1, kernel: [1, 3], padding: [0, 1] }))],
  ["a dense layer", image.conv2d({ filters: 1, kernel: 3 }).flatten().dense({ units: 2 })],
  ["global pooling", image.conv2d({ filters: 1, kernel: 3, stride: 2, rounding: "floor" }).globalAvgPool2d()],
]; // prettier-ignore

describe("a net's receptive field", () => {
  it.each(nets)("is what changes the output: %s", (_, net) => {
    const field = receptiveField(net);
    const outputs: (readonly [number, number])[] = net.outputShape.length === 3 ? [[0, 0], [1, 1]] : [[0, 0]]; // prettier-ignore
    for (const output of outputs) {
      const found = seen(net as Net<Shape, Shape>, output);
      for (const axis of [0, 1] as const) {
        const start = field.start[axis] + output[axis] * field.stride[axis];
        const size = net.inputShape[axis]!;
        expect(found[axis]).toEqual([Math.max(0, start), Math.min(size, start + field.size[axis]) - 1]);
      }
    }
  });

  it("refuses what it cannot tell", () => {
    expect(() => receptiveField(sequential([9]).dense({ units: 2 }))).toThrow(
      "receptiveField: needs a net on images [height, width, channels], got one on [9]",
    );
  });

  it("asks layers that do not tell", () => {
    const mystery = defineLayer({
      type: "mystery",
      checkOptions: (options) => options as object,
      outputShape: ([shape]) => [...shape!],
      emit: ([x]) => x!,
    });
    expect(() => receptiveField(sequential([9, 9, 1]).apply(mystery))).toThrow(
      "receptiveField: mystery 'mystery1' does not tell which pixels it sees: its definition has no 'sees'",
    );
    expect(() =>
      receptiveField(
        sequential([9, 9, 1])
          .flatten()
          .reshape({ shape: [27, 3, 1] }),
      ),
    ).toThrow("reshape");
  });

  it("refuses branches that move apart", () => {
    const start = sequential([9, 9, 1]);
    const net = start.conv2d({ filters: 1, kernel: 5 }).add(start.conv2d({ filters: 1, kernel: 1, stride: 2 }));
    expect(() => receptiveField(net)).toThrow(
      "receptiveField: add 'add1' joins branches that move by 1 and by 2 pixels, so its field has no one size",
    );
  });
});

describe("a list's receptive field", () => {
  it("is that of the net with these layers", () => {
    const windows = [
      { kernel: 3, padding: "same" },
      { kernel: [2, 3], stride: [2, 1] },
      { kernel: 3, dilation: [2, 1], padding: [[1, 0], [2, 2]] },
      { kernel: 1 },
    ] as const; // prettier-ignore
    const net = sequential([40, 40, 1]).apply(
      stack(
        conv2d({ filters: 1, ...windows[0] }),
        conv2d({ filters: 1, ...windows[1] }),
        conv2d({ filters: 1, ...windows[2], rounding: "floor" }),
        conv2d({ filters: 1, ...windows[3] }),
      ),
    );
    expect(receptiveField(windows)).toEqual(receptiveField(net));
  });

  it("grows as the lecture says: layers of 3x3 see 3, 5, 7, ... pixels", () => {
    const seen = [1, 2, 3, 4].map((depth) => receptiveField(Array.from({ length: depth }, () => ({ kernel: 3 }))).size);
    expect(seen).toEqual([[3, 3], [5, 5], [7, 7], [9, 9]]); // prettier-ignore
    expect(receptiveField([])).toEqual({ size: [1, 1], stride: [1, 1], start: [0, 0] });
  });

  it("of VGG-16's convolutions and pools is 212 pixels, of its last 7x7 one 404", () => {
    const block = (depth: number) => [...Array<{ kernel: 3; padding: 1 }>(depth).fill({ kernel: 3, padding: 1 }), pool];
    const pool = { kernel: 2, stride: 2 } as const;
    const vgg = [...block(2), ...block(2), ...block(3), ...block(3), ...block(3)];
    expect(receptiveField(vgg)).toMatchObject({ size: [212, 212], stride: [32, 32] });
    expect(receptiveField([...vgg, { kernel: 7 }]).size).toEqual([404, 404]);
  });

  it.each<[object, string]>([
    [{ kernel: 0 }, "receptiveField: layers[0]: kernel must be a positive whole number, got 0"],
    [{ kernel: 3, stride: 0 }, "receptiveField: layers[0]: stride must be a positive whole number, got 0"],
    [{ kernel: 3, stride: 2, padding: "same" }, "padding 'same' at a stride of more than 1 depends on the size"],
  ])("refuses %j", (layer, sentence) => {
    expect(() => receptiveField([layer as { kernel: number }])).toThrow(sentence);
  });
});
