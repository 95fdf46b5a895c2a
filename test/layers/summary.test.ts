import { describe, expect, it } from "vitest";
import { concatBranches, conv2d, countNet } from "../../lib/layers/index.js";
import { sequential } from "../../lib/layers/net.js";

/** The formula of the last layer. */
const formulaOf = (net: { readonly node: Parameters<typeof countNet>[0] }): string | undefined =>
  countNet(net.node).layers.at(-1)?.formula;

describe("summary", () => {
  it("shows the lecture's example: 32x32x3, 10 filters 5x5, stride 1, pad 2", () => {
    const net = sequential([32, 32, 3]).conv2d({ filters: 10, kernel: 5, stride: 1, padding: 2 });
    expect(net.summary().split("\n")).toEqual([
      "layer    output    parameters  weights  biases     MACs  formula",
      "----------------------------------------------------------------------------------",
      "input    32x32x3",
      "conv2d1  32x32x10         760      750      10  768,000  (32 + 2*2 - 5)/1 + 1 = 32",
      "----------------------------------------------------------------------------------",
      "total                     760      750      10  768,000",
    ]);
  });

  it("tells weights, biases and running statistics apart, and names inputs that are not the line above", () => {
    const net = sequential([8, 6, 2])
      .residual((x) => x.conv2d({ filters: 2, kernel: 3, padding: "same" }).batchNorm())
      .flatten()
      .dense({ units: 10, useBias: false })
      .softmax();
    expect(net.summary().split("\n")).toEqual([
      "layer                     output  parameters  weights  biases   MACs  formula",
      "----------------------------------------------------------------------------------------------------------------------",
      "input                     8x6x2",
      "conv2d1                   8x6x2           38       36       2  1,728  (8 + 2*1 - 3)/1 + 1 = 8, (6 + 2*1 - 3)/1 + 1 = 6",
      "batchNorm1                8x6x2            4        2       2",
      "add1 (batchNorm1, input)  8x6x2",
      "flatten1                  96",
      "dense1                    10             960      960            960",
      "softmax1                  10",
      "----------------------------------------------------------------------------------------------------------------------",
      "total                                  1,002      998       4  2,688",
      "and 4 running statistics, which are not learned",
    ]);
  });

  it("counts ResNet's stem and LeNet's first layers as the papers do", () => {
    const stem = sequential([224, 224, 3]).conv2d({
      ...{ filters: 64, kernel: 7, stride: 2, padding: 3, rounding: "floor", useBias: false },
    } as const);
    expect(countNet(stem.node)).toMatchObject({ parameters: 9408, macs: 118_013_952 });
    const lenet = sequential([32, 32, 1]).conv2d({ filters: 6, kernel: 5 }).avgPool2d({ size: 2 });
    expect(countNet(lenet.node)).toMatchObject({ parameters: 156, weights: 150, biases: 6, macs: 117_600 });
    const separable = sequential([112, 112, 32]).depthwiseConv2d({ kernel: 3, padding: "same", useBias: false });
    expect(countNet(separable.node)).toMatchObject({ parameters: 288, macs: 3_612_672 });
    const grouped = sequential([9, 9, 4]).conv2d({ filters: 6, kernel: 3, groups: 2, padding: 1 });
    expect(countNet(grouped.node)).toMatchObject({ parameters: 114, macs: 81 * 9 * 2 * 6 });
  });

  it("writes the formula with the numbers of each case", () => {
    const x = sequential([9, 9, 1]);
    const conv = { filters: 1, kernel: 3 } as const;
    expect(formulaOf(x.conv2d(conv))).toBe("(9 - 3)/1 + 1 = 7");
    expect(formulaOf(x.conv2d({ ...conv, dilation: 2, padding: 1 }))).toBe("(9 + 2*1 - (2*(3 - 1) + 1))/1 + 1 = 7");
    expect(formulaOf(x.conv2d({ ...conv, kernel: 4, padding: "same" }))).toBe("(9 + 1 + 2 - 4)/1 + 1 = 9");
    expect(formulaOf(x.conv2d({ ...conv, kernel: 2, stride: 4, padding: "same" }))).toBe("(9 + 0 + 1 - 2)/4 + 1 = 3");
    // No padding is needed, and the last row is not read.
    expect(formulaOf(sequential([8, 8, 1]).conv2d({ ...conv, kernel: 1, stride: 4, padding: "same" }))).toBe(
      "ceil(8/4) = 2",
    );
    expect(formulaOf(x.conv2d({ ...conv, stride: 4, rounding: "floor" }))).toBe("floor((9 - 3)/4) + 1 = 2");
    expect(formulaOf(x.maxPool2d({ size: 2, rounding: "ceil" }))).toBe("ceil((9 - 2)/2) + 1 = 5");
    expect(formulaOf(sequential([7, 7, 1]).maxPool2d({ size: 2, stride: 3, padding: 1, rounding: "ceil" }))).toBe(
      "ceil((7 + 2*1 - 2)/3) + 1 - 1 = 3",
    );
    expect(formulaOf(x.relu())).toBeUndefined();
  });

  it("lists branches once", () => {
    const net = sequential([9, 9, 3])
      .relu()
      .apply(concatBranches(conv2d({ filters: 4, kernel: 1 }), conv2d({ filters: 6, kernel: 3, padding: 1 })));
    const layers = countNet(net.node).layers.map(({ name, inputs }) => [name, ...inputs]);
    expect(layers).toEqual([
      ["input"],
      ["relu1", "input"],
      ["conv2d1", "relu1"],
      ["conv2d2", "relu1"],
      ["concat1", "conv2d1", "conv2d2"],
    ]);
  });
});
