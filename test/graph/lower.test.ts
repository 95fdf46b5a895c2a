import { describe, expect, test } from "vitest";
import { lower, type LowerOptions } from "../../lib/graph/lower.js";
import { activationCodes, opSchemas } from "../../lib/graph/opSchema.js";
import type { GraphRoots } from "../../lib/graph/passes/ir.js";
import type { Buffer, Program, Step } from "../../lib/graph/program.js";
import { makeNode, type OpDefinition } from "../../lib/graph/value.js";
import * as o from "../../lib/ops/index.js";
import { conv2dDefinitions } from "../../lib/ops/conv2d.js";
import { matmulDefinitions } from "../../lib/ops/matmul.js";

const image = (channels: number, name = "x") => o.input(name, [4, 6, 5, channels], { batched: true });
const outputs = (...values: o.Value[]): GraphRoots => ({
  outputs: values.map((value, i) => ({ name: `y${i}`, value })),
});
const lowered = (roots: GraphRoots, options: Partial<LowerOptions> = {}) => lower(roots, { rows: 4, ...options });
const opsOf = (program: Program) => program.steps.map((step) => step.op);
const attribute = (step: Step, name: string) =>
  step.attributes[(opSchemas[step.op].attributes as readonly string[]).indexOf(name)];
const bufferOf = (program: Program, id: number): Buffer => program.buffers[id]!;

describe("fusion", () => {
  test("activation, then residual with activation, go into the convolution before them", () => {
    const x = image(3);
    const first = o.relu(o.conv2d(x, o.state("w1", [3, 3, 3, 8]), { padding: "same" }));
    const second = o.conv2d(first, o.state("w2", [3, 3, 8, 8]), { padding: "same" });
    const program = lowered(outputs(o.leakyRelu(o.add(second, first), { slope: 0.25 })));
    expect(opsOf(program)).toEqual(["conv2d", "conv2d"]);
    const [one, two] = program.steps as [Step, Step];
    expect(attribute(one, "activation")).toBe(activationCodes.relu);
    expect(attribute(two, "activation")).toBe(activationCodes.leakyRelu);
    expect(attribute(two, "slope")).toBe(0.25);
    expect(two.inputs[3]).toBe(one.outputs[0]);
  });

  test("an activation with the value before it in use as well stays a step", () => {
    const y = o.conv2d(image(3), o.state("w", [1, 1, 3, 2]));
    expect(opsOf(lowered(outputs(y, o.relu(y))))).toEqual(["conv2d", "activation"]);
  });

  test("the residual operand is computed before the step that takes it", () => {
    const x = image(3);
    const early = o.conv2d(x, o.state("w1", [1, 1, 3, 8]));
    const late = o.tanh(o.conv2d(x, o.state("w2", [1, 1, 3, 8])));
    const program = lowered(outputs(o.add(early, late)));
    expect(opsOf(program)).toEqual(["conv2d", "conv2d"]);
    expect(program.steps[1]!.inputs[3]).toBe(program.steps[0]!.outputs[0]);
  });

  test("batch norm folds into scale and bias at inference, in the prepare list", () => {
    const per = (name: string) => o.state(name, [8]);
    const norm = { gamma: per("gamma"), beta: per("beta"), mean: per("mean"), variance: per("variance") };
    const y = o.relu(o.batchNorm(o.conv2d(image(3), o.state("w", [3, 3, 3, 8]), { bias: per("b") }), norm));
    const program = lowered(outputs(y));
    expect(opsOf(program)).toEqual(["conv2d"]);
    expect(program.prepare.map((step) => step.op)).toEqual(["batchNorm.fold"]);
    const [, , bias, , scale] = program.steps[0]!.inputs;
    expect([scale, bias]).toEqual(program.prepare[0]!.outputs);
    for (const id of program.prepare[0]!.outputs) {
      expect(program.storages[bufferOf(program, id).storage]!.kind).toBe("prepared");
    }
    expect(attribute(program.steps[0]!, "activation")).toBe(activationCodes.relu);
    expect(opsOf(lowered(outputs(y), { fuse: false }))).toEqual(["conv2d", "batchNorm.inference", "activation"]);
  });

  test("a scale has no gradient: folding comes after differentiation", () => {
    const [x, w, scale] = [o.input("x", [4, 8], { batched: true }), o.state("w", [8, 8]), o.state("scale", [8])];
    const scaled = (definition: OpDefinition) =>
      makeNode(definition, [x, w, undefined, undefined, scale], { activation: 0, slope: 0 }, [x])[0]!;
    const target = o.input("target", [4, 8], { batched: true });
    for (const definition of [conv2dDefinitions[0]!, matmulDefinitions[0]!]) {
      const loss = o.meanSquaredError(scaled(definition), target);
      expect(() => o.gradients(loss, [w])).toThrow(
        `${definition.name}: differentiate before fusing: epilogue, residual and scale have no gradient`,
      );
    }
  });

  test("a second batch norm stays, and so does one behind a product over the batch", () => {
    const per = (name: string) => o.state(name, [8]);
    const norm = { gamma: per("gamma"), beta: per("beta"), mean: per("mean"), variance: per("variance") };
    const twice = o.batchNorm(o.batchNorm(o.conv2d(image(3), o.state("w", [3, 3, 3, 8])), norm), norm);
    expect(opsOf(lowered(outputs(twice)))).toEqual(["conv2d", "batchNorm.inference"]);
    const sums = o.matmul(o.state("a", [5, 4]), o.state("b", [5, 8]), { transposeA: true });
    expect(opsOf(lowered(outputs(o.batchNorm(sums, norm))))).toEqual(["matmul", "batchNorm.inference"]);
  });

  test("batch norm behind a convolution that something else reads is not folded", () => {
    const per = (name: string) => o.state(name, [8]);
    const norm = { gamma: per("gamma"), beta: per("beta"), mean: per("mean"), variance: per("variance") };
    const conv = o.conv2d(image(3), o.state("w", [3, 3, 3, 8]));
    expect(opsOf(lowered(outputs(o.batchNorm(conv, norm), conv)))).toEqual(["conv2d", "batchNorm.inference"]);
  });
});

describe("memory", () => {
  test("the parts of a concat are computed straight into its channels, nested ones too", () => {
    const x = image(3);
    const branch = (name: string, out: number) => o.conv2d(x, o.state(name, [1, 1, 3, out]));
    const inner = o.concat([branch("a", 2), branch("b", 3)]);
    const program = lowered(outputs(o.concat([branch("c", 4), inner])));
    expect(opsOf(program)).toEqual(["conv2d", "conv2d", "conv2d"]);
    const places = program.steps.map((step) => bufferOf(program, step.outputs[0]!));
    expect(places.map(({ offset, pixelStride }) => [offset, pixelStride])).toEqual([
      [4, 9],
      [6, 9],
      [0, 9],
    ]);
    expect(new Set(places.map(({ storage }) => program.storages[storage]!.kind))).toEqual(new Set(["output"]));
  });

  test("a part that cannot be computed in place is copied: an input, or the same part twice", () => {
    const x = image(2);
    const y = o.conv2d(x, o.state("w", [1, 1, 2, 2]));
    const program = lowered(outputs(o.concat([x, y, y])));
    expect(opsOf(program)).toEqual(["conv2d", "copy", "copy"]);
  });

  test("flattening a channel slice copies it first, a dense value not", () => {
    const x = o.relu(image(4));
    expect(opsOf(lowered(outputs(o.flatten(x))))).toEqual(["activation"]);
    expect(opsOf(lowered(outputs(o.flatten(o.channelSlice(x, 1, 3)))))).toEqual(["activation", "copy", "copy"]);
  });

  test("element-wise steps overwrite an operand that dies", () => {
    const w = o.state("w", [1, 1, 3, 8]);
    const program = lowered(
      outputs(
        o.flatten(o.maxPool2d(o.tanh(o.sigmoid(o.maxPool2d(o.conv2d(image(3), w), { size: 1 }))), { size: [6, 5] })),
      ),
    );
    expect(opsOf(program)).toEqual(["conv2d", "maxPool2d", "activation", "activation", "maxPool2d"]);
    const [, , first, second] = program.steps as [Step, Step, Step, Step, Step];
    expect(first.outputs).toEqual(first.inputs);
    expect(second.outputs).toEqual(second.inputs);
  });

  test("an operand with a later reader is not overwritten", () => {
    const x = o.maxPool2d(image(3), { size: 1 });
    const y = o.sigmoid(x);
    const program = lowered(outputs(o.maxPool2d(o.add(y, o.tanh(x)), { size: [6, 5] })));
    const sigmoid = program.steps.find((step) => step.op === "activation")!;
    expect(sigmoid.outputs).not.toEqual(sigmoid.inputs);
  });

  test("reuse makes the arena smaller than the sum of its buffers", () => {
    let x = image(8);
    for (let i = 0; i < 10; i++) x = o.conv2d(x, o.state(`w${i}`, [3, 3, 8, 8]), { padding: "same" });
    const program = lowered(outputs(x));
    const arena = program.storages.find((storage) => storage.kind === "arena")!;
    expect(arena.size).toBe(2 * 4 * 6 * 5 * 8);
    expect(program.arenaBeforeReuse).toBe(9 * 4 * 6 * 5 * 8);
  });
});

describe("updates", () => {
  const parameter = () => o.state("w", [1, 1, 3, 8]);

  test("an optimizer's update is a commit step in place", () => {
    const w = parameter();
    const velocity = o.state("v", [1, 1, 3, 8]);
    const loss = o.meanSquaredError(o.conv2d(image(3), w), o.input("t", [4, 6, 5, 8], { batched: true }));
    const updated = o.sgdUpdate(w, o.gradients(loss, [w])[0]!, velocity, { momentum: 0.9 });
    const program = lowered({
      outputs: [{ name: "loss", value: loss }],
      updates: [
        { tensor: "w", value: updated.parameter },
        { tensor: "v", value: updated.velocity! },
      ],
    });
    expect(program.commit.map((step) => step.op)).toEqual(["sgd"]);
    const [commit] = program.commit as [Step];
    expect(commit.outputs).toEqual([commit.inputs[0], commit.inputs[2]]);
    const written = new Set(
      [...program.steps].flatMap((step) => step.outputs).map((id) => bufferOf(program, id).storage),
    );
    for (const storage of written) expect(["arena", "output"]).toContain(program.storages[storage]!.kind);
  });

  test("any other value is copied into its State tensor", () => {
    const w = parameter();
    const program = lowered({ outputs: [], updates: [{ tensor: "w", value: o.tanh(w) }] });
    expect(program.steps.map((step) => step.op)).toEqual(["activation"]);
    expect(program.commit.map((step) => step.op)).toEqual(["copy"]);
  });

  test.each([
    [
      "a result that updates another tensor",
      () => {
        const w = parameter();
        const updated = o.sgdUpdate(w, o.fill([1, 1, 3, 8], 1), undefined).parameter;
        return lowered({ outputs: [], updates: [{ tensor: "other", value: updated }] });
      },
      "sgd: its result must update w, which it replaces in place",
    ],
    [
      "an update of something that is not State",
      () => {
        const y = o.fill([2], 1);
        return lowered({ outputs: [], updates: [{ tensor: "w", value: o.sgdUpdate(y, y, undefined).parameter }] });
      },
      "sgd: updates State tensors only, got the result of fill",
    ],
    [
      "an update of another size",
      () => {
        const w = parameter();
        return lowered({
          outputs: [{ name: "y", value: o.tanh(w) }],
          updates: [{ tensor: "w", value: o.fill([3], 1) }],
        });
      },
      "state w: has 24 elements, cannot take a value of shape [3]",
    ],
    [
      "an output of labels",
      () => lowered(outputs(o.input("labels", [4], { dtype: "i32", batched: true }))),
      "output y0: must be f32, got i32",
    ],
  ])("refuses %s", (_, build, message) => {
    expect(build).toThrow(message);
  });
});

describe("lives", () => {
  /** Elements of the arena that a buffer covers, as [start, end). */
  const span = ({ offset, pixelStride, shape }: Buffer): [number, number] => {
    const channels = shape.at(-1)!;
    const pixels = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    return [offset, offset + (pixels - 1) * pixelStride + channels];
  };

  test("no step of a training program overwrites what a later step still reads", () => {
    const x = image(3);
    const w1 = o.state("w1", [3, 3, 3, 8]);
    const w2 = o.state("w2", [3, 3, 16, 8]);
    const first = o.relu(o.conv2d(x, w1, { padding: "same" }));
    const joined = o.concat([first, o.maxPool2d(first, { size: 3, stride: 1, padding: 1 })]);
    const second = o.relu(o.add(o.conv2d(joined, w2, { padding: "same" }), first));
    const loss = o.meanSquaredError(second, o.input("t", [4, 6, 5, 8], { batched: true }));
    const [g1, g2] = o.gradients(loss, [w1, w2]);
    const program = lowered({
      outputs: [{ name: "loss", value: loss }],
      updates: [
        { tensor: "w1", value: o.sgdUpdate(w1, g1!, undefined).parameter },
        { tensor: "w2", value: o.sgdUpdate(w2, g2!, undefined).parameter },
      ],
    });
    // Replays the program on a map of the arena: each element remembers which buffer (by step) wrote it last.
    const steps = [...program.steps, ...program.commit];
    const owner = new Map<number, string>();
    const contents = new Map<string, string>();
    const cells = function* (buffer: Buffer): Generator<number> {
      const [start, end] = span(buffer);
      for (let i = start; i < end; i++) if ((i - buffer.offset) % buffer.pixelStride < buffer.shape.at(-1)!) yield i;
    };
    steps.forEach((step, time) => {
      for (const id of step.inputs) {
        if (id < 0) continue;
        const buffer = bufferOf(program, id);
        if (program.storages[buffer.storage]!.kind !== "arena") continue;
        const key = `${id}`;
        const now = [...cells(buffer)].map((cell) => owner.get(cell) ?? "nobody").join();
        expect(now, `${step.op} reads what nobody wrote`).not.toContain("nobody");
        if (!contents.has(key)) contents.set(key, now);
        expect(now, `${step.op} at ${time} reads an overwritten buffer`).toBe(contents.get(key));
      }
      for (const id of step.outputs) {
        if (id < 0) continue;
        const buffer = bufferOf(program, id);
        if (program.storages[buffer.storage]!.kind !== "arena") continue;
        for (const cell of cells(buffer)) owner.set(cell, `${time}`);
        contents.set(`${id}`, [...cells(buffer)].map((cell) => owner.get(cell)!).join());
      }
    });
    expect(steps.length).toBeGreaterThan(8);
  });
});
