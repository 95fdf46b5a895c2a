/** y[m,n] = act(op(a) * op(b) + bias[n] + residual[m,n]); operands are read as pixels x channels. */
import { epilogue } from "./activation.js";
import { addEpilogueOperands, ProductSums } from "./convolution.js";
import { channelsOf, type Oracle, pixelsOf } from "./tensor.js";

export const matmul: Oracle = ([a, b, bias, residual], attributes, { rounding, shapes }) => {
  const transposeA = attributes["transposeA"] === 1;
  const transposeB = attributes["transposeB"] === 1;
  const columnsA = channelsOf(a!);
  const columnsB = channelsOf(b!);
  const m = transposeA ? columnsA : pixelsOf(a!);
  const inner = transposeA ? pixelsOf(a!) : columnsA;
  const n = transposeB ? pixelsOf(b!) : columnsB;
  const sums = new ProductSums(shapes[0]!);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < inner; k++) {
        const left = a!.data[transposeA ? k * columnsA + i : i * columnsA + k]!;
        const right = b!.data[transposeB ? j * columnsB + k : k * columnsB + j]!;
        sums.add(i * n + j, left, right);
      }
    }
  }
  const y = sums.close(rounding);
  addEpilogueOperands(y, bias, residual, rounding.store);
  return [epilogue(y, attributes, rounding)];
};
