import { describe, expect, test } from "vitest";
import { legalStrides } from "../../lib/index.js";
import { run, spawnProgram } from "./terminal.js";

/** Arguments, exit code, standard output. The numbers are the lecture's. */
const cases: readonly (readonly [string, number, string])[] = [
  [
    "7x7 --kernel 3",
    0,
    `7x7x1 -> 5x5x1   (7 - 3)/1 + 1 = 5
legal strides with this padding: 1, 2, 4
legal paddings with this stride: 0, 0 before and 1 after, 1, 1 before and 2 after, 2
`,
  ],
  [
    "7x7 -k 3 -s 3",
    1,
    `illegal: stride 3 does not fit the height: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. Use stride 2, pad 2 more rows, or set rounding: 'floor'
legal strides with this padding: 1, 2, 4
legal paddings with this stride: 1
rounding 'floor': 2x2   floor((7 - 3)/3) + 1 = 2
rounding 'ceil': 3x3   ceil((7 - 3)/3) + 1 = 3
`,
  ],
  [
    "7x7 -k 3 -s 3 --rounding floor",
    0,
    `7x7x1 -> 2x2x1   floor((7 - 3)/3) + 1 = 2
legal strides with this padding: 1, 2, 4
legal paddings with this stride: 1
`,
  ],
  [
    "32x32x3 --kernel 5 --padding 2 --filters 10",
    0,
    `32x32x3 -> 32x32x10   (32 + 2*2 - 5)/1 + 1 = 32
legal strides with this padding: 1, 31
legal paddings with this stride: 0, 0 before and 1 after, 1, 1 before and 2 after, 2, 2 before and 3 after, 3, 3 before and 4 after, 4
parameters: 750 weights + 10 biases = 760
multiply-adds: 768000
a dense layer between the same shapes: 31457280 weights
`,
  ],
  [
    "32x32x3 -k 5 -s 2",
    1,
    `illegal: stride 2 does not fit the height: (32 + 0 - 5) / 2 + 1 = 14.5, not a whole number. Use stride 1, pad 1 more row, or set rounding: 'floor'
legal strides with this padding: 1, 3, 9, 27
legal paddings with this stride: 0 before and 1 after, 1 before and 2 after, 2 before and 3 after, 3 before and 4 after
rounding 'floor': 14x14   floor((32 - 5)/2) + 1 = 14
rounding 'ceil': 15x15   ceil((32 - 5)/2) + 1 = 15
`,
  ],
  [
    "32x24 -k 5x3 -s 1x3 -p 0,0,0,0",
    0,
    `32x24x1 -> 28x8x1   (32 - 5)/1 + 1 = 28, (24 - 3)/3 + 1 = 8
legal strides with this padding, height: 1, 3, 9, 27
legal strides with this padding, width: 1, 3, 7, 21
legal paddings with this stride, height: 0, 0 before and 1 after, 1, 1 before and 2 after, 2, 2 before and 3 after, 3, 3 before and 4 after, 4
legal paddings with this stride, width: 0, 1 before and 2 after
`,
  ],
  [
    "4x4 -k 3 -d 2",
    1,
    `illegal: the window covers 5 but the padded height is only 4 (4 + 0)
legal paddings with this stride: 0 before and 1 after, 1, 1 before and 2 after, 2, 2 before and 3 after, 3, 3 before and 4 after, 4
`,
  ],
  [
    "5x5 -k 3 -s 2 -p same -f 1",
    0,
    `5x5x1 -> 3x3x1   (5 + 2*1 - 3)/2 + 1 = 3
legal paddings with this stride: 0, 1, 2
parameters: 9 weights + 1 biases = 10
multiply-adds: 81
a dense layer between the same shapes: 225 weights
`,
  ],
];

describe("size", () => {
  test.each(cases)("%s: exit code %i", async (argv, code, output) => {
    expect(await run("size", ...argv.split(" "))).toEqual({ code, output, errors: "" });
  });

  test.each(cases)("%s --json tells the same", async (argv, code, output) => {
    const result = await run("size", ...argv.split(" "), "--json");
    expect(result).toMatchObject({ code, errors: "" });
    const answer = JSON.parse(result.output) as {
      legal: boolean;
      output: number[] | null;
      formula: string | null;
      reason: string | null;
      height: { strides: number[] };
    };
    expect(answer.legal).toBe(code === 0);
    expect(output).toContain(code === 0 ? `${answer.output!.join("x")}x` : answer.reason!);
    if (code === 0) expect(output).toContain(answer.formula!);
    expect(answer.height.strides).toEqual(/legal strides.*: (.*)/.exec(output)?.[1]!.split(", ").map(Number) ?? []);
  });

  test("long lists are cut, as text only", async () => {
    const argv = ["size", "721x721", "--kernel", "1"];
    const strides = legalStrides(721, { kernel: 1 });
    const { output } = await run(...argv);
    expect(output).toContain(
      `legal strides with this padding: ${strides.slice(0, 12).join(", ")}, ... (${strides.length} in all)`,
    );
    expect(JSON.parse((await run(...argv, "--json")).output)).toMatchObject({ height: { strides } });
  });

  test("a dense layer that numbers cannot count is said to be one", async () => {
    const { output } = await run("size", "30000x30000x64", "--kernel", "1", "--filters", "64");
    expect(output).toContain("a dense layer between the same shapes: more than 2^53 weights");
  });

  test.each([
    ["7 -k 3", 'size: image must be height x width, or height x width x channels, such as 32x32x3, got "7"'],
    ["0x7 -k 3", 'size: image must be height x width, or height x width x channels, such as 32x32x3, got "0x7"'],
    ["7x7", "size: required option '-k, --kernel <F>' not specified"],
    ["-k 3", "size: missing required argument 'image'"],
    ["7x7 -k 0", 'size: --kernel must be a whole number of at least 1, or two as height x width such as 3x5, got "0"'],
    [
      "7x7 -k 3 -s 0",
      'size: --stride must be a whole number of at least 1, or two as height x width such as 3x5, got "0"',
    ],
    [
      "7x7 -k 3 -p many",
      'size: --padding must be same, valid, a number, height x width such as 1x2, or top,bottom,left,right such as 0,1,0,1, got "many"',
    ],
    ["7x7 -k 3 -r up", 'size: --rounding must be one of exact, floor, ceil, got "up"'],
    ["7x7 -k 3 -f 0", 'size: --filters must be a whole number from 1 to 2147483647, got "0"'],
  ])("%s: a mistake", async (argv, message) => {
    expect(await run("size", ...argv.split(" "))).toEqual({
      ...{ code: 2, output: "" },
      errors: `${message}\nstriate size --help tells how it is used\n`,
    });
  });

  test("the exit code reaches the shell", async () => {
    expect(await spawnProgram(["size", "7x7", "-k", "3", "-s", "3"])).toMatchObject({
      code: 1,
      output: cases[1]![2],
      errors: "",
    });
  });
});
