/** Each op against the plainest loops; the case tables of test/cases go into the corners. */
import { describe, expect, it } from "vitest";
import { leftFactor, multiplyAdd, rightFactor, roundUpToTile, type Matrix } from "../../lib/backend/reference/gemm.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import { at, expectClose, random, randomValues, runOp, zeros, type Dense } from "./naive.js";
import { ProgramBuilder } from "./programBuilder.js";

const strided = { batched: true, pixelStride: 9, offset: 1 } as const;

describe("blocked product", () => {
  const sizes = [1, 2, 3, 4, 5, 7, 8, 13];
  const cases = sizes.flatMap((rows) => sizes.map((columns) => [rows, columns, (rows * 7 + columns) % 11] as const));
  const deep = [
    [5, 6, 300],
    [2, 9, 513],
    [9, 2, 256],
  ] as const;

  function matrix(rows: number, columns: number, transpose: boolean, seed: number): Matrix {
    const padded = transpose ? rows : columns + 3;
    const strides = transpose ? { rowStride: 1, columnStride: padded } : { rowStride: padded, columnStride: 1 };
    const length = 2 + (transpose ? columns : rows) * padded;
    return { data: Float32Array.from(randomValues(length, seed)), offset: 2, ...strides };
  }
  const element = (m: Matrix, i: number, j: number): number => m.data[m.offset + i * m.rowStride + j * m.columnStride]!;

  it.each([...cases, ...deep])("%d x %d, depth %d, any orientation", (rows, columns, depth) => {
    for (const [turnA, turnB] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const a = matrix(rows, depth, turnA, 1);
      const b = matrix(depth, columns, turnB, 2);
      const stride = roundUpToTile(columns);
      const c = new Float64Array(roundUpToTile(rows) * stride).fill(1);
      multiplyAdd(leftFactor(a, rows, depth), rows, rightFactor(b, depth, columns, rows), c);
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) {
          let sum = 1;
          for (let k = 0; k < depth; k++) sum += element(a, i, k) * element(b, k, j);
          expect(Math.abs(c[i * stride + j]! - sum)).toBeLessThanOrEqual(2 ** -52 * (depth + 1) ** 2);
        }
    }
  });
});

describe("matmul", () => {
  it.each([
    [1, 300, 7],
    [3, 4, 5],
    [70, 33, 18],
    [130, 2, 1],
  ])("%d x %d x %d", (m, k, n) => {
    for (const [transposeA, transposeB] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      const a = random(transposeA ? [k, m] : [m, k], 1);
      const b = random(transposeB ? [n, k] : [k, n], 2);
      const bias = random([n], 3);
      const y = new Float64Array(m * n);
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          for (let l = 0; l < k; l++) {
            const left = a.values[transposeA ? l * m + i : i * k + l]!;
            y[i * n + j]! += left * b.values[transposeB ? j * k + l : l * n + j]!;
          }
          y[i * n + j]! += bias.values[j]!;
        }
      const results = runOp(
        "matmul",
        { a: { ...a, pixelStride: a.shape[1]! + 1 }, b: { ...b, pixelStride: b.shape[1]! + 2 }, bias },
        { y: { shape: [m, n], pixelStride: n + 3 } },
        { transposeA, transposeB },
      );
      expectClose(results["y"]!, y, k + 1, k + 1);
    }
  });

  it("sums over the live rows only", () => {
    const a = random([3, 4], 1);
    const b = random([3, 2], 2);
    const operands = { a: { ...a, batched: true }, b: { ...b, batched: true } };
    const { y } = runOp("matmul", operands, { y: { shape: [4, 2] } }, { transposeA: 1 }, { rows: 3, capacity: 8 });
    const sum = (i: number, j: number): number =>
      [0, 1, 2].reduce((total, l) => total + a.values[l * 4 + i]! * b.values[l * 2 + j]!, 0);
    expectClose(
      y!,
      Float64Array.from({ length: 8 }, (_, i) => sum(i >> 1, i & 1)),
      3,
      3,
    );
  });
});

describe("pooling", () => {
  const x = random([2, 5, 7, 3], 1);
  // 3 x 2 windows at steps of 2 x 3, padded by 1 on top and right: [2, 2, 3, 3], the last column overhanging.
  const pool = { kernelH: 3, kernelW: 2, strideH: 2, strideW: 3, padTop: 1, padBottom: 0, padLeft: 0, padRight: 1 };
  const yShape = [2, 2, 3, 3];
  const dy = random(yShape, 2);
  const scalars = { rows: 2, capacity: 3 };

  function forEachWindow(visit: (y: number, pixels: number[]) => void): void {
    for (let n = 0; n < 2; n++)
      for (let oh = 0; oh < 2; oh++)
        for (let ow = 0; ow < 3; ow++)
          for (let c = 0; c < 3; c++) {
            const pixels: number[] = [];
            for (let kh = 0; kh < 3; kh++)
              for (let kw = 0; kw < 2; kw++) {
                const position = at(x, n, oh * 2 - 1 + kh, ow * 3 + kw, c);
                if (position !== undefined) pixels.push(position);
              }
            visit(at({ shape: yShape, values: dy.values }, n, oh, ow, c)!, pixels);
          }
  }

  it("takes the maximum, and gives the gradient to it", () => {
    const y = zeros(yShape);
    const dx = zeros(x.shape);
    forEachWindow((to, pixels) => {
      y.values[to] = Math.max(...pixels.map((p) => x.values[p]!));
      dx.values[pixels.find((p) => x.values[p] === y.values[to])!]! += dy.values[to]!;
    });
    const operand = { ...x, ...strided };
    const results = { y: { shape: yShape, ...strided } };
    expectClose(runOp("maxPool2d", { x: operand }, results, pool, scalars)["y"]!, y.values);
    const backward = runOp(
      "maxPool2d.backward",
      { x: operand, dy: { ...dy, ...strided } },
      { dx: { shape: x.shape, ...strided } },
      { ...pool, activation: 0, slope: 0 },
      scalars,
    );
    expectClose(backward["dx"]!, dx.values, 4, 4);
  });

  it("counts the first of equal maxima, and NaN as one", () => {
    const values = Float64Array.of(1, NaN, 3, NaN, 2, 2, 0, 2);
    const image = { shape: [2, 2, 2, 1], values, batched: true };
    const attributes = { ...pool, kernelH: 2, padTop: 0, padRight: 0 };
    const small = { shape: [2, 1, 1, 1], batched: true };
    const gradient = { ...small, values: Float64Array.of(5, 7) };
    expect([...runOp("maxPool2d", { x: image }, { y: small }, attributes, scalars)["y"]!]).toEqual([NaN, 2]);
    const { dx } = runOp(
      "maxPool2d.backward",
      { x: image, dy: gradient },
      { dx: { shape: image.shape, batched: true } },
      attributes,
      scalars,
    );
    expect([...dx!]).toEqual([0, 5, 0, 0, 7, 0, 0, 0]);
  });

  it.each([0, 1])("averages, countIncludePad %d", (countIncludePad) => {
    const y = zeros(yShape);
    const dx = zeros(x.shape);
    forEachWindow((to, pixels) => {
      const count = countIncludePad ? 6 : pixels.length;
      for (const p of pixels) {
        y.values[to]! += x.values[p]! / count;
        dx.values[p]! += dy.values[to]! / count;
      }
    });
    const attributes = { ...pool, countIncludePad };
    expectClose(
      runOp("avgPool2d", { x: { ...x, ...strided } }, { y: { shape: yShape, ...strided } }, attributes, scalars)["y"]!,
      y.values,
      6,
      6,
    );
    const backward = runOp(
      "avgPool2d.backward",
      { dy: { ...dy, ...strided } },
      { dx: { shape: x.shape, ...strided } },
      attributes,
      scalars,
    );
    expectClose(backward["dx"]!, dx.values, 4, 4);
  });
});

describe("im2col", () => {
  it("is undone in sum by col2im: <im2col(x), c> = <x, col2im(c)>", () => {
    const x = random([2, 4, 5, 2], 1);
    const columns = random([2, 3, 2, 12], 2);
    const window = {
      kernelH: 2,
      kernelW: 3,
      strideH: 2,
      strideW: 2,
      padTop: 1,
      padBottom: 1,
      padLeft: 0,
      padRight: 0,
      dilationH: 1,
      dilationW: 1,
    };
    const scalars = { rows: 2, capacity: 5 };
    const forward = runOp(
      "im2col",
      { x: { ...x, ...strided } },
      { columns: { shape: columns.shape, batched: true, pixelStride: 14 } },
      window,
      scalars,
    );
    const backward = runOp(
      "col2im",
      { columns: { ...columns, batched: true } },
      { x: { shape: x.shape, ...strided } },
      window,
      scalars,
    );
    const dot = (a: ArrayLike<number>, b: Float64Array): number => b.reduce((sum, value, i) => sum + value * a[i]!, 0);
    expect(dot(forward["columns"]!, columns.values)).toBeCloseTo(dot(backward["x"]!, x.values), 5);
    // The patch at the top left: a row of padding, then the image's first pixels.
    expect([...forward["columns"]!.subarray(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, ...x.values.subarray(0, 6)]);
  });
});

/** Mean and biased variance of a channel. */
function moments(x: Dense, c: number): readonly [mean: number, variance: number] {
  const channels = x.shape.at(-1)!;
  const values = [...x.values].filter((_, i) => i % channels === c);
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  return [mean, values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length];
}

describe("batchNorm", () => {
  const x = random([3, 2, 2, 4], 1);
  const dy = random(x.shape, 2);
  const gamma = random([4], 3);
  const beta = random([4], 4);
  const epsilon = 1e-3;
  const live = { rows: 3, capacity: 4 };
  const channel = [0, 1, 2, 3];
  const mean = { shape: [4], values: Float64Array.from(channel, (c) => Math.fround(moments(x, c)[0])) };
  const variance = { shape: [4], values: Float64Array.from(channel, (c) => Math.fround(moments(x, c)[1])) };
  const scaled = x.values.map((v, i) => (v - mean.values[i % 4]!) / Math.sqrt(variance.values[i % 4]! + epsilon));
  const sum = (values: Float64Array, c: number): number =>
    values.reduce((total, v, i) => total + (i % 4 === c ? v : 0), 0);
  const vector = { shape: [4] };
  const image = { shape: x.shape, ...strided };

  it("normalises by the statistics of the batch, or by given ones", () => {
    const y = scaled.map((v, i) => Math.max(0, v * gamma.values[i % 4]! + beta.values[i % 4]!));
    const attributes = { epsilon, activation: 1 };
    const operands = { x: { ...x, ...strided }, gamma, beta };
    const train = runOp("batchNorm.train", operands, { y: image, mean: vector, variance: vector }, attributes, live);
    // The statistics that were compared with are rounded ones: half a unit of float32, through the division.
    const rounding = 2 ** 30;
    expectClose(train["y"]!, y, rounding, 8);
    expectClose(train["mean"]!, mean.values);
    expectClose(train["variance"]!, variance.values);
    expectClose(
      runOp("batchNorm.inference", { ...operands, mean, variance }, { y: image }, attributes, live)["y"]!,
      y,
      4,
      8,
    );
  });

  it("has the gradients of both", () => {
    const products = dy.values.map((g, i) => g * scaled[i]!);
    const factor = (c: number): number => gamma.values[c]! / Math.sqrt(variance.values[c]! + epsilon);
    const operands = { x: { ...x, ...strided }, gamma, mean, variance, dy: { ...dy, ...strided } };
    const results = { dx: image, dgamma: vector, dbeta: vector };
    const given = runOp("batchNorm.inferenceBackward", operands, results, { epsilon }, live);
    const train = runOp("batchNorm.trainBackward", operands, results, { epsilon, activation: 0, slope: 0 }, live);
    expectClose(
      given["dx"]!,
      dy.values.map((g, i) => g * factor(i % 4)),
      4,
      4,
    );
    const centred = dy.values.map(
      (g, i) => factor(i % 4) * (g - sum(dy.values, i % 4) / 12 - (scaled[i]! * sum(products, i % 4)) / 12),
    );
    expectClose(train["dx"]!, centred, 100, 8);
    for (const result of [given, train]) {
      expectClose(
        result["dgamma"]!,
        channel.map((c) => sum(products, c)),
        12,
        12,
      );
      expectClose(
        result["dbeta"]!,
        channel.map((c) => sum(dy.values, c)),
        12,
        12,
      );
    }
  });

  it("folds into scale and bias of the op before it", () => {
    const bias = random([4], 6);
    const scale = channel.map((c) => gamma.values[c]! / Math.sqrt(variance.values[c]! + epsilon));
    const operands = { gamma, beta, mean, variance };
    const results = { scale: vector, shift: vector };
    const without = runOp("batchNorm.fold", operands, results, { epsilon });
    const folded = runOp("batchNorm.fold", { ...operands, bias }, results, { epsilon });
    const shift = (b: number, c: number): number => (b - mean.values[c]!) * scale[c]! + beta.values[c]!;
    expectClose(folded["scale"]!, scale, 2, 4);
    expectClose(
      folded["shift"]!,
      channel.map((c) => shift(bias.values[c]!, c)),
      4,
      4,
    );
    expectClose(
      without["shift"]!,
      channel.map((c) => shift(0, c)),
      4,
      4,
    );
  });
});

describe("element-wise ops", () => {
  const x = random([3, 2, 5], 1);
  const b = random([3, 2, 5], 2);
  const live = { rows: 3, capacity: 5 };
  const y = { shape: x.shape, ...strided };
  const wide = { ...x, ...strided };

  it("add, rescale, fill, copy, channelSum", () => {
    const sums = x.values.map((v, i) => Math.max(0, v + b.values[i]!));
    expectClose(runOp("add", { a: wide, b: { ...b, batched: true } }, { y }, { activation: 1 }, live)["y"]!, sums);
    expectClose(
      runOp("rescale", { x: wide }, { y }, { scale: 0.3, offset: 2 }, live)["y"]!,
      x.values.map((v) => v * 0.3 + 2),
      1,
      3,
    );
    expect(new Set(runOp("fill", {}, { y }, { value: 2.5 }, live)["y"])).toEqual(new Set([2.5]));
    expectClose(runOp("copy", { x: wide }, { y: { shape: [3, 10], batched: true } }, {}, live)["y"]!, x.values);
    const channels = Float64Array.from([0, 1, 2, 3, 4], (c) =>
      x.values.reduce((t, v, i) => t + (i % 5 === c ? v : 0), 0),
    );
    expectClose(runOp("channelSum", { x: wide }, { y: { shape: [5] } }, {}, live)["y"]!, channels, 6, 6);
  });

  const functions = [
    [1, (v: number) => Math.max(0, v), (v: number) => (v > 0 ? 1 : 0)],
    [2, (v: number) => (v < 0 ? 0.2 * v : v), (v: number) => (v > 0 ? 1 : 0.2)],
    [3, (v: number) => 1 / (1 + Math.exp(-v)), (v: number) => Math.exp(-v) / (1 + Math.exp(-v)) ** 2],
    [4, Math.tanh, (v: number) => 1 - Math.tanh(v) ** 2],
  ] as const;
  it.each(functions)("activation %d and its gradient", (activation, f, derivative) => {
    const attributes = { activation, slope: 0.2 };
    const forward = runOp("activation", { x: wide }, { y }, attributes, live)["y"]!;
    expectClose(forward, x.values.map(f));
    const stored = { shape: x.shape, values: Float64Array.from(forward), batched: true };
    const { dx } = runOp("activation.backward", { y: stored, dy: { ...b, ...strided } }, { dx: y }, attributes, live);
    // From the rounded y.
    expectClose(
      dx!,
      x.values.map((v, i) => derivative(v) * b.values[i]!),
      2 ** 29,
      1,
    );
    expect(
      runOp("activation", { x: { shape: [1], values: Float64Array.of(NaN) } }, { y: { shape: [1] } }, attributes)[
        "y"
      ]![0],
    ).toBeNaN();
  });

  it("softmax and its gradient", () => {
    const exps = x.values.map(
      (v, i) => Math.exp(v) / [0, 1, 2, 3, 4].reduce((t, c) => t + Math.exp(x.values[i - (i % 5) + c]!), 0),
    );
    expectClose(runOp("softmax", { x: wide }, { y }, {}, live)["y"]!, exps, 8, 1);
    const rounded = exps.map(Math.fround);
    const dot = (i: number): number =>
      [0, 1, 2, 3, 4].reduce((t, c) => t + rounded[i - (i % 5) + c]! * b.values[i - (i % 5) + c]!, 0);
    const operands = { y: { ...x, values: rounded, ...strided }, dy: { ...b, batched: true } };
    expectClose(
      runOp("softmax.backward", operands, { dx: y }, {}, live)["dx"]!,
      rounded.map((p, i) => p * (b.values[i]! - dot(i))),
      8,
      1,
    );
  });
});

describe("updates of the State", () => {
  const names = ["parameter", "velocity"] as const;
  const before = { parameter: randomValues(6, 1), velocity: randomValues(6, 2) };
  const gradient = randomValues(6, 3);

  /** Two steps of an op on tensors of six elements, in place. */
  function commitTwice(
    op: OpName,
    operands: readonly string[],
    results: readonly string[],
    attributes: Record<string, number>,
  ): Float64Array[] {
    const builder = new ProgramBuilder(3);
    const ids: Record<string, number> = { gradient: builder.place("input", "gradient", [6]) };
    for (const name of names) ids[name] = builder.place("state", name, [6]);
    const schema = opSchemas[op];
    const operand = Object.fromEntries(
      schema.operands.map((name, i) => [name.replace("?", ""), ids[operands[i]!] ?? -1]),
    );
    schema.results.forEach((name, i) => (operand[name.replace("?", "")] = ids[results[i]!] ?? -1));
    const state = referenceBackend.createState(names.map((name) => ({ name, shape: [6] })));
    state.write(new Map(names.map((name) => [name, Float32Array.from(before[name])])));
    const executable = referenceBackend.compile(builder.step(op, operand, attributes, "commit").build(), state);
    for (let i = 0; i < 2; i++) executable.run([Float32Array.from(gradient)], { rows: 2, learningRate: 0.1 });
    return state.read(names).map((values) => Float64Array.from(values));
  }

  it.each([
    { momentum: 0, nesterov: 0, weightDecay: 0 },
    { momentum: 0.9, nesterov: 0, weightDecay: 0.01 },
    { momentum: 0.9, nesterov: 1, weightDecay: 0.01 },
  ])("sgd %o", (attributes) => {
    const { momentum, nesterov, weightDecay } = attributes;
    const moves = momentum > 0;
    const [parameter, velocity] = commitTwice(
      "sgd",
      moves ? ["parameter", "gradient", "velocity"] : ["parameter", "gradient"],
      moves ? names : ["parameter"],
      attributes,
    );
    for (let i = 0; i < 6; i++) {
      let p = before.parameter[i]!;
      let v = before.velocity[i]!;
      for (let step = 0; step < 2; step++) {
        const g = gradient[i]! + weightDecay * p;
        if (moves) v = Math.fround(momentum * v + g);
        const direction = !moves ? g : nesterov ? g + momentum * v : v;
        p = Math.fround(p - 0.1 * direction);
      }
      // The kernel moves by the velocity before it is rounded: half a unit of it, twice.
      expectClose([parameter![i]!, velocity![i]!], [p, v], 2 ** 30, 1);
    }
  });

  it("running statistics, the variance unbiased by the live rows", () => {
    // 2 live rows of 3 pixels: 6 / 5.
    const attributes = { momentum: 0.25, pixelsPerRow: 3 };
    const [mean, variance] = commitTwice(
      "batchNorm.updateStatistics",
      ["gradient", "gradient", ...names],
      names,
      attributes,
    );
    const twice = (old: number, batch: number): number =>
      Math.fround(Math.fround(old * 0.75 + batch * 0.25) * 0.75 + batch * 0.25);
    expectClose(
      mean!,
      before.parameter.map((v, i) => twice(v, gradient[i]!)),
      4,
      1,
    );
    expectClose(
      variance!,
      before.velocity.map((v, i) => twice(v, (gradient[i]! * 6) / 5)),
      4,
      2,
    );
  });
});

describe("losses", () => {
  const logits = random([4, 3], 1);
  const labels = { shape: [4], values: Float64Array.of(2, 0, 1, 1), dtype: "i32", batched: true } as const;
  const live = { rows: 4, capacity: 6 };
  const rows = { shape: [4, 3], ...strided };
  const probabilities = logits.values.map(
    (v, i) => Math.exp(v) / [0, 1, 2].reduce((t, c) => t + Math.exp(logits.values[i - (i % 3) + c]!), 0),
  );

  it("cross-entropy", () => {
    const results = { loss: { shape: [1] }, probabilities: rows };
    const forward = runOp("softmaxCrossEntropy", { logits: { ...logits, ...strided }, labels }, results, {}, live);
    const loss = labels.values.reduce((t, label, i) => t - Math.log(probabilities[i * 3 + label]!) / 4, 0);
    expectClose(forward["loss"]!, [loss], 8, 4);
    expectClose(forward["probabilities"]!, probabilities, 8, 1);
    const rounded = { shape: [4, 3], values: probabilities.map(Math.fround), ...strided };
    const dloss = { shape: [1], values: Float64Array.of(2) };
    const { dlogits } = runOp(
      "softmaxCrossEntropy.backward",
      { probabilities: rounded, labels, dloss },
      { dlogits: rows },
      {},
      live,
    );
    expectClose(
      dlogits!,
      rounded.values.map((p, i) => ((p - (labels.values[Math.floor(i / 3)] === i % 3 ? 1 : 0)) * 2) / 4),
      2,
      1,
    );
  });

  it("squared error", () => {
    const target = random([4, 3], 2);
    const dloss = { shape: [1], values: Float64Array.of(3) };
    const operands = { prediction: { ...logits, ...strided }, target: { ...target, batched: true } };
    const difference = logits.values.map((v, i) => v - target.values[i]!);
    expectClose(
      runOp("meanSquaredError", operands, { loss: { shape: [1] } }, {}, live)["loss"]!,
      [difference.reduce((t, d) => t + d * d, 0) / 12],
      12,
      4,
    );
    const { dprediction } = runOp("meanSquaredError.backward", { ...operands, dloss }, { dprediction: rows }, {}, live);
    expectClose(
      dprediction!,
      difference.map((d) => (2 * d * 3) / 12),
      2,
      2,
    );
  });
});
