/**
 * Whole graphs: what single ops cannot show. Fusion, folding, views into wider buffers, memory reuse, gradients that meet.
 * The judge runs the same graph unfused, in float64.
 */
import { input, state, type Value } from "../../lib/graph/value.js";
import * as ops from "../../lib/ops/index.js";
import { byte, type Distribution, labelsBelow, normal, positive, symmetric } from "../support/random.js";
import type { OperandSpec } from "../support/stepCase.js";

/** A graph under construction: remembers what its inputs and State tensors hold. */
export class GraphBuilder {
  readonly inputs = new Map<string, OperandSpec>();
  readonly states = new Map<string, OperandSpec>();
  readonly values = new Map<string, Value>();

  constructor(readonly rows: number) {}

  /** A batched input; `shape` is that of one row. */
  input(
    name: string,
    shape: readonly number[],
    values: Distribution = normal,
    dtype: "f32" | "i32" | "u8" = "f32",
  ): Value {
    const whole = [this.rows, ...shape];
    this.inputs.set(name, { shape: whole, values, dtype, batched: true });
    return this.remember(name, input(name, whole, { dtype, batched: true }));
  }

  state(name: string, shape: readonly number[], values: Distribution = symmetric): Value {
    this.states.set(name, { shape, values });
    return this.remember(name, state(name, shape));
  }

  private remember(name: string, value: Value): Value {
    this.values.set(name, value);
    return value;
  }

  norm(name: string, channels: number): { gamma: Value; beta: Value; mean: Value; variance: Value } {
    return {
      gamma: this.state(`${name}.gamma`, [channels]),
      beta: this.state(`${name}.beta`, [channels]),
      mean: this.state(`${name}.mean`, [channels]),
      variance: this.state(`${name}.variance`, [channels], positive),
    };
  }
}

export interface GraphCase {
  readonly name: string;
  readonly rows: number;
  /** Outputs by name. */
  readonly build: (graph: GraphBuilder) => Readonly<Record<string, Value>>;
  /** Ops that the lowered Program must have, in order, copies and fills aside: what fusion came to. */
  readonly steps?: readonly string[];
  /** Also differentiates the first output by these inputs and State tensors. */
  readonly by?: readonly string[];
}

function convolution(
  g: GraphBuilder,
  name: string,
  x: Value,
  out: number,
  options: { kernel?: number; bias?: boolean; groups?: number } = {},
): Value {
  const { kernel = 3, bias = false, groups = 1 } = options;
  const channels = x.shape[3]!;
  const filter = g.state(`${name}.filter`, [kernel, kernel, channels / groups, out]);
  return ops.conv2d(x, filter, { padding: "same", groups, bias: bias ? g.state(`${name}.bias`, [out]) : undefined });
}

export const graphs: readonly GraphCase[] = [
  {
    name: "convolution, bias, relu",
    rows: 3,
    build: (g) => ({ y: ops.relu(convolution(g, "a", g.input("x", [5, 4, 3]), 7, { bias: true })) }),
    steps: ["conv2d"],
    by: ["x", "a.filter", "a.bias"],
  },
  {
    name: "convolution, batch norm, leaky relu: folded",
    rows: 3,
    build: (g) => ({
      y: ops.leakyRelu(ops.batchNorm(convolution(g, "a", g.input("x", [5, 4, 3]), 9, { bias: true }), g.norm("n", 9))),
    }),
    steps: ["batchNorm.fold", "conv2d"],
    by: ["x", "a.filter", "a.bias", "n.gamma", "n.beta"],
  },
  {
    name: "depthwise, batch norm without bias, pointwise",
    rows: 2,
    build: (g) => {
      const x = g.input("x", [6, 5, 8]);
      const depthwise = ops.relu(ops.batchNorm(convolution(g, "d", x, 8, { groups: 8 }), g.norm("n", 8)));
      return { y: convolution(g, "p", depthwise, 17, { kernel: 1 }) };
    },
    steps: ["batchNorm.fold", "conv2d", "conv2d"],
    by: ["x", "d.filter", "p.filter"],
  },
  {
    name: "dense, batch norm: folded",
    rows: 5,
    build: (g) => {
      const y = ops.dense(g.input("x", [7]), g.state("w", [7, 10]), { bias: g.state("b", [10]) });
      return { y: ops.tanh(ops.batchNorm(y, g.norm("n", 10))) };
    },
    steps: ["batchNorm.fold", "matmul"],
  },
  {
    name: "residual block",
    rows: 3,
    build: (g) => {
      const x = g.input("x", [4, 5, 8]);
      const first = ops.relu(convolution(g, "a", x, 8, { bias: true }));
      return { y: ops.relu(ops.add(convolution(g, "b", first, 8), x)) };
    },
    steps: ["conv2d", "conv2d"],
    by: ["x", "a.filter", "b.filter"],
  },
  {
    name: "a residual that is read twice",
    rows: 2,
    build: (g) => {
      const trunk = convolution(g, "a", g.input("x", [4, 5, 3]), 6);
      const sum = ops.add(convolution(g, "b", ops.relu(trunk), 6), trunk);
      return { y: ops.add(ops.sigmoid(sum), sum) };
    },
    by: ["x", "a.filter", "b.filter"],
  },
  {
    name: "a value added to itself",
    rows: 2,
    build: (g) => {
      const y = convolution(g, "a", g.input("x", [4, 5, 3]), 5);
      return { y: ops.add(y, y) };
    },
    by: ["x", "a.filter"],
  },
  {
    name: "two branches, concatenated",
    rows: 3,
    build: (g) => {
      const x = g.input("x", [4, 5, 3]);
      const joined = ops.concat([
        ops.relu(convolution(g, "a", x, 5, { bias: true })),
        convolution(g, "b", x, 9, { kernel: 1 }),
        x,
      ]);
      return { y: convolution(g, "c", joined, 8) };
    },
    by: ["x", "a.filter", "b.filter", "c.filter"],
  },
  {
    name: "every op between channels of wider buffers",
    rows: 3,
    build: (g) => {
      const x = g.input("x", [4, 6, 5]);
      const pooled = ops.concat([ops.maxPool2d(x, { size: 2 }), ops.avgPool2d(x, { size: 2 })]);
      const normed = ops.batchNormTrain(ops.channelSlice(pooled, 2, 9), {
        gamma: g.state("gamma", [7]),
        beta: g.state("beta", [7]),
      });
      const shares = ops.softmax(ops.channelSlice(pooled, 1, 4));
      const bent = ops.tanh(ops.channelSlice(pooled, 3, 10));
      const columns = ops.im2col(ops.channelSlice(pooled, 4, 6), { kernel: 2 });
      const sum = ops.add(normed.y, bent);
      return { y: ops.concat([sum, shares]), columns, sum };
    },
    by: ["x", "gamma", "beta"],
  },
  {
    name: "nested concatenation, one part twice",
    rows: 2,
    build: (g) => {
      const x = g.input("x", [3, 4, 3]);
      const a = convolution(g, "a", x, 4);
      const inner = ops.concat([a, ops.relu(a)]);
      return { y: ops.concat([inner, x, a]) };
    },
    by: ["x", "a.filter"],
  },
  {
    name: "flatten a concatenation into a dense layer",
    rows: 4,
    build: (g) => {
      const x = g.input("x", [3, 4, 2]);
      const flat = ops.flatten(ops.concat([convolution(g, "a", x, 3), x]));
      return { y: ops.dense(flat, g.state("w", [60, 9]), { bias: g.state("b", [9]) }) };
    },
    by: ["x", "a.filter", "w", "b"],
  },
  {
    name: "one filter in two places: its gradients meet",
    rows: 2,
    build: (g) => {
      const filter = g.state("shared", [3, 3, 4, 4]);
      const first = ops.relu(ops.conv2d(g.input("x", [5, 4, 4]), filter, { padding: 1 }));
      return { y: ops.conv2d(first, filter, { padding: 1 }) };
    },
    by: ["x", "shared"],
  },
  {
    name: "images of bytes",
    rows: 3,
    build: (g) => {
      const x = ops.rescale(g.input("x", [6, 5, 3], byte, "u8"), { scale: 1 / 128, offset: -1 });
      return { y: ops.relu(convolution(g, "a", x, 8, { bias: true })) };
    },
    by: ["a.filter", "a.bias"],
  },
  {
    name: "a classifier in training: loss and all gradients",
    rows: 5,
    build: (g) => {
      const x = convolution(g, "a", g.input("x", [6, 6, 2]), 5, { bias: true });
      const norm = { gamma: g.state("gamma", [5], positive), beta: g.state("beta", [5]) };
      const pooled = ops.maxPool2d(ops.relu(ops.batchNormTrain(x, norm).y), { size: 2 });
      const logits = ops.dense(ops.flatten(pooled), g.state("w", [45, 10]), { bias: g.state("b", [10]) });
      const { loss, probabilities } = ops.softmaxCrossEntropy(logits, g.input("labels", [], labelsBelow(10), "i32"));
      return { loss, probabilities };
    },
    by: ["x", "a.filter", "a.bias", "gamma", "beta", "w", "b"],
  },
  {
    name: "regression on a dense network, deep enough to reuse memory",
    rows: 6,
    build: (g) => {
      let x = g.input("x", [9]);
      for (let layer = 0; layer < 4; layer++) {
        x = ops.leakyRelu(
          ops.dense(x, g.state(`w${String(layer)}`, [9, 9]), { bias: g.state(`b${String(layer)}`, [9]) }),
          { slope: 0.2 },
        );
      }
      return { loss: ops.meanSquaredError(ops.sigmoid(x), g.input("target", [9])) };
    },
    by: ["x", "w0", "b0", "w2", "w3"],
  },
  {
    name: "an intermediate value is an output too",
    rows: 2,
    build: (g) => {
      const hidden = convolution(g, "a", g.input("x", [4, 4, 3]), 6, { bias: true });
      return { y: ops.relu(hidden), hidden };
    },
    by: ["x", "a.filter"],
  },
  {
    name: "global average pooling",
    rows: 3,
    build: (g) => ({ y: ops.flatten(ops.globalAvgPool2d(ops.relu(convolution(g, "a", g.input("x", [5, 7, 3]), 8)))) }),
    by: ["x", "a.filter"],
  },
];
