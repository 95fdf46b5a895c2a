// What convolve and correlate must do, on one backend.
import { describe, expect, it } from "vitest";
import type { BackendName } from "../../lib/backend/backend.js";
import {
  convolve,
  convolveAsync,
  correlate,
  correlateAsync,
  OptionError,
  ShapeError,
  type BoundaryMode,
  type ConvolveOptions,
  type SignalBoundary,
} from "../../lib/index.js";
import { useBackend } from "../support/backendOf.js";
import { difference } from "../support/compare.js";
import { Random } from "../support/random.js";
import { correlation, type SignalCase } from "./oracle.js";

const modes: readonly BoundaryMode[] = ["zero", "constant", "reflect", "reflect101", "replicate", "circular"];
const boundaries: readonly SignalBoundary[] = ["full", "same", "valid", 2, [0, 3]];

function draw(random: Random, size: number): number[] {
  return Array.from({ length: size }, () => Math.fround(random.normal()));
}

/** A Gaussian of standard deviation s, sampled at whole numbers up to 8 s from its middle, of sum 1. */
function gaussian(s: number): number[] {
  const radius = Math.ceil(8 * s);
  const samples = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * s * s)));
  const sum = samples.reduce((total, sample) => total + sample, 0);
  return samples.map((sample) => sample / sum);
}

function variance(samples: ArrayLike<number>): number {
  let mass = 0;
  let first = 0;
  let second = 0;
  for (let i = 0; i < samples.length; i++) {
    mass += samples[i]!;
    first += i * samples[i]!;
    second += i * i * samples[i]!;
  }
  return second / mass - (first / mass) ** 2;
}

export function declareSignals(name: BackendName): void {
  const rounding = useBackend(name);

  describe.each(modes)("mode %s", (mode) => {
    it.each(boundaries)("boundary %j: the definition, for every stride and dilation", (boundary) => {
      let compared = 0;
      for (const size of [1, 2, 5, 37]) {
        for (const taps of [1, 2, 3, 8]) {
          for (const [stride, dilation] of [
            [1, 1],
            [2, 1],
            [1, 2],
            [3, 2],
          ] as const) {
            // prettier-ignore
            const random = new Random(`${mode} ${String(boundary)} ${size} ${taps} ${stride} ${dilation}`);
            const signal = draw(random, size);
            const kernel = draw(random, taps);
            const options: SignalCase = { boundary, mode, value: mode === "constant" ? 0.75 : 0, stride, dilation };
            const asked: ConvolveOptions = {
              ...{ boundary, mode, stride, dilation, rounding: "floor" },
              ...(mode === "constant" ? { value: 0.75 } : {}),
            };
            const want = correlation(signal, kernel, options, rounding);
            if (want.data.length === 0) {
              expect(() => correlate(signal, kernel, asked)).toThrow(ShapeError);
              continue;
            }
            const title = `${size} samples, ${taps} taps, stride ${stride}, dilation ${dilation}`;
            expect(difference(title, correlate(signal, kernel, asked), want)).toBeUndefined();
            const flipped = convolve(Float32Array.from(signal), kernel.toReversed(), asked);
            expect(difference(`${title}, flipped`, flipped, want)).toBeUndefined();
            compared++;
          }
        }
      }
      expect(compared).toBeGreaterThan(20);
    });
  });

  describe("what mathematics says", () => {
    it("convolution commutes: signal and kernel may change places", () => {
      const random = new Random("commute");
      const a = draw(random, 23);
      const b = draw(random, 7);
      const want = correlation(a, b.toReversed(), { boundary: "full", mode: "zero", value: 0, stride: 1, dilation: 1 }, rounding); // prettier-ignore
      expect(difference("a * b", convolve(a, b), want)).toBeUndefined();
      expect(difference("b * a", convolve(b, a), { ...want, tolerance: want.tolerance.map((t) => 4 * t) })).toBeUndefined(); // prettier-ignore
    });

    it("an impulse gives the kernel back, a shifted one a shifted kernel", () => {
      expect([...convolve([0, 1, 0, 0], [3, -1, 2])]).toEqual([0, 3, -1, 2, 0, 0]);
      expect([...convolve([0, 0, 1, 0], [3, -1, 2])]).toEqual([0, 0, 3, -1, 2, 0]);
      expect([...correlate([0, 1, 0, 0], [3, -1, 2], { boundary: "same" })]).toEqual([2, -1, 3, 0]);
    });

    it("box * box is the triangle: exact where the box ends between samples", () => {
      const width = 16;
      const box = new Array<number>(width).fill(1 / width); // a power of 2: no rounding
      const triangle = Array.from({ length: 2 * width - 1 }, (_, i) => (width - Math.abs(i - width + 1)) / width ** 2);
      expect([...convolve(box, box)]).toEqual(triangle);
    });

    it("box * box is the triangle to within a step, wherever the samples fall", () => {
      // A box of width 1 and height 1, sampled every `step`: as many samples are in an overlap of length l as l / step,
      // give or take one, so their sum times step is within step of l.
      for (const step of [0.3, 0.07, 0.013]) {
        const count = Math.floor(1 / step) + 1;
        const box = Float32Array.from({ length: count }).fill(1);
        const found = convolve(box, box);
        const worst = Math.max(
          ...found.map((sum, i) => Math.abs(sum * step - Math.max(0, 1 - Math.abs(i - count + 1) * step))),
        );
        expect(worst).toBeLessThanOrEqual(step);
        expect(worst).toBeGreaterThan(step / 100);
      }
    });

    it.each([
      [1, 1],
      [1.5, 0.8],
      [3, 4],
      [0.5, 2],
    ])("a Gaussian of %f * one of %f has the sum of their variances", (s1, s2) => {
      // Variances of distributions add under convolution, exactly. What is off is each sampled Gaussian's own: by
      // Poisson's summation formula its variance is s^2 (1 - 8 pi^2 s^2 exp(-2 pi^2 s^2) + ...); the terms that are left
      // out, and the division by the sum of the samples, are less than that again. Tails beyond 8 s hold less than
      // 1e-13 of it. Rounding moves each sample by (taps + 3) units in the last place at most, and moments and mass
      // by as much.
      const sampled = (s: number): number => 2 * s * s * 8 * Math.PI ** 2 * s * s * Math.exp(-2 * Math.PI ** 2 * s * s);
      const a = gaussian(s1);
      const b = gaussian(s2);
      const sum = s1 * s1 + s2 * s2;
      const taps = Math.min(a.length, b.length);
      const rounded = 2 * (taps + 3) * 2 ** -24 * (sum + Math.max(a.length, b.length) ** 2 * 2 ** -24);
      const tolerance = sampled(s1) + sampled(s2) + rounded + 1e-12;
      expect(tolerance).toBeLessThan(0.15);
      expect(Math.abs(variance(convolve(a, b)) - sum)).toBeLessThanOrEqual(tolerance);
      // One that is a tenth wider does not pass for it.
      expect(Math.abs(variance(convolve(a, gaussian(1.1 * s2))) - sum)).toBeGreaterThan(tolerance);
    });

    it("every stride-th result of stride 1 is the result of that stride", () => {
      const random = new Random("strides");
      const signal = draw(random, 41);
      const kernel = draw(random, 6);
      for (const boundary of boundaries) {
        const all = convolve(signal, kernel, { boundary, mode: "reflect" });
        for (const stride of [2, 3, 7]) {
          const some = convolve(signal, kernel, { boundary, mode: "reflect", stride, rounding: "floor" });
          expect([...some]).toEqual([...all].filter((_, i) => i % stride === 0));
        }
      }
    });
  });

  describe("long signals, which are cut into pieces", () => {
    it.each<[number, number, SignalBoundary, BoundaryMode, number, number]>([
      [70_001, 257, "full", "zero", 1, 1],
      [70_001, 257, "valid", "reflect", 1, 1],
      [65_536, 260, "same", "circular", 1, 1],
      [140_009, 257, "same", "reflect101", 2, 3],
      [330_000, 257, [1000, 3], "replicate", 5, 2],
      [40_000, 500, "full", "zero", 1, 1],
    ])("%i samples, %i taps, boundary %j, mode %s, stride %i, dilation %i", (size, taps, boundary, mode, stride, dilation) => {
      const random = new Random(`long ${size} ${taps}`);
      const signal = draw(random, size);
      const kernel = draw(random, taps);
      const found = correlate(signal, kernel, { boundary, mode, stride, dilation, rounding: "floor" });
      const want = correlation(signal, kernel, { boundary, mode, value: 0, stride, dilation }, rounding);
      expect(difference("long", found, want)).toBeUndefined();
      expect(found.buffer.byteLength).toBe(4 * want.data.length);
    }); // prettier-ignore
  });

  it("the async forms give the same", async () => {
    const random = new Random("async");
    const signal = draw(random, 50);
    const kernel = draw(random, 5);
    const options: ConvolveOptions = { boundary: "same", mode: "circular", dilation: 2 };
    expect(await convolveAsync(signal, kernel, options)).toEqual(convolve(signal, kernel, options));
    expect(await correlateAsync(signal, kernel, options)).toEqual(correlate(signal, kernel, options));
  });

  it("signals of any typed array, which stay as they are; NaN spreads as far as the kernel reaches", () => {
    const pcm = Int16Array.of(3, -4, 5);
    expect([...convolve(pcm, Uint8Array.of(1, 1))]).toEqual([3, -1, 1, 5]);
    expect([...pcm]).toEqual([3, -4, 5]);
    const kernel = Float32Array.of(1, 2);
    expect([...convolve([1, NaN, 1, 1], kernel, { boundary: "valid" })]).toEqual([NaN, NaN, 3]);
    expect([...kernel]).toEqual([1, 2]);
  });

  it.each<[string, () => unknown, StriateErrorLike]>([
    ["no samples", () => convolve([], [1]), { type: ShapeError, option: "signal", text: "convolve: signal must have one sample or more, got none" }],
    ["no taps", () => correlate([1], []), { type: ShapeError, option: "kernel", text: "correlate: kernel must have one sample or more, got none" }],
    ["words", () => convolve("abc" as never, [1]), { type: OptionError, option: "signal", text: "convolve: signal must be an array of numbers or a typed array, got 'abc'" }],
    ["a word among numbers", () => convolve([1, "2" as never], [1]), { type: OptionError, option: "signal", text: "convolve: signal must hold numbers, got '2' at 1" }],
    ["bigints", () => convolve(BigInt64Array.of(1n) as never, [1]), { type: OptionError, option: "signal", text: "convolve: signal must hold numbers, got 1 at 0" }],
    ["a hole", () => convolve(new Array(2) as never, [1]), { type: OptionError, option: "signal", text: "convolve: signal must hold numbers, got undefined at 0" }],
    ["a mode that there is not", () => convolve([1], [1], { mode: "wrap" as never }), { type: OptionError, option: "mode", text: "convolve: mode must be one of 'zero', 'constant', 'reflect', 'reflect101', 'replicate', 'circular', got 'wrap'" }],
    ["a boundary that there is not", () => convolve([1], [1], { boundary: "shrink" as never }), { type: OptionError, option: "boundary", text: "convolve: boundary must be 'full', 'same', 'valid', a whole number from 0 or two of them, got 'shrink'" }],
    ["a border beyond all memory", () => convolve([1], [1], { boundary: 2 ** 31 }), { type: OptionError, option: "boundary", text: "convolve: the border must be whole numbers from 0, with the 1 samples up to 2^31 - 1, got 2147483648 before and 2147483648 after" }],
    ["a value without its mode", () => convolve([1], [1], { value: 3 }), { type: OptionError, option: "value", text: "convolve: value belongs to mode 'constant', got mode 'zero'" }],
    ["a stride of nothing", () => convolve([1], [1], { stride: 0 }), { type: ShapeError, option: "stride", text: "convolve: stride must be a positive whole number, got 0" }],
    ["a dilation of nothing", () => convolve([1], [1], { dilation: 1.5 }), { type: ShapeError, option: "dilation", text: "convolve: dilation must be a positive whole number, got 1.5" }],
    ["a kernel longer than the signal", () => correlate([1, 2], [1, 1, 1], { boundary: "valid" }), { type: ShapeError, option: "kernel", text: "correlate: the window covers 3 but the padded length is only 2 (2 + 0)" }],
    ["a stride that does not fit", () => convolve([1, 2, 3, 4, 5, 6, 7], [1, 1, 1], { boundary: "valid", stride: 3 }), { type: ShapeError, option: "stride", text: "convolve: stride 3 does not fit the length: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number. Use stride 2, pad 2 more elements, or set rounding: 'floor'" }],
  ])("refuses %s", (_, act, { type, option, text }) => {
    expect(act).toThrow(type);
    expect(act).toThrow(text);
    expect(act).toThrow(expect.objectContaining({ option }));
  }); // prettier-ignore
}

interface StriateErrorLike {
  readonly type: typeof ShapeError | typeof OptionError;
  readonly option: string;
  readonly text: string;
}
