import { describe, expect, test } from "vitest";
import { lower } from "../../lib/graph/lower.js";
import { activationCodes, opSchemas } from "../../lib/graph/opSchema.js";
import type { Program, Step } from "../../lib/graph/program.js";
import * as o from "../../lib/ops/index.js";

const image = (channels: number) => o.input("x", [4, 6, 8, channels], { batched: true });
const per = (name: string, channels: number) => o.state(name, [channels]);
const weight = (name: string, from: number, to: number) => o.state(name, [3, 3, from, to]);

/** The training gradients of a loss on `y`, as a Program. */
function backward(y: o.Value, wrt: readonly o.Value[]): Program {
  const loss = o.meanSquaredError(y, o.input("target", y.shape, { batched: true }));
  const outputs = o.gradients(loss, wrt).map((value, i) => ({ name: `g${i}`, value }));
  return lower({ outputs }, { rows: 4 });
}

const opsOf = (program: Program) => program.steps.map(({ op }) => op);
const step = (program: Program, op: string): Step => program.steps.find((each) => each.op === op)!;
const attribute = (from: Step, name: string) =>
  from.attributes[(opSchemas[from.op].attributes as readonly string[]).indexOf(name)];

function norm(x: o.Value, name: string, channels: number): o.Value {
  return o.batchNormTrain(x, { gamma: per(`${name}.gamma`, channels), beta: per(`${name}.beta`, channels) }).y;
}

describe("fusion of a training step", () => {
  test("the gradients of relu and of a bias go into the gradient of the pool behind them", () => {
    const bias = per("b", 8);
    const y = o.maxPool2d(o.relu(o.conv2d(image(3), weight("w", 3, 8), { bias, padding: "same" })), { size: 2 });
    const program = backward(y, [bias]);
    expect(opsOf(program)).toEqual(["conv2d", "maxPool2d", "fill", "meanSquaredError.backward", "maxPool2d.backward"]);
    const pool = step(program, "maxPool2d.backward");
    expect(attribute(pool, "activation")).toBe(activationCodes.relu);
    expect(program.storages[program.buffers[pool.outputs[1]!]!.storage]!.kind).toBe("output");
  });

  test("the gradient of leaky relu goes into the gradient of the batch norm before it, with beta; so does a bias's", () => {
    const bias = per("b", 8);
    const y = o.leakyRelu(norm(o.conv2d(image(3), weight("w", 3, 8), { bias }), "n", 8), { slope: 0.25 });
    const program = backward(y, [bias]);
    expect(opsOf(program)).not.toContain("activation.backward");
    expect(opsOf(program)).not.toContain("channelSum");
    const gradient = step(program, "batchNorm.trainBackward");
    expect(attribute(gradient, "activation")).toBe(activationCodes.leakyRelu);
    expect(attribute(gradient, "slope")).toBe(0.25);
    expect(gradient.inputs[5]).toBe(step(program, "batchNorm.train").inputs[2]);
    // dx takes the place of dy
    expect(gradient.outputs[0]).toBe(gradient.inputs[4]);
  });

  test("an activation between convolutions keeps its step, which sums for the bias", () => {
    const bias = per("b", 8);
    const first = o.relu(o.conv2d(image(3), weight("w", 3, 8), { bias }));
    const program = backward(o.conv2d(first, weight("v", 8, 5)), [bias]);
    expect(opsOf(program)).toContain("activation.backward");
    expect(opsOf(program)).not.toContain("channelSum");
  });

  test("what is not alike stays apart", () => {
    const x = image(3);
    // an exponential is not worth computing again
    const smooth = backward(o.tanh(norm(x, "n", 3)), [per("n.gamma", 3), x]);
    expect(opsOf(smooth)).toContain("activation.backward");
    expect(attribute(step(smooth, "batchNorm.trainBackward"), "activation")).toBe(activationCodes.none);
    // the sum of a residual is no function of batch norm's operand
    const residual = backward(o.relu(o.add(norm(x, "n", 3), x)), [x]);
    expect(opsOf(residual)).toContain("activation.backward");
    // the gradient of the pool is read twice
    const branched = o.relu(norm(x, "n", 3));
    const twice = backward(o.add(o.maxPool2d(branched, { size: 3, stride: 1, padding: 1 }), branched), [x]);
    expect(attribute(step(twice, "maxPool2d.backward"), "activation")).toBe(activationCodes.none);
  });

  test("nothing is fused where fusion is off", () => {
    const bias = per("b", 8);
    const y = o.maxPool2d(o.relu(o.conv2d(image(3), weight("w", 3, 8), { bias, padding: "same" })), { size: 2 });
    const loss = o.meanSquaredError(y, o.input("target", y.shape, { batched: true }));
    const outputs = o.gradients(loss, [bias]).map((value) => ({ name: "g", value }));
    const ops = opsOf(lower({ outputs }, { rows: 4, fuse: false }));
    expect(ops).toContain("activation.backward");
    expect(ops).toContain("channelSum");
  });
});
