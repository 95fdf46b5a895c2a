/** What a stranger may pass, and the judge of what comes of it: a result, or one StriateError with a code. */
import fc from "fast-check";
import { expect } from "vitest";
import { StriateError } from "../../lib/index.js";

/** Multiplies the number of cases; the suite runs with 1. */
const factor = Number(process.env["STRIATE_FAULT_RUNS"] ?? 1);

/** The same cases in every run. A case that hangs is stopped by the test's own limit. */
export function check<Values>(property: fc.IRawProperty<Values>, count: number): void {
  // Not shrunk, not printed: values are too large and too odd for that. The path brings one back.
  const parameters = { seed: 20_110_502, numRuns: Math.ceil(count * factor), endOnFailure: true };
  const details = fc.check(property, parameters) as fc.RunDetails<Values>;
  if (!details.failed) return;
  const { errorInstance, counterexamplePath } = details;
  const reason = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance);
  throw new Error(`case ${counterexamplePath}: ${reason}`, { cause: errorInstance });
}

const numbers = [-1, 0, -0, 1, 2, 3, 4, 7, 0.5, 1.5, NaN, Infinity, -Infinity, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 52];
const larger = [2 ** 53 - 1, 2 ** 53, 2 ** 63, 1e300, -(2 ** 31), -(2 ** 53), 5e-324];
const words = ["", "same", "valid", "full", "3", "none", "exact", "__proto__", "constructor", "\ud800", "a\nb", "name"];

function circle(): unknown[] {
  const list: unknown[] = [1];
  list.push(list);
  return list;
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

/** A typed array whose memory has gone to somebody else. */
export function detached(length: number): Float32Array {
  const array = new Float32Array(length);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

const anyNumber = fc.oneof(fc.constantFrom(...numbers, ...larger), fc.integer({ min: -3, max: 9 }), fc.double());

/** Made anew for every case: a call might keep or change what it is given. */
const oddities = fc
  .constantFrom<() => unknown>(
    () => undefined,
    () => null,
    () => true,
    () => false,
    () => 3n,
    () => 2n ** 64n,
    () => Symbol("s"),
    () => () => 3,
    () => ({}),
    () => ({ length: 2 }),
    () => ({ valueOf: () => 3 }),
    () => ({ shape: [3, 3], data: [1] }),
    () => ({
      toString() {
        throw new RangeError("a toString() of the caller's");
      },
    }),
    () => Object.create(null) as unknown,
    () => new Date(0),
    () => new Map([["a", 1]]),
    () => new Float32Array(2),
    () => new BigInt64Array(9),
    () => new DataView(new ArrayBuffer(8)),
    () => new Float32Array(new SharedArrayBuffer(8)),
    () => detached(4),
    () => [],
    () => [[]],
    () => new Array<number>(2),
    () => [3, Symbol("s")],
    () => [3, 3n],
    () => [{}, null],
    circle,
    () => nested(9000),
    () => Array.from({ length: 5000 }, (_, i) => i),
    () => "x".repeat(100_000),
  )
  .map((make) => make());

/** Anything at all, with a good share of what is nearly right. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: anyNumber },
  { weight: 1, arbitrary: fc.constantFrom(...words) },
  { weight: 2, arbitrary: oddities },
  { weight: 2, arbitrary: fc.array(anyNumber, { maxLength: 5 }) },
  { weight: 1, arbitrary: fc.tuple(fc.tuple(anyNumber, anyNumber), fc.tuple(anyNumber, anyNumber)) },
);

/** `legal` with some of the options, or none, replaced by junk. */
export function spoiled(legal: object, options: readonly string[]): fc.Arbitrary<Record<string, unknown>> {
  const one = fc.record({ option: fc.constantFrom(...options), value: junk });
  return fc
    .array(one, { minLength: 1, maxLength: 3 })
    .map((changes) =>
      Object.assign({}, legal, Object.fromEntries(changes.map(({ option, value }) => [option, value]))),
    );
}

/** Fails unless the error is one of ours, with a code, in one sentence that a person can read. */
export function expectRefusal(error: unknown): asserts error is StriateError {
  if (!(error instanceof StriateError)) throw error;
  expect(error.code).toMatch(/^ERR_STRIATE_[A-Z_]+$/);
  // A model's file may have several faults, one a line.
  expect(error.message).toMatch(/^[^\n]{8,1200}(\n {2}- [^\n]{8,1200})*$/);
}

/** What a call gives, or undefined where it refuses as it should. */
export function attempt<Result>(call: () => Result): Result | undefined {
  try {
    return call();
  } catch (error) {
    expectRefusal(error);
    return undefined;
  }
}

/** As attempt, of a promise. */
export async function attemptAsync<Result>(call: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await call();
  } catch (error) {
    expectRefusal(error);
    return undefined;
  }
}
