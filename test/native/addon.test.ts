import { describe, expect, test } from "vitest";
import { addonFunctions, checkedAddon, type NativeAddon } from "../../lib/backend/native/addon.js";
import { encodeProgram } from "../../lib/backend/native/encode.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { opSchemas } from "../../lib/graph/opSchema.js";
import { channels, heavyProgram } from "./heavy.js";

const { addon } = nativeBackend();
const program = heavyProgram({ rows: 4, passes: 3, trains: true });
const words = encodeProgram(program, () => 0);

function compiled(): ReturnType<NativeAddon["compile"]> {
  return addon.compile(words, addon.createState(Float64Array.of(channels)), 0, 0);
}

/** Calls with arguments that the types forbid. */
function call(name: keyof NativeAddon, ...values: unknown[]): unknown {
  return (addon[name] as (...values: unknown[]) => unknown)(...values);
}

describe("the addon and its typed mirror", () => {
  test("have the same functions", () => {
    expect(Object.keys(addon).sort()).toEqual(Object.keys(addonFunctions).sort());
  });

  test("have the same ops in the same order", () => {
    const table = addon.opTable().map(({ name, ...schema }) => [name, schema]);
    expect(table).toEqual(Object.entries(opSchemas));
  });

  test("an addon that lacks a function or names an op differently is refused", () => {
    expect(() => checkedAddon({ ...addon, abort: undefined })).toThrow(
      "the addon was built for another version of striate: it lacks abort",
    );
    expect(() => checkedAddon(null)).toThrow("it lacks opTable, info");
    const renamed = { ...addon, opTable: () => addon.opTable().map((op) => ({ ...op, name: `${op.name}!` })) };
    expect(() => checkedAddon(renamed)).toThrow(/its op 0 is conv2d!\(x, filter.*, expected conv2d\(x, filter/);
    const longer = { ...addon, opTable: () => [...addon.opTable(), addon.opTable()[0]!] };
    expect(() => checkedAddon(longer)).toThrow(/its op \d+ is conv2d\(.*, expected none/);
  });
});

describe("the addon refuses what types cannot", () => {
  const state = addon.createState(Float64Array.of(3));
  const executable = compiled();
  const x = new Float32Array(4 * channels);
  const detached = new Float32Array(4 * channels);
  structuredClone(detached.buffer, { transfer: [detached.buffer] });

  const cases: [string, () => unknown, string | RegExp][] = [
    ["a number for a handle", () => call("stateVersion", 1), "argument 0 must be a State"],
    ["nothing for a handle", () => call("run"), "argument 0 must be an Executable"],
    ["one handle for another", () => call("run", state, [], [], 1, 0), "argument 0 must be an Executable"],
    ["one handle for another", () => call("stateDispose", executable), "argument 0 must be a State"],
    ["any object for a handle", () => call("explain", {}), "argument 0 must be an Executable"],
    ["sizes that are no array", () => call("createState", [1]), "createState: sizes must be a typed array, got 1"],
    [
      "sizes of another type",
      () => call("createState", new Float32Array(1)),
      "createState: sizes must be a Float64Array",
    ],
    [
      "a size of 0",
      () => call("createState", Float64Array.of(2, 0)),
      "createState: size 1 must be a positive integer, got 0",
    ],
    [
      "a size of NaN",
      () => call("createState", Float64Array.of(NaN)),
      "createState: size 0 must be a positive integer, got NaN",
    ],
    [
      "a size of infinity",
      () => call("createState", Float64Array.of(Infinity)),
      "must be a positive integer, got Infinity",
    ],
    ["words of another type", () => call("compile", new Float32Array(9), state, 0, 0), "must be a Float64Array"],
    [
      "a bad check mode",
      () => call("compile", words, state, 3, 0),
      "the check mode must be an integer from 0 to 2, got 3",
    ],
    [
      "no word on whose the State is",
      () => call("compile", words, state, 0, 2),
      "compile: whether it owns the State must be an integer from 0 to 1, got 2",
    ],
    ["0 rows", () => call("run", executable, [x], [x], 0, 0), "run: rows must be an integer from 1 to 4, got 0"],
    [
      "half a row",
      () => call("run", executable, [x], [x], 1.5, 0),
      "run: rows must be an integer from 1 to 4, got 1.5",
    ],
    ["rows as text", () => call("run", executable, [x], [x], "1", 0), "run: rows must be a number, got 1"],
    [
      "no learning rate",
      () => call("run", executable, [x], [x], 4),
      "run: learningRate must be a number, got undefined",
    ],
    ["inputs that are no array", () => call("run", executable, x, [x], 4, 0), "run: inputs must be an array"],
    ["too many inputs", () => call("run", executable, [x, x], [x], 4, 0), "run: inputs must have 1 elements, got 2"],
    [
      "an input of another type",
      () => call("run", executable, [new Int32Array(4 * channels)], [x], 4, 0),
      "run: input must be a Float32Array",
    ],
    [
      "a DataView",
      () => call("run", executable, [new DataView(x.buffer)], [x], 4, 0),
      "run: input must be a typed array",
    ],
    [
      "a short input",
      () => call("run", executable, [x.subarray(1)], [x], 4, 0),
      "run: input must have 256 elements, got 255",
    ],
    [
      "a detached input",
      () => call("run", executable, [detached], [x], 4, 0),
      "run: input must have 256 elements, got 0",
    ],
    [
      "an input that a getter of the outputs detaches",
      () => {
        const gone = x.slice();
        const get = (): Float32Array => {
          structuredClone(gone.buffer, { transfer: [gone.buffer] });
          return x;
        };
        return call("run", executable, [gone], Object.defineProperty([], 0, { get }), 4, 0);
      },
      "run: input must have 256 elements, got 0",
    ],
    [
      "a short output",
      () => call("run", executable, [x], [x.subarray(1)], 4, 0),
      "run: output must have 256 elements, got 255",
    ],
    [
      "times of another length",
      () => call("profile", executable, [x], [x], 4, 0, new Float64Array(9)),
      `profile: milliseconds must be a Float64Array of ${addon.explain(executable).length}`,
    ],
    [
      "times of another type",
      () => call("profile", executable, [x], [x], 4, 0, x),
      "profile: milliseconds must be a Float64Array of",
    ],
    [
      "a tensor number that is not there",
      () => call("stateRead", state, Int32Array.of(1), [x]),
      "read: there is no tensor 1",
    ],
    [
      "a negative tensor number",
      () => call("stateWrite", state, Int32Array.of(-1), [x]),
      "write: there is no tensor -1",
    ],
    [
      "a tensor of another size",
      () => call("stateWrite", state, Int32Array.of(0), [x]),
      "write must have 3 elements, got 256",
    ],
    [
      "no threads",
      () => call("setThreads", 0),
      /setThreads: the number of threads must be an integer from 1 to \d+, got 0/,
    ],
    ["an id that is no number", () => call("abort", "x"), "abort: the id must be a number, got x"],
  ];
  test.each(cases)("%s", (_, attempt, message) => {
    expect(attempt).toThrow(TypeError);
    expect(attempt).toThrow(message);
  });

  test("an error thrown by a getter passes through", () => {
    const inputs = new Proxy([x], {
      get: () => {
        throw new RangeError("from the getter");
      },
    });
    expect(() => call("run", executable, inputs, [x], 4, 0)).toThrow("from the getter");
  });

  test("a getter that disposes the Executable it is passed to does no harm", () => {
    const mine = compiled();
    const inputs = [x];
    Object.defineProperty(inputs, 0, {
      get: () => {
        addon.dispose(mine);
        return x;
      },
    });
    const y = new Float32Array(4 * channels).fill(1);
    addon.run(mine, inputs, [y], 4, 0);
    expect(y.every((value) => value === 0)).toBe(true);
    expect(() => addon.run(mine, [x], [y], 4, 0)).toThrow("executable: it was disposed and cannot run any more");
  });

  test("words that are no Program, with a code", () => {
    const attempt = (): unknown => addon.compile(new Float64Array(20), state, 0, 0);
    expect(attempt).toThrow("program: it does not begin with the magic word, got 0");
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_STRIATE_PROGRAM" }));
  });

  test("more memory than the machine has", () => {
    const attempt = (): unknown => addon.createState(Float64Array.of(2 ** 50));
    expect(attempt).toThrow(/state: tensor 0 of 1125899906842624 elements exceeds the limit of \d+ bytes/);
    expect(attempt).toThrow(expect.objectContaining({ code: "ERR_STRIATE_MEMORY" }));
  });
});
