// What the compiler infers, and where it refuses. `npm run typecheck` reads this file with all others; shapes.test.ts
// compiles it by itself and shows that a wrong expectation in it is found.
/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment -- the expected errors are such assignments */
import { expectTypeOf } from "vitest";
import type { Tensor } from "../../lib/data/tensor.js";
import * as layers from "../../lib/layers/index.js";
import { input, netFromJson, sequential } from "../../lib/index.js";
import type { Branch, Net, Shape } from "../../lib/index.js";

declare const n: number;

// ---- the chain of the lecture -----------------------------------------------------------------------------------
const conv = sequential([32, 32, 3]).conv2d({ filters: 10, kernel: 5, padding: 2, stride: 1 });
expectTypeOf(conv).toEqualTypeOf<Net<[32, 32, 3], [32, 32, 10]>>();
const pooled = conv.maxPool2d({ size: 2, stride: 2 });
expectTypeOf(pooled).toEqualTypeOf<Net<[32, 32, 3], [16, 16, 10]>>();
const flat = pooled.flatten();
expectTypeOf(flat).toEqualTypeOf<Net<[32, 32, 3], [2560]>>();
const net = flat.dense({ units: 10 }).softmax();
expectTypeOf(net).toEqualTypeOf<Net<[32, 32, 3], [10]>>();
expectTypeOf(sequential([32, 32, 3] as const).flatten().outputShape).toEqualTypeOf<[3072]>();
expectTypeOf(input(32, 32, 3).outputShape).toEqualTypeOf<[32, 32, 3]>();
expectTypeOf(input(1000, 1000, 1000).flatten().outputShape).toEqualTypeOf<[1000000000]>();

// ---- padding, dilation, rectangles, groups, rounding --------------------------------------------------------------
const x = input(28, 20, 6);
expectTypeOf(x.conv2d({ filters: 8, kernel: 3, padding: "same" }).outputShape).toEqualTypeOf<[28, 20, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: 3, padding: "same", stride: 2 }).outputShape).toEqualTypeOf<[14, 10, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: 3, padding: "same", stride: 3 }).outputShape).toEqualTypeOf<[10, 7, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: 3, padding: "valid" }).outputShape).toEqualTypeOf<[26, 18, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: 3, dilation: [2, 4], padding: [2, 4] }).outputShape).toEqualTypeOf<
  [28, 20, 8]
>();
expectTypeOf(x.conv2d({ filters: 8, kernel: [5, 2], stride: [1, 2] }).outputShape).toEqualTypeOf<[24, 10, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: [28, 20] }).outputShape).toEqualTypeOf<[1, 1, 8]>();
expectTypeOf(x.conv2d({ filters: 12, kernel: 3, groups: 3 }).outputShape).toEqualTypeOf<[26, 18, 12]>();
expectTypeOf(
  x.conv2d({
    filters: 8,
    kernel: 4,
    padding: [
      [1, 2],
      [1, 2],
    ],
  }).outputShape,
).toEqualTypeOf<[28, 20, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: 4, stride: 3, rounding: "floor" }).outputShape).toEqualTypeOf<[9, 6, 8]>();
expectTypeOf(x.conv2d({ filters: 8, kernel: 5, stride: 3, rounding: "ceil" }).outputShape).toEqualTypeOf<[9, 6, 8]>();
expectTypeOf(
  input(224, 224, 3).conv2d({ filters: 64, kernel: 7, stride: 2, padding: 3, rounding: "floor" }).outputShape,
).toEqualTypeOf<[112, 112, 64]>();
// The last window would start in the padding, and is dropped.
expectTypeOf(input(7, 7, 1).maxPool2d({ size: 2, stride: 3, padding: 1, rounding: "ceil" }).outputShape).toEqualTypeOf<
  [3, 3, 1]
>();
expectTypeOf(x.depthwiseConv2d({ kernel: 3, depthMultiplier: 2 }).outputShape).toEqualTypeOf<[26, 18, 12]>();
expectTypeOf(x.maxPool2d({ size: [2, 4] }).outputShape).toEqualTypeOf<[14, 5, 6]>();
expectTypeOf(x.avgPool2d({ size: 3, stride: 1, padding: 1, countIncludePad: false }).outputShape).toEqualTypeOf<
  [28, 20, 6]
>();
expectTypeOf(x.globalAvgPool2d().outputShape).toEqualTypeOf<[6]>();
expectTypeOf(x.globalMaxPool2d().outputShape).toEqualTypeOf<[6]>();
expectTypeOf(x.flatten().reshape({ shape: [56, 60] }).outputShape).toEqualTypeOf<[56, 60]>();
expectTypeOf(
  x.rescale().batchNorm().relu().relu6().leakyRelu({ slope: 0.2 }).sigmoid().tanh().outputShape,
).toEqualTypeOf<[28, 20, 6]>();

// ---- branches -----------------------------------------------------------------------------------------------------
const narrow = x.conv2d({ filters: 8, kernel: 1 });
const wide = x.conv2d({ filters: 24, kernel: 5, padding: 2 });
expectTypeOf(narrow.concat(wide).outputShape).toEqualTypeOf<[28, 20, 32]>();
expectTypeOf(narrow.add(x.conv2d({ filters: 8, kernel: 3, padding: "same" })).outputShape).toEqualTypeOf<[28, 20, 8]>();
expectTypeOf(x.residual((y) => y.conv2d({ filters: 6, kernel: 3, padding: 1 }).relu()).outputShape).toEqualTypeOf<
  [28, 20, 6]
>();
expectTypeOf(
  x.residual(
    (y) => y.conv2d({ filters: 12, kernel: 3, padding: "same", stride: 2 }),
    (y) => y.conv2d({ filters: 12, kernel: 1, padding: "same", stride: 2 }),
  ).outputShape,
).toEqualTypeOf<[14, 10, 12]>();
// @ts-expect-error shapes differ
narrow.add(wide);
// @ts-expect-error heights differ
narrow.concat(x.conv2d({ filters: 8, kernel: [3, 1] }));
// @ts-expect-error ranks differ
narrow.concat(wide.flatten());
// @ts-expect-error the body changes the channels
x.residual((y) => y.conv2d({ filters: 12, kernel: 3, padding: 1 }));

// ---- refused; the sentences are in sentences.test.ts ---------------------------------------------------------------
// @ts-expect-error (7 - 3) is not a multiple of 3
sequential([7, 7, 1]).conv2d({ filters: 4, kernel: 3, stride: 3 });
// @ts-expect-error a filter larger than the padded input
sequential([4, 4, 1]).conv2d({ filters: 4, kernel: 7, padding: 1 });
sequential([4, 4, 1]).conv2d({ filters: 4, kernel: 7, padding: 2 });
// @ts-expect-error a misspelt option
x.conv2d({ filters: 8, kernel: 3, strides: 2 });
// @ts-expect-error no such padding
x.conv2d({ filters: 8, kernel: 3, padding: "full" });
// @ts-expect-error the input is not flat
x.dense({ units: 10 });
// @ts-expect-error not an image
x.flatten().globalAvgPool2d();
// @ts-expect-error 3360 elements
x.reshape({ shape: [56, 61] });

// ---- sizes that are not known ---------------------------------------------------------------------------------------
const dynamic = input(n, n, 3);
expectTypeOf(dynamic).toEqualTypeOf<Net<[number, number, 3], [number, number, 3]>>();
expectTypeOf(dynamic.conv2d({ filters: 10, kernel: 5, stride: 3 }).outputShape).toEqualTypeOf<[number, number, 10]>();
expectTypeOf(dynamic.conv2d({ filters: 10, kernel: 5, stride: 3 }).globalAvgPool2d().outputShape).toEqualTypeOf<[10]>();
expectTypeOf(dynamic.flatten().outputShape).toEqualTypeOf<[number]>();
expectTypeOf(x.conv2d({ filters: n, kernel: 3 }).outputShape).toEqualTypeOf<[26, 18, number]>();
expectTypeOf(x.conv2d({ filters: 4, kernel: [n, 3] }).outputShape).toEqualTypeOf<[number, 18, 4]>();
expectTypeOf(x.conv2d({ filters: 4, kernel: 3, padding: n }).outputShape).toEqualTypeOf<[number, number, 4]>();
expectTypeOf(x.conv2d({ filters: 4, kernel: 3, stride: n }).outputShape).toEqualTypeOf<[number, number, 4]>();
expectTypeOf(x.conv2d({ filters: 4, kernel: 3, groups: n }).outputShape).toEqualTypeOf<[26, 18, 4]>();
expectTypeOf(x.depthwiseConv2d({ kernel: 3, depthMultiplier: n }).outputShape).toEqualTypeOf<[26, 18, number]>();
expectTypeOf(dynamic.conv2d({ filters: 3, kernel: 3, padding: 1 }).add(input(32, 16, 3)).outputShape).toEqualTypeOf<
  [32, 16, 3]
>();
declare const sizes: number[];
expectTypeOf(sequential(sizes).conv2d({ filters: 4, kernel: 3 }).outputShape).toEqualTypeOf<[number, number, 4]>();
expectTypeOf(sequential(sizes).flatten().dense({ units: 7 }).outputShape).toEqualTypeOf<[7]>();
expectTypeOf(netFromJson({}).flatten().dense({ units: 7 }).outputShape).toEqualTypeOf<[7]>();
const options = { filters: 4, kernel: 3, stride: 3 }; // not const, so its numbers are not known
expectTypeOf(sequential([7, 7, 1]).conv2d(options).outputShape).toEqualTypeOf<[number, number, number]>();
// @ts-expect-error what is known behind an unknown part is still checked
dynamic.conv2d({ filters: 10, kernel: 3 }).conv2d({ filters: 9, kernel: 3, groups: 4 });

// ---- layer values and blocks -----------------------------------------------------------------------------------------
const convRelu = <const F extends number, const S extends number = 1>(filters: F, stride?: S) =>
  layers.stack(layers.conv2d({ filters, kernel: 3, padding: "same", stride: (stride ?? 1) as S }), layers.relu());
expectTypeOf(x.apply(convRelu(16)).outputShape).toEqualTypeOf<[28, 20, 16]>();
expectTypeOf(x.apply(convRelu(16, 2)).outputShape).toEqualTypeOf<[14, 10, 16]>();
const basic = <const F extends number>(filters: F) =>
  layers.residual(layers.stack(convRelu(filters), layers.batchNorm(), convRelu(filters)));
expectTypeOf(x.apply(basic(6)).outputShape).toEqualTypeOf<[28, 20, 6]>();
const down = <const F extends number>(filters: F) =>
  layers.residual(
    layers.stack(convRelu(filters, 2), convRelu(filters)),
    layers.conv2d({ filters, kernel: 1, stride: 2, padding: "same" }),
  );
expectTypeOf(x.apply(down(12)).outputShape).toEqualTypeOf<[14, 10, 12]>();
const inception = layers.concatBranches(
  layers.conv2d({ filters: 16, kernel: 1 }),
  layers.stack(layers.conv2d({ filters: 4, kernel: 1 }), convRelu(8)),
  layers.maxPool2d({ size: 3, stride: 1, padding: "same" }),
);
expectTypeOf(x.apply(inception).outputShape).toEqualTypeOf<[28, 20, 30]>();
const sum = layers.addBranches(convRelu(5), layers.conv2d({ filters: 5, kernel: 1 }));
expectTypeOf(x.apply(sum).outputShape).toEqualTypeOf<[28, 20, 5]>();
// @ts-expect-error the residual would add [28, 20, 8] and [28, 20, 6]
x.apply(basic(8));
const halve = layers.stack(layers.conv2d({ filters: 8, kernel: 3, stride: 2 }), layers.relu());
expectTypeOf(input(9, 9, 3).apply(halve).outputShape).toEqualTypeOf<[4, 4, 8]>();
// @ts-expect-error the same block on an input that it does not fit
input(8, 8, 3).apply(halve);

// Blocks of blocks of blocks, whose number of filters is not known where they are written.
const stage = <const F extends number>(filters: F) =>
  layers.stack(down(filters), layers.relu(), basic(filters), basic(filters));
const two = <const F extends number>(filters: F) => layers.stack(stage(filters), stage(filters));
expectTypeOf(input(56, 48, 6).apply(two(12)).outputShape).toEqualTypeOf<[14, 12, 12]>();

// ---- functions of nets ------------------------------------------------------------------------------------------------
function head<In extends Shape, Out extends Shape>(body: Net<In, Out>) {
  return body.flatten().dense({ units: 10 });
}
expectTypeOf(head(pooled)).toEqualTypeOf<Net<[32, 32, 3], [10]>>();
function anyBranch(branch: Branch): number {
  return branch.outputShape.length;
}
function anyNet(any: Net<Shape, Shape>): Net<Shape, [3]> {
  return any.flatten().dense({ units: 3 });
}
anyBranch(net);
anyBranch(dynamic);
anyNet(net);
anyNet(dynamic);

// ---- models ------------------------------------------------------------------------------------------------------------
declare const batch: Tensor<readonly [64, 32, 32, 3], Float32Array>;
expectTypeOf(net.model({ seed: 1 }).predictSync(batch).shape).toEqualTypeOf<readonly [64, 10]>();
declare const wrong: Tensor<readonly [64, 28, 28, 1], Float32Array>;
// @ts-expect-error another image size
net.model().predictSync(wrong);
declare const loose: Tensor<readonly number[], Float32Array>;
// @ts-expect-error a batch of unknown shape has to be narrowed first
net.model().predictSync(loose);
