import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { generateArithmetic } from "../../scripts/generateArithmetic.js";
import { Random } from "../support/random.js";
import { compile } from "../types/compile.js";

it("is what its generator writes", () => {
  const committed = readFileSync(new URL("../../lib/shape/arithmetic.ts", import.meta.url), "utf8");
  expect(committed).toBe(generateArithmetic());
});

const head = [
  `import type { Add, DivideWithRemainder, Multiply, Subtract } from "../../lib/shape/arithmetic.js";`,
  `type Is<T> = { readonly outputShape: T };`,
];

/** Each type beside what it must be. */
function sums(): { readonly type: string; readonly result: string }[] {
  const random = new Random("arithmetic");
  const draw = (): number => random.integer(10 ** (1 + random.integer(7)));
  const edges = [0, 1, 2, 9, 10, 11, 99, 100, 101, 999, 1000, 65536];
  const pairs = [
    ...edges.flatMap((a) => edges.map((b) => [a, b] as const)),
    ...Array.from({ length: 150 }, () => [draw(), draw()] as const),
  ];
  return pairs.flatMap(([a, b]) => [
    { type: `Add<${a}, ${b}>`, result: `${a + b}` },
    { type: `Multiply<${a}, ${b}>`, result: `${a * b}` },
    { type: `Subtract<${a}, ${b}>`, result: a >= b ? `${a - b}` : `"negative"` },
    ...(b === 0 ? [] : [{ type: `DivideWithRemainder<${a}, ${b}>`, result: `[${Math.floor(a / b)}, ${a % b}]` }]),
  ]);
}

/** What the compiler makes of each type. */
function results(types: readonly string[]): (string | undefined)[] {
  const lines = types.map((type, index) => `export declare const r${index}: Is<${type}>;`);
  const { shapes } = compile([...head, ...lines]);
  return types.map((_, index) => shapes.get(head.length + index));
}

it("agrees with JavaScript's", () => {
  const all = sums();
  const found = results(all.map(({ type }) => type));
  const wrong = all.filter(({ result }, index) => found[index] !== result);
  expect(wrong).toEqual([]);
  expect(all.length).toBeGreaterThan(1000);
});

it("is number where a number is not known, or passes 2^53; never a wrong literal", () => {
  expect(
    results([
      "Add<number, 1>",
      "Subtract<3, number>",
      "Multiply<number, 0>",
      "DivideWithRemainder<number, 2>",
      "Add<9007199254740991, 2>",
      "Multiply<94906267, 94906267>",
    ]),
  ).toEqual(["number", "number", "number", "[number, number]", "number", "number"]);
});
