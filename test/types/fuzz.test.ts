// Types against run time: the same nets as text for both, the answers compared, sentences character for character.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile, prelude } from "./compile.js";
import type { Compiled } from "./compile.js";
import { writeCases } from "./fuzz.js";
import type { FuzzCase } from "./fuzz.js";
import { ask } from "./runtime.js";
import type { Answer } from "./runtime.js";

function compileCases(cases: readonly FuzzCase[], changed: Readonly<Record<string, string>> = {}): Compiled {
  return compile([...prelude, ...cases.map(({ code }, index) => `export const case${index} = ${code};`)], changed);
}

/** Where the compiler's answer is not the run time's. */
function disagreements(cases: readonly FuzzCase[], answers: readonly Answer[], compiled: Compiled): string[] {
  return cases.flatMap(({ code }, index) => {
    const answer = answers[index];
    const line = index + prelude.length;
    const types = compiled.errors.get(line) ?? [compiled.shapes.get(line) ?? "nothing"];
    const run = answer?.message ?? `[${(answer?.shape ?? []).join(", ")}]`;
    // Where branches meet, types may name a second fault as well; the run time stops at the first.
    const agree = code.startsWith("((x)") && answer?.message !== undefined ? types.includes(run) : types.join() === run;
    return agree ? [] : [`${code}\n  types:    ${types.join("\n            ")}\n  run time: ${run}`];
  });
}

/** Whether a printed shape, in which a size may be `number`, holds a shape. */
function holds(printed: string, shape: readonly number[]): boolean {
  if (printed === "number[]") return true;
  const sizes = printed.slice(1, -1).split(", ");
  return sizes.length === shape.length && sizes.every((size, axis) => size === "number" || size === `${shape[axis]}`);
}

describe("types and run time", () => {
  const cases = writeCases("static", 700);
  const answers = cases.map(({ code }) => ask(code));
  const compiled = compileCases(cases);

  it("agree in every shape and every sentence", () => {
    expect(disagreements(cases, answers, compiled)).toEqual([]);
    // Otherwise the test above would prove little.
    const accepted = answers.filter(({ shape }) => shape !== undefined).length;
    expect(accepted).toBeGreaterThan(200);
    expect(cases.length - accepted).toBeGreaterThan(200);
  });

  it("meet every rule: each kind of sentence occurs", () => {
    const sentences = answers.flatMap(({ message }) => message ?? []);
    for (const kind of [
      /stride \d+ does not fit the height: .* Use stride/,
      /stride \d+ does not fit the width: .* Use stride/,
      /Change the stride, pad/,
      /does not fit the length: .* more elements?, or/,
      /the window covers \d+ but the padded length/,
      /^samePadding: a window of \d+ has no equal padding/,
      /the window covers \d+ but the padded height/,
      /the window covers \d+ but the padded width/,
      /must be a positive whole number/,
      /padding must be whole numbers from 0/,
      /padding must be smaller than the window, got \d+ on the top for a window of \d+$/,
      /padding must be smaller than the window, got \d+ on the bottom/,
      /padding must be smaller than the window, got \d+ on the left/,
      /padding must be smaller than the window, got \d+ on the right/,
      /inChannels is/,
      /does not divide the \d+ input channels/,
      /does not divide the \d+ filters/,
      /needs an input \[height, width, channels\]/,
      /needs a flat input/,
      /elements but the input/,
      /must be equal/,
      /differ$/,
      /^stack: \[1\] maxPool2d: /,
      /^residual: /,
      /^concatBranches: /,
    ]) {
      expect(sentences.filter((sentence) => kind.test(sentence)).length, String(kind)).toBeGreaterThan(0);
    }
  });

  it("are compared at all: a changed answer is reported, and nothing else", () => {
    const index = answers.findIndex(({ message }) => message !== undefined);
    const wrong = answers.map((answer, each): Answer =>
      each === index ? { message: (answer.message ?? "").replace(/\d/, "#") } : answer,
    );
    expect(disagreements(cases, wrong, compiled)).toHaveLength(1);
    const first = answers.findIndex(({ shape }) => shape !== undefined);
    const larger = answers.map((answer, each): Answer => (each === first ? { shape: [0] } : answer));
    expect(disagreements(cases, larger, compiled)).toHaveLength(1);
  });

  // Rules that are wrong in one place each; `from` must occur, or the test would prove nothing.
  it.each([
    ["floor is refused", "windowTypes", 'R extends "floor"\n', 'R extends "none"\n'],
    ["ceil never drops a window", "windowTypes", "Starts<L, S, N, B> extends true", "true extends true"],
    ["the width is judged by the height", "windowTypes", "WidthOf<K>, WidthOf<D>", "HeightOf<K>, WidthOf<D>"],
    ["a dilated window is too small", "windowTypes", "Add<Multiply<D, k>, 1>", "Multiply<D, k>"],
    ["a sentence says something else", "windowTypes", "not a whole number", "no whole number"],
    ["a fraction is cut, not rounded", "windowTypes", "Quotient<B, 2>", "0"],
    ["padding of a whole window is allowed", "pool2d", "number extends rest", "rest extends number"],
    ["the trailing padding is not judged", "pool2d", "F : SideVerdict<B, K, After>", 'F : "ok"'],
  ])("find a planted fault: %s", (_, rules, from, to) => {
    const file = `lib/shape/${rules}.ts`;
    const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
    expect(text).toContain(from);
    // Of the pools' rule only pools tell.
    const some = cases.filter(({ code }) => rules !== "pool2d" || code.includes("Pool2d({")).slice(0, 200);
    const planted = compileCases(some, { [file]: text.replaceAll(from, to) });
    const their = some.map(({ code }) => ask(code));
    expect(disagreements(some, their, planted).length).toBeGreaterThan(0);
  });
});

describe("sizes that the compiler does not know", () => {
  const cases = writeCases("dynamic", 400, 0.2);
  const answers = cases.map(({ code }) => ask(code));
  const compiled = compileCases(cases);
  const faults = cases.map((_, index) => compiled.errors.get(index + prelude.length)?.[0]);

  it("are never an error where the run time accepts them, and the type holds the shape", () => {
    const wrong = cases.filter((_, index) => {
      const { shape } = answers[index] ?? {};
      if (shape === undefined) return false;
      return faults[index] !== undefined || !holds(compiled.shapes.get(index + prelude.length) ?? "", shape);
    });
    expect(wrong.map(({ code }) => code)).toEqual([]);
    const accepted = cases.filter(({ dynamic }, index) => dynamic && answers[index]?.shape !== undefined);
    expect(accepted.length).toBeGreaterThan(80);
  });

  it("leave the rest checked: what is known is still refused", () => {
    const missed = cases.filter(
      ({ dynamic }, index) => !dynamic && answers[index]?.message !== undefined && faults[index] === undefined,
    );
    expect(missed).toEqual([]);
    const caught = cases.filter(({ dynamic }, index) => dynamic && faults[index] !== undefined);
    expect(caught.length).toBeGreaterThan(30);
  });
});
