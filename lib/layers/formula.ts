// The output size of a window with its numbers in it, as a lecture writes it: "(32 + 2*2 - 5)/1 + 1 = 32".
import type { Padding, Rounding, Shape } from "../shape/types.js";
import { windowExtent } from "../shape/axis.js";
import type { Window } from "../shape/window.js";

interface AxisNumbers {
  readonly size: number;
  readonly before: number;
  readonly after: number;
  readonly kernel: number;
  readonly dilation: number;
  readonly stride: number;
  readonly out: number;
}

function axisFormula(axis: AxisNumbers, padding: Padding, rounding: Rounding): string {
  const { size, before, after, kernel, dilation, stride, out } = axis;
  const pads = before === after ? (before === 0 ? "" : ` + 2*${before}`) : ` + ${before} + ${after}`;
  const window = dilation === 1 ? `${kernel}` : `(${dilation}*(${kernel} - 1) + 1)`;
  const quotient = `(${size}${pads} - ${window})/${stride}`;
  const span = size + before + after - windowExtent(kernel, dilation);
  if (span % stride === 0) {
    const count = span / stride + 1;
    return `${quotient} + 1${count === out ? "" : " - 1"} = ${out}`;
  }
  // "same" with a stride asks for ceil(N/S) windows, whatever the padding comes to.
  if (padding === "same") return `ceil(${size}/${stride}) = ${out}`;
  const dropped = rounding === "ceil" && Math.ceil(span / stride) + 1 > out ? " - 1" : "";
  return `${rounding}(${quotient}) + 1${dropped} = ${out}`;
}

/**
 * The formula of a window's output size; once if height and width agree.
 *
 * @param input [height, width, ...]
 */
export function windowFormula(
  window: Window,
  input: Shape,
  padding: Padding = 0,
  rounding: Rounding = "exact",
): string {
  const { declared } = window;
  const height = axisFormula(
    {
      size: input[0] ?? 0,
      before: declared.top,
      after: declared.bottom,
      kernel: window.kernelH,
      dilation: window.dilationH,
      stride: window.strideH,
      out: window.outH,
    },
    padding,
    rounding,
  );
  const width = axisFormula(
    {
      size: input[1] ?? 0,
      before: declared.left,
      after: declared.right,
      kernel: window.kernelW,
      dilation: window.dilationW,
      stride: window.strideW,
      out: window.outW,
    },
    padding,
    rounding,
  );
  return height === width ? height : `${height}, ${width}`;
}
