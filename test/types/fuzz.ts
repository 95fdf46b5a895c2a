// Random nets as text, good ones and nonsense, for the compiler and the run time to judge.
import { Random } from "../support/random.js";

/** A net of one layer behind an input. */
export interface FuzzCase {
  /** An expression. Where the compiler must not know a size, it reads `n(7)`. */
  readonly code: string;
  /** Whether it has an `n(...)`. */
  readonly dynamic: boolean;
}

class Writer {
  readonly #random: Random;
  /** The share of numbers that the compiler must not know. */
  readonly #dynamicShare: number;
  dynamic = false;

  constructor(seed: string, dynamicShare: number) {
    this.#random = new Random(seed);
    this.#dynamicShare = dynamicShare;
  }

  chance(share: number): boolean {
    return this.#random.unit() < share;
  }

  between(low: number, high: number): number {
    return low + Math.floor(this.#random.unit() * (high - low + 1));
  }

  pick<T>(...choices: readonly T[]): T {
    const choice = choices[this.between(0, choices.length - 1)];
    if (choice === undefined) throw new Error("pick: needs a choice");
    return choice;
  }

  /** A number, or n(number). */
  number(value: number): string {
    if (!this.chance(this.#dynamicShare)) return String(value);
    this.dynamic = true;
    return `n(${value})`;
  }

  /** A number that counts something, seldom one that cannot. */
  count(low: number, high: number): string {
    return this.number(this.chance(0.02) ? this.pick(0, -1, 1.5) : this.between(low, high));
  }

  /** One number or [height, width]. */
  pair(low: number, high: number): string {
    return this.chance(0.6) ? this.count(low, high) : `[${this.count(low, high)}, ${this.count(low, high)}]`;
  }

  sides(high: number): string {
    const side = () => `[${this.count(0, high)}, ${this.count(0, high)}]`;
    return `[${side()}, ${side()}]`;
  }

  padding(high: number): string {
    return this.pick(
      () => this.pair(0, high),
      () => this.pair(0, high),
      () => `"same"`,
      () => `"valid"`,
      () => this.sides(high),
    )();
  }

  shape(): string {
    const size = () => this.number(this.chance(0.05) ? this.between(100, 2000) : this.between(1, 24));
    const rank = this.chance(0.06) ? this.pick(1, 2) : 3;
    return `[${Array.from({ length: rank }, size).join(", ")}]`;
  }

  options(...entries: readonly (readonly [name: string, share: number, write: () => string])[]): string {
    const given = entries.filter(([, share]) => this.chance(share));
    return `{ ${given.map(([name, , write]) => `${name}: ${write()}`).join(", ")} }`;
  }
}

type Write = (w: Writer) => string;

const stride = (w: Writer) => ["stride", 0.6, () => w.pair(1, w.chance(0.1) ? 14 : 4)] as const;
const padding = (w: Writer) => ["padding", 0.6, () => w.padding(3)] as const;
const dilation = (w: Writer) => ["dilation", 0.3, () => w.pair(1, 3)] as const;
const rounding = (w: Writer) =>
  ["rounding", 0.4, () => `"${w.pick("exact", "floor", "floor", "ceil", "ceil")}"`] as const;

const conv2d: Write = (w) =>
  w.options(
    ["filters", 1, () => w.count(1, 12)],
    ["kernel", 1, () => w.pair(1, 7)],
    stride(w),
    padding(w),
    dilation(w),
    rounding(w),
    ["groups", 0.3, () => w.count(1, 4)],
    ["inChannels", 0.15, () => w.count(1, 24)],
  );
const depthwiseConv2d: Write = (w) =>
  w.options(["kernel", 1, () => w.pair(1, 5)], stride(w), padding(w), dilation(w), rounding(w), [
    "depthMultiplier",
    0.5,
    () => w.count(1, 4),
  ]);
const axisWindow: Write = (w) =>
  w.options(
    ["kernel", 1, () => w.count(1, 7)],
    ["stride", 0.6, () => w.count(1, w.chance(0.1) ? 14 : 4)],
    [
      "padding",
      0.6,
      () =>
        w.pick(
          () => w.count(0, 3),
          () => `[${w.count(0, 3)}, ${w.count(0, 3)}]`,
          () => `"same"`,
        )(),
    ],
    ["dilation", 0.3, () => w.count(1, 3)],
    rounding(w),
  );
/** At times with padding that is not smaller than the window; mostly not, or little else would be met. */
const pool2d: Write = (w) =>
  w.chance(0.3)
    ? w.options(["size", 1, () => w.pair(2, 4)], stride(w), ["padding", 1, () => w.sides(3)], rounding(w))
    : w.options(["size", 1, () => w.pair(1, 5)], stride(w), ["padding", 0.5, () => w.padding(1)], rounding(w));

/** Writers of a method call, by how often they are drawn. */
const calls: readonly (readonly [weight: number, write: Write])[] = [
  [10, (w) => `.conv2d(${conv2d(w)})`],
  [4, (w) => `.depthwiseConv2d(${depthwiseConv2d(w)})`],
  [3, (w) => `.maxPool2d(${pool2d(w)})`],
  [3, (w) => `.avgPool2d(${pool2d(w)})`],
  [1, (w) => `.globalAvgPool2d().dense({ units: ${w.count(1, 9)} })`],
  [1, (w) => `.dense({ units: ${w.count(1, 9)} })`],
  [1, (w) => `.flatten().dense({ units: ${w.count(1, 9)} })`],
  [1, (w) => `.flatten().reshape({ shape: [${w.count(1, 9)}, ${w.count(1, 40)}] })`],
  // The methods of values, where the sentence names the place in the block.
  [2, (w) => `.apply(layers.conv2d(${conv2d(w)}))`],
  [2, (w) => `.apply(layers.stack(layers.relu(), layers.maxPool2d(${pool2d(w)})))`],
  [1, (w) => `.apply(layers.residual(layers.depthwiseConv2d(${depthwiseConv2d(w)})))`],
  [1, (w) => `.apply(layers.concatBranches(layers.conv2d(${conv2d(w)}), layers.maxPool2d(${pool2d(w)})))`],
];

/** Formulas of a single axis, which are shape rules of their own. */
const lengths: readonly Write[] = [
  (w) => `of(formulas.outputSize(${w.count(1, 24)}, ${axisWindow(w)}))`,
  (w) => `of(formulas.outputSize(${w.count(1, 24)}, ${axisWindow(w)}))`,
  (w) => `of(formulas.samePadding(${w.count(1, 9)}, ${w.options(["dilation", 0.4, () => w.count(1, 4)])}))`,
];

/** Expressions that merge two branches of `x`. */
const merges: readonly ((w: Writer) => string)[] = [
  (w) => `x.residual((y) => y.conv2d(${conv2d(w)}))`,
  (w) => `x.residual((y) => y.maxPool2d(${pool2d(w)}), (y) => y.maxPool2d(${pool2d(w)}))`,
  (w) => `x.maxPool2d(${pool2d(w)}).concat(x.avgPool2d(${pool2d(w)}))`,
  (w) => `x.depthwiseConv2d(${depthwiseConv2d(w)}).add(x)`,
  () => `x.concat(x.flatten())`,
];

/** `count` cases; the same for the same seed. */
export function writeCases(seed: string, count: number, dynamicShare = 0): FuzzCase[] {
  const bag = calls.flatMap(([weight, write]) => Array.from({ length: weight }, () => write));
  return Array.from({ length: count }, (_, index) => {
    const w = new Writer(`${seed} ${index}`, dynamicShare);
    if (w.chance(0.12)) return { code: w.pick(...lengths)(w), dynamic: w.dynamic };
    const input = `sequential(${w.shape()})`;
    const code = w.chance(0.12) ? `((x) => ${w.pick(...merges)(w)})(${input})` : `${input}${w.pick(...bag)(w)}`;
    return { code, dynamic: w.dynamic };
  });
}
