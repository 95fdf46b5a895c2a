import { afterEach, describe, expect, it, vi } from "vitest";
import type { State } from "../../lib/backend/backend.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import type { Program } from "../../lib/graph/program.js";
import { ProgramBuilder } from "./programBuilder.js";
import { affineProgram, differenceProgram, trainingProgram, twins } from "./samplePrograms.js";

const compile = (program: Program, state: State = referenceBackend.createState([])) =>
  referenceBackend.compile(program, state);

describe("info", () => {
  it("names the backend", () => {
    expect(referenceBackend.name).toBe("reference");
    const info = { backend: "reference", isa: "none", threads: 1, nativeBytes: 0, loadError: undefined };
    expect(referenceBackend.info()).toEqual(info);
  });
});

describe("State", () => {
  it("starts with zeros, copies in and out, counts versions", () => {
    const state = referenceBackend.createState([
      { name: "a", shape: [2, 3] },
      { name: "b", shape: [1] },
    ]);
    expect(state.read(["b", "a"])).toEqual([new Float32Array(1), new Float32Array(6)]);
    expect(state.version).toBe(0);
    const values = new Float32Array(6).fill(5);
    state.write(new Map([["a", values]]));
    values.fill(0);
    const [read] = state.read(["a"]);
    read!.fill(1);
    expect(state.read(["a"])).toEqual([new Float32Array(6).fill(5)]);
    expect(state.version).toBe(1);
  });

  it("writes all tensors of a call or none", () => {
    const state = referenceBackend.createState(twins);
    const tensors = new Map([
      ["first", new Float32Array(1000).fill(1)],
      ["second", new Float32Array(999)],
    ]);
    expect(() => state.write(tensors)).toThrow('state: "second" has 1000 elements, got 999');
    expect(() => state.write(new Map([["third", new Float32Array(1)]]))).toThrow(
      'there is no tensor "third", it has first, second',
    );
    expect(state.read(["first"])[0]![0]).toBe(0);
    expect(state.version).toBe(0);
  });

  it("refuses specs that cannot be", () => {
    const create =
      (...specs: { name: string; shape: number[] }[]) =>
      () =>
        referenceBackend.createState(specs);
    expect(create({ name: "a", shape: [2, 0] })).toThrow(
      'state: the sizes of "a" must be positive whole numbers, got [2, 0]',
    );
    expect(create({ name: "a", shape: [] })).toThrow("positive whole numbers, got []");
    expect(create({ name: "a", shape: [1] }, { name: "a", shape: [1] })).toThrow(
      'state: names must differ, got "a" twice',
    );
  });

  it("cannot be used after dispose, nor what was compiled for it", () => {
    const state = referenceBackend.createState(twins);
    const executable = compile(differenceProgram(), state);
    executable.run([], { rows: 1 });
    state.dispose();
    state.dispose();
    const disposed = expect.objectContaining({ code: "ERR_STRIATE_DISPOSED" }) as Error;
    expect(() => state.read([])).toThrow(disposed);
    expect(() => state.write(new Map())).toThrow(disposed);
    expect(() => state.version).toThrow(disposed);
    expect(() => executable.run([], { rows: 1 })).toThrow(disposed);
    expect(() => compile(differenceProgram(), state)).toThrow(disposed);
  });
});

describe("run", () => {
  it("takes exactly what the Program takes", () => {
    const { run } = bound(compile(affineProgram(3, 2, 0, 4)));
    const x = new Float32Array(6);
    expect(() => run([x], { rows: 0 })).toThrow("run: rows must be a whole number from 1 to 4, got 0");
    expect(() => run([x], { rows: 5 })).toThrow("from 1 to 4, got 5");
    expect(() => run([x], { rows: 1.5 })).toThrow("got 1.5");
    expect(() => run([x], { rows: 3 })).toThrow("run: input x must have 9 elements (3 rows), got 6");
    expect(() => run([new Uint8Array(6)], { rows: 2 })).toThrow("run: input x must be a Float32Array, got Uint8Array");
    expect(() => run([], { rows: 2 })).toThrow("run: input x must be a Float32Array, got nothing");
    expect(() => run([x, x], { rows: 2 })).toThrow("run: the Program takes 1 inputs, got 2");
    expect(run([x], { rows: 2, learningRate: 1 })).toEqual([x]);
  });

  it("needs a learning rate to train, a finite one", () => {
    const state = referenceBackend.createState(twins);
    const { run } = bound(compile(trainingProgram(1, 2), state));
    const inputs = [new Float32Array(1000), new Float32Array(4)];
    expect(() => run(inputs, { rows: 1 })).toThrow("run: learningRate must be a finite number, got undefined");
    expect(() => run(inputs, { rows: 1, learningRate: NaN })).toThrow("got NaN");
    expect(state.version).toBe(0);
  });

  it("gives new outputs each time and does not touch its inputs", () => {
    const { run } = bound(compile(affineProgram(2, 3, 0)));
    const x = new Float32Array([1, 2]);
    const [first] = run([x], { rows: 1 });
    const [second] = run([new Float32Array([5, 5])], { rows: 1 });
    expect([first, second, x]).toEqual(
      [
        [3, 6],
        [15, 15],
        [1, 2],
      ].map((values) => new Float32Array(values)),
    );
  });

  it("accepts u8 input, Buffers included", () => {
    const builder = new ProgramBuilder();
    const x = builder.place("input", "x", [1, 3], { dtype: "u8" });
    const y = builder.place("output", "y", [1, 3]);
    const { run } = bound(compile(builder.step("rescale", { x, y }, { scale: 0.5, offset: -1 }).build()));
    expect(run([Buffer.from([0, 1, 255])], { rows: 1 })).toEqual([new Float32Array([-1, -0.5, 126.5])]);
  });

  it("ends with dispose", () => {
    const executable = compile(affineProgram(1, 1, 0));
    executable.dispose();
    executable.dispose();
    const disposed = "executable: it was disposed and cannot run any more";
    expect(() => executable.run([new Float32Array(1)], { rows: 1 })).toThrow(disposed);
    expect(() => executable.explain()).toThrow(disposed);
  });
});

function bound(executable: ReturnType<typeof compile>) {
  return { run: executable.run.bind(executable) };
}

describe("prepare", () => {
  it("runs once per version of the State", () => {
    const builder = new ProgramBuilder();
    const weights = builder.place("state", "weights", [2]);
    const kept = builder.place("prepared", "kept", [2]);
    const y = builder.place("output", "y", [2]);
    builder.step("copy", { x: weights, y: kept }, {}, "prepare");
    builder.step("rescale", { x: kept, y }, { scale: 2 });
    const state = referenceBackend.createState([{ name: "weights", shape: [2] }]);
    const executable = compile(builder.build(), state);
    const { runner } = executable as unknown as { runner: { own: Float32Array[] } };
    const result = () => executable.run([], { rows: 1 })[0]!;
    expect([...result()]).toEqual([0, 0]);
    // What was prepared stays, so a change behind the back shows; a write prepares anew.
    runner.own[1]!.fill(9);
    expect([...result()]).toEqual([18, 18]);
    state.write(new Map([["weights", new Float32Array([1, 2])]]));
    expect([...result()]).toEqual([2, 4]);
  });
});

describe("commit", () => {
  it("moves the State by a whole step, in place", () => {
    const state = referenceBackend.createState(twins);
    const executable = compile(trainingProgram(1, 2), state);
    const inputs = [new Float32Array(1000).fill(2), new Float32Array(4).fill(0.5)];
    for (const learningRate of [1, 0.25]) executable.run(inputs, { rows: 1, learningRate });
    expect(state.read(["first", "second"])).toEqual([1, 2].map(() => new Float32Array(1000).fill(-2.5)));
    expect(state.version).toBe(2);
  });

  it("does not happen where a step throws", () => {
    const builder = new ProgramBuilder();
    const logits = builder.place("input", "logits", [1, 2]);
    const labels = builder.place("input", "labels", [1], { dtype: "i32" });
    const loss = builder.place("output", "loss", [1]);
    const probabilities = builder.place("arena", "probabilities", [1, 2]);
    const parameter = builder.place("state", "parameter", [1]);
    builder.step("softmaxCrossEntropy", { logits, labels, loss, probabilities });
    builder.step("sgd", { parameter, gradient: loss, newParameter: parameter }, {}, "commit");
    const state = referenceBackend.createState([{ name: "parameter", shape: [1] }]);
    const executable = compile(builder.build(), state);
    const run = (label: number) =>
      executable.run([new Float32Array(2), Int32Array.of(label)], { rows: 1, learningRate: 1 });
    expect(() => run(2)).toThrow("label must be a class from 0 to 1 (2 classes), got 2 at index 0");
    expect(() => run(-1)).toThrow("got -1");
    expect(state.version).toBe(0);
    run(1);
    expect(state.version).toBe(1);
    expect(state.read(["parameter"])[0]![0]).toBeCloseTo(-Math.log(2), 6);
  });
});

describe("check mode", () => {
  afterEach(() => vi.unstubAllEnvs());

  /** y = 4 x, z = 2 x: of the two arena buffers one dies early, the other is read again through a view. */
  function sound(): Program {
    const builder = new ProgramBuilder();
    const x = builder.place("input", "x", [4]);
    const doubled = builder.place("arena", "doubled", [4]);
    const fourfold = builder.place("arena", "fourfold", [4]);
    const y = builder.place("output", "y", [4]);
    const z = builder.place("output", "z", [2, 2]);
    const view = builder.view(1, [2, 2]);
    builder.step("rescale", { x, y: doubled }, { scale: 2 });
    builder.step("rescale", { x: doubled, y: fourfold }, { scale: 2 });
    builder.step("copy", { x: fourfold, y });
    return builder.step("copy", { x: view, y: z }).build();
  }

  it("changes no result of a sound Program", () => {
    const run = () => compile(sound()).run([new Float32Array([1, 2, 3, 4])], { rows: 1 });
    const expected = run();
    vi.stubEnv("STRIATE_CHECK", "1");
    expect(run()).toEqual(expected);
  });

  it("shows memory that was never written", () => {
    vi.stubEnv("STRIATE_CHECK", "1");
    const builder = new ProgramBuilder();
    const never = builder.place("arena", "arena", [3]);
    const y = builder.place("output", "y", [3]);
    const [result] = compile(builder.step("copy", { x: never, y }).build()).run([], { rows: 1 });
    expect([...result!]).toEqual([NaN, NaN, NaN]);
  });

  it("poisons what is dead, and only that", () => {
    vi.stubEnv("STRIATE_CHECK", "1");
    const executable = compile(sound());
    const [y, z] = executable.run([new Float32Array([1, 2, 3, 4])], { rows: 1 });
    expect([...y!, ...z!]).toEqual([4, 8, 12, 16, 2, 4, 6, 8]);
    const { runner } = executable as unknown as { runner: { own: Float32Array[] } };
    expect(runner.own[1]!.every(Number.isNaN) && runner.own[2]!.every(Number.isNaN)).toBe(true);
  });

  it("works in the worker too", async () => {
    vi.stubEnv("STRIATE_CHECK", "1");
    const builder = new ProgramBuilder();
    const y = builder.place("output", "y", [2]);
    const x = builder.place("arena", "arena", [2]);
    const executable = compile(builder.step("copy", { x, y }).build());
    expect(await executable.runAsync([], { rows: 1 })).toEqual([new Float32Array([NaN, NaN])]);
  });
});

describe("explain", () => {
  it("names the algorithm of each step and why others declined", () => {
    const builder = new ProgramBuilder();
    const x = builder.place("input", "x", [1, 6, 6, 4]);
    const window = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1 };
    const convolve = (perGroup: number, groups: number, algorithm: number): void => {
      const name = `filter ${builder.buffers.length}`;
      const filter = builder.place("input", name, [3, 3, perGroup, 4]);
      const y = builder.place("output", name, [1, 4, 4, 4]);
      builder.step("conv2d", { x, filter, y }, { ...window, groups, algorithm });
    };
    convolve(4, 1, 0);
    convolve(2, 2, 0);
    convolve(1, 4, 0);
    convolve(4, 1, 1);
    const flat = builder.view(0, [36, 4]);
    const square = builder.view(2, [4, 4]);
    builder.step("matmul", { a: flat, b: square, y: builder.place("output", "y", [36, 4]) });
    builder.step("softmax", { x: flat, y: builder.place("output", "z", [36, 4]) });
    const steps = compile(builder.build()).explain();
    expect(steps.map(({ algorithm }) => algorithm)).toEqual([
      "blockedGemm",
      "blockedGemm",
      "loops",
      "im2col",
      "blockedGemm",
      "loops",
    ]);
    expect(steps.every(({ kernel, packedBytes }) => kernel === "reference" && packedBytes === 0)).toBe(true);
    expect(steps[0]!.declined).toEqual(["im2col: not asked for", "loops: one group"]);
    expect(steps[1]!.declined).toEqual(["im2col: not asked for", "loops: 2 input channels per group"]);
    expect(steps[3]!.scratchBytes).toBe(4 * 16 * 36);
  });
});
