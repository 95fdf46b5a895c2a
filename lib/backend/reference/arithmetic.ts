/** Element-wise ops and sums. */
import { activated } from "./activation.js";
import { sumChannels } from "./channelSums.js";
import type { Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { indexOf, spanOf, type Tensor, type TensorData } from "./tensor.js";

/** y = act(a + b) */
function add({ a, b, y }: Operands<"add">, { activation, slope }: Attributes<"add">): void {
  const { pixels, channels } = spanOf(a, b, y);
  for (let p = 0; p < pixels; p++) {
    const fromA = a.offset + p * a.pixelStride;
    const fromB = b.offset + p * b.pixelStride;
    const to = y.offset + p * y.pixelStride;
    for (let c = 0; c < channels; c++) {
      y.data[to + c] = activated(a.data[fromA + c]! + b.data[fromB + c]!, activation, slope);
    }
  }
}

/** y = x in row-major order of elements; shapes may differ. */
function copy({ x, y }: Operands<"copy">): void {
  if (x.channels !== y.channels) {
    const elements = y.pixels * y.channels;
    for (let i = 0; i < elements; i++) y.data[indexOf(y, i)] = x.data[indexOf(x, i)]!;
    return;
  }
  const { pixels, channels } = spanOf(x, y);
  for (let p = 0; p < pixels; p++) {
    const from = x.offset + p * x.pixelStride;
    const to = y.offset + p * y.pixelStride;
    for (let c = 0; c < channels; c++) y.data[to + c] = x.data[from + c]!;
  }
}

function fill({ y }: Operands<"fill">, { value }: Attributes<"fill">): void {
  const { pixels, channels } = spanOf(y);
  for (let p = 0; p < pixels; p++) {
    const to = y.offset + p * y.pixelStride;
    y.data.fill(value, to, to + channels);
  }
}

/** y = x * scale + offset; x is f32 or u8. */
function rescale({ x, y }: Operands<"rescale">, { scale, offset }: Attributes<"rescale">): void {
  const { data }: Tensor<TensorData> = x;
  const { pixels, channels } = spanOf(x, y);
  for (let p = 0; p < pixels; p++) {
    const from = x.offset + p * x.pixelStride;
    const to = y.offset + p * y.pixelStride;
    for (let c = 0; c < channels; c++) y.data[to + c] = data[from + c]! * scale + offset;
  }
}

function channelSum({ x, y }: Operands<"channelSum">): void {
  sumChannels(x, y);
}

export const addKernel: ReferenceKernel<"add"> = { run: add };
export const copyKernel: ReferenceKernel<"copy"> = { run: copy };
export const fillKernel: ReferenceKernel<"fill"> = { run: fill };
export const rescaleKernel: ReferenceKernel<"rescale"> = { run: rescale };
export const channelSumKernel: ReferenceKernel<"channelSum"> = { run: channelSum };
