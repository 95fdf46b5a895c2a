// Options at run time. What depends on shapes is judged by the shape rules; this is about everything else: names that
// no layer knows, booleans, words and plain numbers.
import { OptionError } from "../errors.js";
import { requireOptions, shortened, showValue } from "../shape/values.js";

/** What is known about one option. */
export interface OptionRule {
  /** Written out where the option is omitted. */
  readonly fallback?: unknown;
  /** Completes "name must be ...". Absent: a shape rule judges the value. */
  readonly must?: string;
  /** Whether a value is legal. */
  test?(value: unknown): boolean;
}

/** true or false. */
export function flag(fallback: boolean): OptionRule {
  return { fallback, must: "true or false", test: (value) => typeof value === "boolean" };
}

/** One of some words. */
export function oneOf(...words: readonly string[]): OptionRule {
  const must = words.map((word) => `'${word}'`).join(" or ");
  return { fallback: words[0], must, test: (value) => words.includes(value as string) };
}

/** A number within limits. */
export function numberWhere(must: string, fallback: number, test: (value: number) => boolean): OptionRule {
  return {
    fallback,
    must,
    test: (value) => typeof value === "number" && Number.isFinite(value) && test(value),
  };
}

/** An option that a shape rule judges. */
export function judged(fallback?: unknown): OptionRule {
  return fallback === undefined ? {} : { fallback };
}

/** How many letters have to change: good enough to find a slip of the pen among a dozen names. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function unknownOption(layer: string, name: string, known: readonly string[]): OptionError {
  const nearest = known.toSorted((a, b) => distance(name, a) - distance(name, b))[0];
  const close = nearest !== undefined && distance(name, nearest) <= 3;
  const advice = close ? `Did you mean '${nearest}'?` : `It has ${known.join(", ")}`;
  return new OptionError(name, `${layer}: there is no option '${shortened(name)}'. ${advice}`);
}

/** A later change of the caller's array must not reach into the graph. */
function copied(layer: string, name: string, value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch (cause) {
    throw new OptionError(name, `${layer}: ${name} must be plain data, got ${showValue(value)}`, { cause });
  }
}

/**
 * A copy of the options with the defaults written out. An option that is `undefined` counts as omitted.
 *
 * @throws OptionError for a name that the rules do not list, or a value that fails its rule
 */
export function readOptions(
  layer: string,
  options: unknown,
  rules: Readonly<Record<string, OptionRule>>,
): Record<string, unknown> {
  requireOptions(layer, options);
  const given = new Map(Object.entries(options as object).filter(([, value]) => value !== undefined));
  const known = Object.keys(rules);
  const read: Record<string, unknown> = {};
  for (const [name, rule] of Object.entries(rules)) {
    const value: unknown = given.get(name) ?? rule.fallback;
    given.delete(name);
    if (value === undefined) continue;
    if (rule.test?.(value) === false) {
      throw new OptionError(name, `${layer}: ${name} must be ${rule.must ?? "legal"}, got ${showValue(value)}`);
    }
    read[name] = copied(layer, name, value);
  }
  for (const name of given.keys()) throw unknownOption(layer, name, [...known, "name"]);
  return read;
}

/**
 * Splits off the name, which belongs to the node and not to the layer.
 *
 * @throws OptionError for a name that could not stand in a file
 */
export function splitName(
  layer: string,
  options: unknown,
): { readonly name: string | undefined; readonly rest: unknown } {
  if (typeof options !== "object" || options === null) return { name: undefined, rest: options };
  const { name, ...rest } = options as { readonly name?: unknown };
  if (name === undefined) return { name: undefined, rest: Array.isArray(options) ? options : rest };
  if (typeof name !== "string" || !/^\w[\w./-]*$/.test(name)) {
    const rule = "letters, digits and . _ / - (not first)";
    throw new OptionError("name", `${layer}: name must be ${rule}, got ${showValue(name)}`);
  }
  return { name, rest };
}

/** Options of a layer that has none but the name. */
export interface NameOnly {
  /** Default: the type and a number. */
  readonly name?: string;
}
