/** `striate size`: the output of a convolution or pooling window, with the numbers in the formula, and what else would be legal. */
import {
  conv2dMacs,
  conv2dParameters,
  denseParameters,
  legalPaddings,
  legalStrides,
  ShapeError,
  type AxisPadding,
} from "../index.js";
import { windowFormula } from "../layers/formula.js";
import { isFault } from "../shape/axis.js";
import type { Padding, Pair, Rounding } from "../shape/types.js";
import { measureWindow, type WindowOptions } from "../shape/window.js";
import type { ImageShape } from "./nets.js";
import { painter, writeJson, type CommandContext } from "./terminal.js";

export interface SizeOptions {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
  readonly dilation: Pair;
  readonly rounding: Rounding;
  readonly filters?: number;
  readonly json: boolean;
}

/** What would tile one axis, the other numbers as they are. */
interface LegalNumbers {
  readonly strides: readonly number[];
  /** [before, after] */
  readonly paddings: readonly (readonly [number, number])[];
}

/** Runs the command; where the window does not fit, the exit code is 1. */
export function size(input: ImageShape, options: SizeOptions, context: CommandContext): void {
  const { json, filters, ...window } = options;
  const answer = calculate(input, window);
  const costs = answer.output === null || filters === undefined ? undefined : costsOf(input, { ...window, filters });
  if (answer.output === null) context.exitCode = 1;
  const { terminal } = context;
  if (json) {
    writeJson(terminal.out, {
      input,
      ...window,
      filters: filters ?? null,
      legal: answer.output !== null,
      ...answer,
      ...costs,
    });
    return;
  }
  const paint = painter(terminal.out);
  const text = (shape: readonly number[]): string => shape.join("x");
  const lines = [
    answer.output === null
      ? `${paint(["bold", "red"], "illegal")}: ${answer.reason!}`
      : `${paint(["bold", "green"], `${text(input)} -> ${text([...answer.output, filters ?? input[2]])}`)}   ${answer.formula!}`,
    ...legalLines(answer.height, answer.width),
  ];
  for (const { rounding, output, formula } of answer.rounded)
    lines.push(`rounding '${rounding}': ${text(output)}   ${formula}`);
  if (costs !== undefined) {
    const { weights, biases, total, macs, dense } = costs;
    lines.push(
      `parameters: ${weights} weights + ${biases} biases = ${total}`,
      `multiply-adds: ${macs}`,
      `a dense layer between the same shapes: ${dense === null ? "more than 2^53" : dense} weights`,
    );
  }
  terminal.out.write(`${lines.join("\n")}\n`);
}

interface Answer {
  /** [height, width]; null where the windows do not fit. */
  readonly output: readonly [number, number] | null;
  readonly formula: string | null;
  readonly reason: string | null;
  readonly height: LegalNumbers;
  readonly width: LegalNumbers;
  /** What the roundings make of windows that do not fit. */
  readonly rounded: readonly { rounding: Rounding; output: readonly [number, number]; formula: string }[];
}

function calculate(
  input: ImageShape,
  options: Required<WindowOptions> & { readonly padding: Padding; readonly rounding: Rounding },
): Answer {
  const tried = (rounding: Rounding) => {
    const window = measureWindow(input, { ...options, rounding });
    if (isFault(window)) return window[1];
    const output: readonly [number, number] = [window.outH, window.outW];
    return { output, formula: windowFormula(window, input, options.padding, rounding) };
  };
  const result = tried(options.rounding);
  const fits = typeof result === "object";
  const others = fits ? [] : (["floor", "ceil"] as const);
  return {
    ...(fits ? { ...result, reason: null } : { output: null, formula: null, reason: result }),
    ...{ height: legalNumbers(input, 0, options), width: legalNumbers(input, 1, options) },
    rounded: others.flatMap((rounding) => {
      const other = tried(rounding);
      return typeof other === "object" ? [{ rounding, ...other }] : [];
    }),
  };
}

function legalNumbers(input: ImageShape, axis: 0 | 1, options: WindowOptions): LegalNumbers {
  const of = (pair: Pair) => (typeof pair === "number" ? pair : pair[axis]);
  const { kernel, stride = 1, dilation = 1, padding = 0 } = options;
  const taps = { kernel: of(kernel), dilation: of(dilation) };
  const own: AxisPadding = typeof padding === "object" ? padding[axis] : padding;
  return {
    // With "same" every stride is legal.
    strides: own === "same" ? [] : noneWhereTooLarge(() => legalStrides(input[axis], { ...taps, padding: own })),
    paddings: noneWhereTooLarge(() => legalPaddings(input[axis], { ...taps, stride: of(stride) })),
  };
}

function noneWhereTooLarge<T>(list: () => readonly T[]): readonly T[] {
  try {
    return list();
  } catch (error) {
    if (error instanceof ShapeError) return [];
    throw error;
  }
}

/** One line for both axes where they agree. */
function legalLines(height: LegalNumbers, width: LegalNumbers): string[] {
  const named = (what: string, show: (numbers: LegalNumbers) => string): string[] => {
    const [of, across] = [show(height), show(width)];
    if (of === across) return of === "" ? [] : [`legal ${what}: ${of}`];
    return [`legal ${what}, height: ${of || "none"}`, `legal ${what}, width: ${across || "none"}`];
  };
  const some = (texts: readonly string[]): string => {
    const most = 12;
    return texts.length <= most ? texts.join(", ") : `${texts.slice(0, most).join(", ")}, ... (${texts.length} in all)`;
  };
  const padding = ([before, after]: readonly [number, number]): string =>
    before === after ? String(before) : `${before} before and ${after} after`;
  return [
    ...named("strides with this padding", ({ strides }) => some(strides.map(String))),
    ...named("paddings with this stride", ({ paddings }) => some(paddings.map(padding))),
  ];
}

function costsOf(input: ImageShape, { filters, ...window }: WindowOptions & { readonly filters: number }) {
  const options = { filters, ...window } as Parameters<typeof conv2dParameters<ImageShape, number, Pair>>[1];
  const { weights, biases, total } = conv2dParameters(input, options);
  const macs = conv2dMacs(input, options);
  const resolved = measureWindow(input, window);
  const outputs = isFault(resolved) ? 0 : resolved.outH * resolved.outW * filters;
  const inputs = input[0] * input[1] * input[2];
  const dense = Number.isSafeInteger(inputs * outputs + outputs) ? denseParameters(input, outputs).weights : null;
  return { weights, biases, total, macs, dense };
}
