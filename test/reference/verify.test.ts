import { describe, expect, it } from "vitest";
import { StriateError } from "../../lib/errors.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import type { Program } from "../../lib/graph/program.js";
import { ProgramBuilder } from "./programBuilder.js";

const window = { strideH: 1, strideW: 1, dilationH: 1, dilationW: 1, groups: 1 };

/** Convolution with bias and relu, a fold in prepare, sgd in commit: every list, every kind of storage. */
function wellFormed(): Program {
  const builder = new ProgramBuilder(2);
  const x = builder.place("input", "x", [2, 5, 5, 3], { batched: true });
  const filter = builder.place("state", "filter", [3, 3, 3, 4]);
  const gamma = builder.place("state", "gamma", [4]);
  const scale = builder.place("prepared", "scale", [4]);
  const shift = builder.place("prepared", "shift", [4]);
  const hidden = builder.place("arena", "arena", [2, 3, 3, 4], { batched: true });
  const y = builder.place("output", "y", [2, 3, 3, 4], { batched: true });
  const sums = builder.place("output", "sums", [4]);
  const fold = { gamma, beta: gamma, mean: gamma, variance: gamma, scale, shift };
  builder.step("batchNorm.fold", fold, { epsilon: 1e-5 }, "prepare");
  builder.step("conv2d", { x, filter, bias: shift, scale, y: hidden }, window);
  builder.step("activation", { x: hidden, y }, { activation: 1 });
  builder.step("channelSum", { x: y, y: sums });
  builder.step("sgd", { parameter: gamma, gradient: sums, newParameter: gamma }, {}, "commit");
  return builder.build();
}

const state = () =>
  referenceBackend.createState([
    { name: "filter", shape: [3, 3, 3, 4] },
    { name: "gamma", shape: [4] },
  ]);

/** A deep copy that may be changed anywhere. */
type Loose = { [key: string]: Loose } & Loose[] & number;
function changed(change: (program: Loose) => void, base = wellFormed()): Program {
  const copy = structuredClone(base);
  change(copy as unknown as Loose);
  return copy;
}

const set =
  (path: string, value: unknown) =>
  (program: Loose): void => {
    const keys = path.split(".");
    const last = keys.pop()!;
    let place = program as unknown as Record<string, unknown>;
    for (const key of keys) place = place[key] as Record<string, unknown>;
    place[last] = value;
  };

const malformed: readonly (readonly [path: string, value: unknown, message: string])[] = [
  ["version", 2, "program: version must be 1, got 2"],
  ["rows", 0, "rows must be a whole number from 1 to 2147483647, got 0"],
  ["rows", 1.5, "rows must be a whole number"],
  ["steps", undefined, "steps must be an array, got undefined"],
  ["storages.0", null, "storage 0: must be an object, got null"],
  ["storages.0.kind", "tape", "storage 0: kind must be one of input, output, state, prepared, arena, got tape"],
  ["storages.0.dtype", "f64", "storage 0: dtype must be one of f32, i32, u8, got f64"],
  [
    "storages.5.dtype",
    "i32",
    "storage 5: only inputs may hold i32, only inputs and outputs u8, got i32 for kind arena",
  ],
  ["storages.0.size", 2 ** 50, "storage 0: size must be a whole number from 1"],
  ["storages.1.name", "filters", 'storage 1: the State has no tensor "filters"'],
  ["storages.1.size", 200, 'storage 1: State tensor "filter" has 108 elements, the Program expects 200'],
  ["buffers.0.storage", 8, "buffer 0: storage must be a whole number from 0 to 7, got 8"],
  ["buffers.0.offset", -1, "buffer 0: offset must be a whole number from 0"],
  ["buffers.0.pixelStride", 2, "buffer 0: pixelStride 2 is less than its 3 channels"],
  ["buffers.0.pixelStride", 2 ** 53 - 1, "buffer 0: pixelStride must be a whole number"],
  ["buffers.0.shape", [], "buffer 0: the rank of its shape must be a whole number from 1 to 5, got 0"],
  ["buffers.0.shape", [2, 5, 6, 3], "buffer 0: does not fit storage 0 of 150 elements: [2, 5, 6, 3]"],
  ["buffers.0.shape", [2 ** 40, 2 ** 40, 3], "buffer 0: does not fit storage 0"],
  ["buffers.0.shape.1", 0, "buffer 0: size must be a whole number from 1"],
  ["buffers.0.batched", 1, "buffer 0: batched must be true or false, got number"],
  ["buffers.0.shape", [1, 5, 5, 3], "buffer 0: is batched, so its first size must be 2, got 1"],
  ["buffers.0.pixelStride", 4, "buffer 0: does not fit storage 0"],
  ["buffers.5.offset", 1, "buffer 5: does not fit storage 5"],
  ["buffers.1.batched", true, "buffer 1: is batched, so its first size must be 2, got 3"],
  ["steps.0", 7, "steps 0: must be an object, got 7"],
  ["steps.0.op", "conv3d", "steps 0: there is no op conv3d"],
  ["steps.0.op", "toString", "steps 0: there is no op toString"],
  ["steps.0.inputs", [0], "steps 0: conv2d: takes 5 operands, got 1"],
  ["steps.0.inputs.1", -1, "steps 0: conv2d: operand filter must be a whole number from 0 to 7, got -1"],
  ["steps.0.inputs.2", 99, "steps 0: conv2d: operand bias? must be a whole number from -1 to 7, got 99"],
  ["steps.0.outputs", [], "steps 0: conv2d: takes 1 results, got 0"],
  ["steps.0.attributes", [1], "steps 0: conv2d: takes 13 attributes, got 1"],
  ["steps.0.attributes.0", NaN, "steps 0: conv2d: strideH must be a finite number, got NaN"],
  ["steps.0.attributes.0", 0, "steps 0: conv2d: strideH must be a whole number from 1 to 2147483647, got 0"],
  ["steps.0.attributes.0", 2, "steps 0: conv2d: y must have 2 windows along axis 1, got [2, 3, 3, 4] batched"],
  [
    "steps.0.attributes.8",
    2,
    "steps 0: conv2d: filter expects 3 input channels per group, got 1.5 (input [2, 5, 5, 3]",
  ],
  ["steps.0.attributes.9", 6, "steps 0: conv2d: activation must be a whole number from 0 to 5, got 6"],
  ["steps.0.attributes.10", -0.1, "steps 0: conv2d: slope must be at least 0, got -0.1"],
  ["steps.0.attributes.11", 3, "steps 0: conv2d: algorithm must be a whole number from 0 to 2, got 3"],
  ["steps.0.inputs.2", 1, "steps 0: conv2d: bias must be [4], got [3, 3, 3, 4]"],
  ["steps.0.outputs.0", 0, "steps 0: conv2d: writes arena and output only, buffer 0 is of kind input"],
  ["steps.1.outputs.0", 1, "steps 1: activation: writes arena and output only, buffer 1 is of kind state"],
  ["steps.1.outputs.0", 7, "steps 1: activation: y must have the shape of x [2, 3, 3, 4] batched, got [4]"],
  [
    "prepare.0.inputs.0",
    0,
    "prepare 0: batchNorm.fold: reads state and prepared memory only, buffer 0 is of kind input",
  ],
  ["prepare.0.outputs.0", 1, "prepare 0: batchNorm.fold: writes prepared only, buffer 1 is of kind state"],
  ["prepare.0.outputs.1", 3, "prepare 0: batchNorm.fold: its results overlap, buffers 3 and 3"],
  ["prepare.0.op", "fill", "prepare 0: fill: takes 0 operands, got 5"],
  [
    "prepare.0",
    { op: "softmax", inputs: [2], outputs: [4], attributes: [] },
    "prepare 0: softmax: this op may not prepare",
  ],
  ["commit.0", { op: "fill", inputs: [], outputs: [2], attributes: [0] }, "commit 0: fill: this op may not commit"],
  ["commit.0.op", "softmax", "commit 0: softmax: takes 1 operands, got 3"],
  ["commit.0.outputs.0", 7, "commit 0: sgd: writes state only, buffer 7 is of kind output"],
  ["commit.0.inputs.1", 1, "commit 0: sgd: gradient must have the shape of parameter [4], got [3, 3, 3, 4]"],
  ["commit.0.inputs.2", 2, "commit 0: sgd: velocity and newVelocity come together"],
];

describe("verify", () => {
  it("accepts the program that the others are made of", () => {
    expect(() => referenceBackend.compile(wellFormed(), state())).not.toThrow();
  });

  it.each(malformed)("refuses %s = %j", (path, value, message) => {
    let error: unknown;
    try {
      referenceBackend.compile(changed(set(path, value)), state());
    } catch (e) {
      error = e;
    }
    expect(error).toBeInstanceOf(StriateError);
    expect((error as StriateError).code).toBe("ERR_STRIATE_PROGRAM");
    expect((error as StriateError).message).toContain(message);
  });

  it("refuses a result over an operand where the op does not work in place", () => {
    const builder = new ProgramBuilder();
    const a = builder.place("arena", "a", [4, 4]);
    const shifted = builder.view(0, [3, 4], { offset: 4 });
    const y = builder.place("output", "y", [4, 4]);
    const inPlace = builder.step("fill", { y: a }).step("activation", { x: a, y: a }).step("copy", { x: a, y }).build();
    const compile = (program: Program) => () => referenceBackend.compile(program, state());
    expect(compile(inPlace)).not.toThrow();
    const { inputs } = inPlace.steps[1]!;
    const attributes = [0, 0, 0, 0];
    const product = changed(
      (p) => Object.assign(p["steps"]![1]!, { op: "matmul", inputs: [0, 0, -1, -1, -1], attributes }),
      inPlace,
    );
    expect(compile(product)).toThrow("matmul: result buffer 0 overlaps operand buffer 0");
    const half = changed((p) => Object.assign(p["steps"]![1]!, { inputs: [shifted], outputs: inputs }), inPlace);
    expect(compile(half)).toThrow(`activation: result buffer 0 overlaps operand buffer ${shifted}`);
  });

  it.each([
    ["the formula rounded down", {}, 2, true],
    ["the formula rounded up", {}, 3, true],
    ["one window too many", {}, 4, false],
    ["a first window in the padding alone", { padLeft: 2, padRight: 2 }, 4, false],
    ["a last window in the padding alone", { padRight: 3 }, 4, false],
  ])("of pools wants windows that reach the image: %s", (_, attributes, windows, fine) => {
    const builder = new ProgramBuilder();
    const x = builder.place("input", "x", [1, 1, 7, 1]);
    const y = builder.place("output", "y", [1, 1, windows, 1]);
    const pool = { kernelH: 1, kernelW: 2, strideH: 1, strideW: 3, ...attributes };
    const program = builder.step("maxPool2d", { x, y }, pool).build();
    const compile = expect(() => referenceBackend.compile(program, state()));
    if (fine) compile.not.toThrow();
    else compile.toThrow("windows that all reach into x [1, 1, 7, 1], got");
  });

  it("tells channel slices of one buffer apart", () => {
    const builder = new ProgramBuilder();
    const wide = builder.place("arena", "wide", [5, 6]);
    const left = builder.view(0, [5, 2], { pixelStride: 6 });
    const right = builder.view(0, [5, 2], { pixelStride: 6, offset: 2 });
    const y = builder.place("output", "y", [5, 6]);
    builder.step("fill", { y: wide }).step("softmax", { x: left, y: right }).step("copy", { x: wide, y });
    expect(() => referenceBackend.compile(builder.build(), state())).not.toThrow();
  });

  it("refuses a State of another backend", () => {
    const foreign = { ...state() };
    expect(() => referenceBackend.compile(wellFormed(), foreign)).toThrow(
      "compile: the State must come from the same backend",
    );
  });
});

/** Values that a field of a Program may get by accident or malice. */
const boundary = [
  -1,
  0,
  1,
  2,
  3,
  7,
  0.5,
  NaN,
  Infinity,
  -0,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  "x",
  null,
  undefined,
  true,
  [],
];

/** Calls `visit` with the path of each leaf of plain data. */
function forEachLeaf(value: unknown, path: string, visit: (path: string) => void): void {
  if (typeof value !== "object" || value === null) visit(path);
  else
    for (const [key, inner] of Object.entries(value)) forEachLeaf(inner, path === "" ? key : `${path}.${key}`, visit);
}

describe("mutants", () => {
  it("are refused, or run and give outputs of the size that was asked", () => {
    const paths: string[] = [];
    forEachLeaf(wellFormed(), "", (path) => paths.push(path));
    let refused = 0;
    let ran = 0;
    for (const path of paths) {
      for (const value of boundary) {
        const program = changed(set(path, value));
        let executable;
        try {
          executable = referenceBackend.compile(program, state());
        } catch (error) {
          const code: unknown = expect.stringMatching(/^ERR_STRIATE_(PROGRAM|MEMORY)$/);
          expect(error, `${path} = ${String(value)}`).toMatchObject({ code });
          refused++;
          continue;
        }
        // Storages may be larger than their buffers; gigabytes are only compiled for.
        if (program.storages.some(({ size }) => size > 1000)) continue;
        const outputs = executable.run([new Float32Array(program.storages[0]!.size)], { rows: 2, learningRate: 1 });
        expect(outputs.map(({ length }) => length)).toEqual([72, program.storages[7]!.size]);
        ran++;
      }
    }
    expect(refused).toBeGreaterThan(1000);
    expect(ran).toBeGreaterThan(50);
  });

  it("refuses more memory than there is", () => {
    const program = changed(set("storages.7.size", 2 ** 47));
    const error = expect.objectContaining({ code: "ERR_STRIATE_MEMORY" }) as Error;
    expect(() => referenceBackend.compile(program, state())).toThrow(error);
  });

  it.each(Object.keys(opSchemas) as OpName[])(
    "%s refuses operands of arbitrary shapes, or stays inside of them",
    (op) => {
      const schema = opSchemas[op];
      const shapes = [[1], [2], [4], [2, 2], [1, 2, 2, 1], [2, 2, 2, 2], [2, 3, 1]];
      let seed = 1;
      const pick = (n: number): number => (seed = (Math.imul(seed, 48271) >>> 0) % 2147483647) % n;
      for (let round = 0; round < 200; round++) {
        const builder = new ProgramBuilder(2);
        const place = (kind: "input" | "output" | "state", name: string): number => {
          const shape = shapes[pick(shapes.length)]!;
          const batched = kind !== "state" && shape[0] === 2 && pick(2) === 1;
          const dtype = kind === "input" && (name === "labels" || pick(20) === 0) ? "i32" : "f32";
          return builder.place(kind, name, shape, { batched, dtype });
        };
        const results = schema.results.map((name) => place("output", name));
        const attributes = Object.fromEntries(schema.attributes.map((name) => [name, pick(3)]));
        const operands = Object.fromEntries(
          schema.operands.map((name) => [name.replace("?", ""), place("input", name)]),
        );
        schema.results.forEach((name, i) => (operands[name.replace("?", "")] = results[i]!));
        const program = builder.step(op, operands, attributes).build();
        try {
          const executable = referenceBackend.compile(program, state());
          const inputs = program.storages
            .filter(({ kind }) => kind === "input")
            .map(({ dtype, size }) => (dtype === "i32" ? new Int32Array(size) : new Float32Array(size).fill(1)));
          const outputs = executable.run(inputs, { rows: 2 });
          // Reads outside of an array would give undefined, and with it NaN; 0 / 0 and the like do not occur here.
          if (!op.includes("batchNorm")) expect(outputs.every((y) => !y.includes(NaN))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: "ERR_STRIATE_PROGRAM" });
        }
      }
    },
  );
});
