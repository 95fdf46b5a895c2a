// What the compiler infers of the formulas, and where it refuses; `npm run typecheck` reads this file.
import { expectTypeOf } from "vitest";
import * as formulas from "../../lib/formulas/index.js";
import { sequential } from "../../lib/layers/net.js";

declare const n: number;

// ---- sizes ------------------------------------------------------------------------------------------------------
expectTypeOf(formulas.outputSize(7, { kernel: 3 })).toEqualTypeOf<5>();
expectTypeOf(formulas.outputSize(7, { kernel: 3, stride: 2 })).toEqualTypeOf<3>();
expectTypeOf(formulas.outputSize(7, { kernel: 3, padding: 1 })).toEqualTypeOf<7>();
expectTypeOf(formulas.outputSize(32, { kernel: 5, stride: 2, padding: [1, 2] })).toEqualTypeOf<16>();
expectTypeOf(formulas.outputSize(32, { kernel: 5, stride: 2, padding: "same" })).toEqualTypeOf<16>();
expectTypeOf(formulas.outputSize(224, { kernel: 7, stride: 2, padding: 3, rounding: "floor" })).toEqualTypeOf<112>();
expectTypeOf(formulas.outputSize(n, { kernel: 3, stride: 3 })).toEqualTypeOf<number>();
expectTypeOf(formulas.outputSize(7, { kernel: 3, stride: n })).toEqualTypeOf<number>();
// @ts-expect-error 2.33 windows
formulas.outputSize(7, { kernel: 3, stride: 3 });
// @ts-expect-error a misspelt option
formulas.outputSize(7, { kernel: 3, strides: 2 });
expectTypeOf(formulas.samePadding(5)).toEqualTypeOf<2>();
expectTypeOf(formulas.samePadding(1)).toEqualTypeOf<0>();
expectTypeOf(formulas.samePadding(3, { dilation: 4 })).toEqualTypeOf<4>();
expectTypeOf(formulas.samePadding(4, { dilation: 2 })).toEqualTypeOf<3>();
expectTypeOf(formulas.samePadding(n)).toEqualTypeOf<number>();
// @ts-expect-error an even window
formulas.samePadding(4);
// @ts-expect-error "same" fits every stride
formulas.legalStrides(7, { kernel: 3, padding: "same" });
expectTypeOf(formulas.coverage([7, 5], { kernel: 3 }).shape).toEqualTypeOf<[7, 5]>();

// ---- costs ------------------------------------------------------------------------------------------------------
const lecture = formulas.conv2dParameters([32, 32, 3], { filters: 10, kernel: 5, padding: 2 });
expectTypeOf(lecture).toEqualTypeOf<formulas.ParameterCounts<750, 10>>();
expectTypeOf(lecture.total).toEqualTypeOf<760>();
expectTypeOf(
  formulas.conv2dParameters([8, 8, 6], { filters: 9, kernel: [3, 2], groups: 3, useBias: false }),
).toEqualTypeOf<formulas.ParameterCounts<108, 0>>();
expectTypeOf(formulas.conv2dMacs([32, 32, 3], { filters: 10, kernel: 5, padding: 2 })).toEqualTypeOf<768000>();
expectTypeOf(formulas.conv2dMacs([n, 32, 3], { filters: 10, kernel: 5, padding: 2 })).toEqualTypeOf<number>();
expectTypeOf(formulas.conv2dParameters([n, n, 3], { filters: 10, kernel: 5 }).weights).toEqualTypeOf<750>();
expectTypeOf(formulas.depthwiseConv2dParameters([9, 9, 32], { kernel: 3, depthMultiplier: 2 })).toEqualTypeOf<
  formulas.ParameterCounts<576, 64>
>();
expectTypeOf(formulas.depthwiseConv2dMacs([9, 9, 32], { kernel: 3 })).toEqualTypeOf<14112>();
expectTypeOf(formulas.denseParameters([1000, 1000, 3], 1000).weights).toEqualTypeOf<3000000000>();
expectTypeOf(formulas.denseParameters([1000, 1000, 3], 1000).total).toEqualTypeOf<3000001000>();
expectTypeOf(formulas.denseParameters([n], 10)).toEqualTypeOf<formulas.ParameterCounts<number, 10>>();
expectTypeOf(formulas.denseMacs([32, 32, 3], 10)).toEqualTypeOf<30720>();
const both = formulas.compareDense([32, 32, 3], { filters: 10, kernel: 5, padding: 2 });
expectTypeOf(both.dense.weights).toEqualTypeOf<31457280>();
expectTypeOf(both.convolution.weights).toEqualTypeOf<750>();

// ---- receptive fields ---------------------------------------------------------------------------------------------
expectTypeOf(formulas.receptiveField([{ kernel: 3 }, { kernel: 3 }]).size).toEqualTypeOf<readonly [5, 5]>();
const pooled = formulas.receptiveField([{ kernel: [3, 1] }, { kernel: 2, stride: 2 }, { kernel: 3, dilation: 2 }]);
expectTypeOf(pooled.size).toEqualTypeOf<readonly [12, 10]>();
expectTypeOf(pooled.stride).toEqualTypeOf<readonly [2, 2]>();
declare const some: formulas.FieldLayer[];
expectTypeOf(formulas.receptiveField(some).size).toEqualTypeOf<readonly [number, number]>();
const net = sequential([9, 9, 1]).conv2d({ filters: 2, kernel: 3 });
expectTypeOf(formulas.receptiveField(net).size).toEqualTypeOf<readonly [number, number]>();
