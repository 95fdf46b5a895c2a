/** y[m,n] = act(op(a) * op(b) * scale[n] + bias[n] + residual[m,n]); operands are read as pixels x channels. */
import { epilogue } from "./activation.js";
import { addEpilogueOperands, ProductSums, scaled } from "./convolution.js";
import { channelsOf, type Oracle, pixelsOf } from "./tensor.js";

export const matmul: Oracle = ([a, weights, bias, residual, scale], attributes, { rounding, shapes }) => {
  const transposeA = attributes["transposeA"] === 1;
  const transposeB = attributes["transposeB"] === 1;
  const b = scaled(weights!, scale, transposeB);
  const columnsA = channelsOf(a!);
  const columnsB = channelsOf(b);
  const m = transposeA ? columnsA : pixelsOf(a!);
  const inner = transposeA ? pixelsOf(a!) : columnsA;
  const n = transposeB ? pixelsOf(b) : columnsB;
  const sums = new ProductSums(shapes[0]!);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      const [aIndex, aStep] = transposeA ? [i, columnsA] : [i * columnsA, 1];
      const [bIndex, bStep] = transposeB ? [j * columnsB, 1] : [j, columnsB];
      sums.addRun(i * n + j, 0, a!, aIndex, aStep, b, bIndex, bStep, inner);
    }
  }
  const y = sums.close(rounding, scale === undefined ? 0 : rounding.store);
  addEpilogueOperands(y, bias, residual, rounding.store);
  return [epilogue(y, attributes, rounding)];
};
