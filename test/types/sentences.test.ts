// What people read when sizes do not fit, in the editor and at run time, and the word that it is said of.
import { describe, expect, it } from "vitest";
import { compile, prelude } from "./compile.js";
import { ask } from "./runtime.js";

interface Mistake {
  readonly code: string;
  /** The word under the wavy line. */
  readonly at: string;
  readonly sentence: string;
}

const mistakes: readonly Mistake[] = [
  {
    code: "sequential([7, 7, 1]).conv2d({ filters: 4, kernel: 3, stride: 3 })",
    at: "stride",
    sentence:
      "conv2d: stride 3 does not fit the height: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. " +
      "Use stride 2, pad 2 more rows, or set rounding: 'floor'",
  },
  {
    code: "sequential([9, 8, 1]).conv2d({ filters: 4, kernel: 3, stride: 2, padding: 1, dilation: [1, 2] })",
    at: "stride",
    sentence:
      "conv2d: stride 2 does not fit the width: (8 + 2 - 5) / 2 + 1 = 3.5, not a whole number. " +
      "Use stride 1, pad 1 more column, or set rounding: 'floor'",
  },
  {
    code: "sequential([224, 224, 3]).conv2d({ filters: 64, kernel: 16, stride: 12 })",
    at: "stride",
    sentence:
      "conv2d: stride 12 does not fit the height: (224 + 0 - 16) / 12 + 1 = 18.33, not a whole number. " +
      "Change the stride, pad 8 more rows, or set rounding: 'floor'",
  },
  {
    code: "formulas.outputSize(7, { kernel: 3, stride: 3 })",
    at: "stride",
    sentence:
      "outputSize: stride 3 does not fit the length: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. " +
      "Use stride 2, pad 2 more elements, or set rounding: 'floor'",
  },
  {
    code: "formulas.outputSize(10, { kernel: 4, stride: 5, padding: [2, 1] })",
    at: "stride",
    sentence:
      "outputSize: stride 5 does not fit the length: (10 + 3 - 4) / 5 + 1 = 2.8, not a whole number. " +
      "Use stride 3, pad 1 more element, or set rounding: 'floor'",
  },
  {
    code: "formulas.outputSize(4, { kernel: 3, dilation: 4, padding: 2 })",
    at: "kernel",
    sentence: "outputSize: the window covers 9 but the padded length is only 8 (4 + 4)",
  },
  {
    code: "formulas.outputSize(4, { kernel: 3, padding: [1, -1] })",
    at: "padding",
    sentence: "outputSize: padding must be whole numbers from 0, got [1, -1]",
  },
  {
    code: "formulas.samePadding(4)",
    at: "4",
    sentence:
      "samePadding: a window of 4 has no equal padding that keeps the size: (4 - 1) / 2 = 1.5. " +
      "Use an odd kernel, or padding: 'same', which puts 1 before and one more after",
  },
  {
    code: "formulas.coverage([7, 7], { kernel: 3, stride: 3 })",
    at: "stride",
    sentence:
      "coverage: stride 3 does not fit the height: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. " +
      "Use stride 2, pad 2 more rows, or set rounding: 'floor'",
  },
  {
    code: "formulas.conv2dParameters([32, 32, 3], { filters: 4, kernel: 3, groups: 2 })",
    at: "groups",
    sentence: "conv2dParameters: groups 2 does not divide the 3 input channels",
  },
  {
    code: "formulas.conv2dMacs([32, 32], { filters: 4, kernel: 3 })",
    at: "kernel",
    sentence: "conv2dMacs: needs an input [height, width, channels], got [32, 32]",
  },
  {
    code: "formulas.depthwiseConv2dMacs([32, 32, 3], { kernel: 3, depthMultiplier: 0 })",
    at: "depthMultiplier",
    sentence: "depthwiseConv2dMacs: depthMultiplier must be a positive whole number, got 0",
  },
  {
    code: "formulas.denseParameters([32, 32, 3], 0)",
    at: "0",
    sentence: "denseParameters: units must be a positive whole number, got 0",
  },
  {
    code: "sequential([4, 4, 1]).conv2d({ filters: 4, kernel: 7, padding: 1 })",
    at: "kernel",
    sentence: "conv2d: the window covers 7 but the padded height is only 6 (4 + 2)",
  },
  {
    code: "sequential([8, 8, 4]).conv2d({ filters: 4, kernel: 3, inChannels: 3 })",
    at: "inChannels",
    sentence: "conv2d: inChannels is 3 but the input [8, 8, 4] has 4 channels",
  },
  {
    code: "sequential([8, 8, 4]).conv2d({ filters: 6, kernel: 3, groups: 3 })",
    at: "groups",
    sentence: "conv2d: groups 3 does not divide the 4 input channels",
  },
  {
    code: "sequential([8, 8, 4]).conv2d({ filters: 6, kernel: 3, groups: 4 })",
    at: "groups",
    sentence: "conv2d: groups 4 does not divide the 6 filters",
  },
  {
    code: "sequential([8, 8, 4]).conv2d({ filters: 0, kernel: 3 })",
    at: "filters",
    sentence: "conv2d: filters must be a positive whole number, got 0",
  },
  {
    code: "sequential([8, 8, 4]).conv2d({ filters: 2, kernel: [3, 1.5] })",
    at: "kernel",
    sentence: "conv2d: kernel must be a positive whole number, got [3, 1.5]",
  },
  {
    code: "sequential([8, 8, 4]).conv2d({ filters: 2, kernel: 3, padding: -1 })",
    at: "padding",
    sentence: "conv2d: padding must be whole numbers from 0, got -1",
  },
  {
    code: "sequential([64]).conv2d({ filters: 2, kernel: 3 })",
    at: "kernel",
    sentence: "conv2d: needs an input [height, width, channels], got [64]",
  },
  {
    code: "sequential([8, 8, 4]).depthwiseConv2d({ kernel: 3, depthMultiplier: 0 })",
    at: "depthMultiplier",
    sentence: "depthwiseConv2d: depthMultiplier must be a positive whole number, got 0",
  },
  {
    code: "sequential([7, 7, 1]).maxPool2d({ size: 2 })",
    at: "size",
    sentence:
      "maxPool2d: stride 2 does not fit the height: (7 + 0 - 2) / 2 + 1 = 3.5, not a whole number. " +
      "Use stride 1, pad 1 more row, or set rounding: 'floor'",
  },
  {
    code: "sequential([7, 7, 1]).avgPool2d({ size: 9 })",
    at: "size",
    sentence: "avgPool2d: the window covers 9 but the padded height is only 7 (7 + 0)",
  },
  {
    code: "sequential([2, 2, 1]).maxPool2d({ size: 2, padding: 3 })",
    at: "padding",
    sentence: "maxPool2d: padding must be smaller than the window, got 3 on the top for a window of 2",
  },
  {
    code: "sequential([7, 7, 1]).avgPool2d({ size: [3, 2], stride: 1, padding: [[2, 2], [1, 2]] })",
    at: "padding",
    sentence: "avgPool2d: padding must be smaller than the window, got 2 on the right for a window of 2",
  },
  {
    // Said before the stride's misfit, whose advice is to pad more; and behind it no size is known.
    code: "sequential([7, 7, 1]).maxPool2d({ size: 2, padding: 4 }).maxPool2d({ size: 99 })",
    at: "padding",
    sentence: "maxPool2d: padding must be smaller than the window, got 4 on the top for a window of 2",
  },
  {
    code: "sequential([64]).globalAvgPool2d()",
    at: "sequential([64])",
    sentence: "globalAvgPool2d: needs an input [height, width, channels], got [64]",
  },
  {
    code: "sequential([8, 8, 4]).dense({ units: 10 })",
    at: "units",
    sentence: "dense: needs a flat input, got [8, 8, 4]; call flatten() or globalAvgPool2d() first",
  },
  {
    code: "sequential([8, 8, 4]).reshape({ shape: [8, 31] })",
    at: "shape",
    sentence: "reshape: shape [8, 31] has 248 elements but the input [8, 8, 4] has 256",
  },
  {
    code: "((x) => x.add(x.maxPool2d({ size: 2 })))(sequential([8, 8, 4]))",
    at: "x.maxPool2d({ size: 2 })",
    sentence: "add: shapes [8, 8, 4] and [4, 4, 4] must be equal",
  },
  {
    code: "((x) => x.concat(x.conv2d({ filters: 2, kernel: [3, 1] })))(sequential([8, 8, 4]))",
    at: "x.conv2d({ filters: 2, kernel: [3, 1] })",
    sentence: "concat: [8, 8, 4] and [6, 8, 2]: heights differ",
  },
  {
    code: "sequential([8, 8, 4]).residual((x) => x.conv2d({ filters: 6, kernel: 1 }))",
    at: "x.conv2d({ filters: 6, kernel: 1 })",
    sentence: "residual: shapes [8, 8, 6] and [8, 8, 4] must be equal",
  },
  {
    code: "sequential([8, 8, 4]).apply(layers.stack(layers.relu(), layers.dense({ units: 3 })))",
    at: "layers.stack(layers.relu(), layers.dense({ units: 3 }))",
    sentence: "stack: [1] dense: needs a flat input, got [8, 8, 4]; call flatten() or globalAvgPool2d() first",
  },
];

describe("a mistake reads alike in the editor and at run time", () => {
  const compiled = compile([...prelude, ...mistakes.map(({ code }, index) => `export const m${index} = ${code};`)]);

  it.each(mistakes.map((mistake, index) => ({ ...mistake, index })))("$code", ({ code, at, sentence, index }) => {
    const line = prelude.length + index;
    expect(ask(code).message).toBe(sentence);
    expect(compiled.errors.get(line)).toEqual([sentence]);
    expect(compiled.at.get(line)).toEqual([at]);
  });

  it("is compared: another sentence or another word would be found", () => {
    const [first] = mistakes;
    expect(compiled.errors.get(prelude.length)).not.toEqual([first?.sentence.replace("2 more", "3 more")]);
    expect(compiled.at.get(prelude.length)).not.toEqual(["kernel"]);
  });
});

describe("the compiler's own errors stay readable", () => {
  const lines = [
    "export const a = sequential([8, 8, 1]).conv2d({ filters: 4, kernel: 3, strides: 2 });",
    "export const b = sequential([8, 8, 1]).conv2d({ filters: 4 });",
    "export const c = input(n(8), 8, 4).conv2d({ filters: 4, kernel: 3, inChannels: 3 });",
  ];
  const { errors } = compile([...prelude, ...lines]);
  const messageOf = (index: number): string => errors.get(prelude.length + index)?.join() ?? "";

  it("a misspelt option", () => {
    expect(messageOf(0)).toContain("Did you mean to write 'stride'?");
  });
  it("a missing option", () => {
    expect(messageOf(1)).toContain("Property 'kernel' is missing");
  });
  it("a size that is not known is written as number", () => {
    expect(messageOf(2)).toBe("conv2d: inChannels is 3 but the input [number, 8, 4] has 4 channels");
  });
});

it("lets blocks be exported from files with declarations", () => {
  const { errors, declarationErrors } = compile([
    ...prelude,
    "export const block = layers.stack(layers.conv2d({ filters: 4, kernel: 3 }), layers.residual(layers.relu()));",
    "export const wide = <const F extends number>(f: F) => layers.concatBranches(block, layers.conv2d({ filters: f, kernel: 3 }));",
    "export const net = sequential([8, 8, 1]).apply(wide(3));",
  ]);
  expect([...errors.values()]).toEqual([]);
  expect(declarationErrors).toEqual([]);
});
