/** One kernel over every channel, and its gradients. */
import { writePlane } from "./im2col.js";
import type { Attributes, Operands, ReferenceKernel } from "./kernel.js";
import { scratchFloat64, zeroedFloat64 } from "./scratch.js";
import type { Tensor, TensorData } from "./tensor.js";
import { imageOf, type Image } from "./window.js";

/** sums[j * channels + c] += weight * x[line, j + column, c] for `pixels` pixels; a weight of 0 reads nothing. */
function addLine(image: Image, line: number, column: number, pixels: number, weight: number, sums: Float64Array): void {
  if (weight === 0) return;
  const { data, channels, pixelStride } = image;
  let from = image.offset + (line * image.width + column) * pixelStride;
  if (pixelStride === channels) {
    const length = pixels * channels;
    for (let i = 0; i < length; i++) sums[i]! += weight * data[from + i]!;
    return;
  }
  let to = 0;
  for (let j = 0; j < pixels; j++, from += pixelStride, to += channels) {
    for (let c = 0; c < channels; c++) sums[to + c]! += weight * data[from + c]!;
  }
}

const weightAt = (matrix: Tensor, row: number, column: number): number =>
  matrix.data[matrix.offset + row * matrix.pixelStride + column]!;

/** A line of sums into y, which rounds it: to float32, or as a Uint8ClampedArray does, to the nearest byte, ties to even. */
function storeLine(sums: Float64Array, y: Tensor<TensorData>, line: number, pixels: number): void {
  const { data, channels, pixelStride } = y;
  let to = y.offset + line * pixels * pixelStride;
  const target =
    data[Symbol.toStringTag] === "Uint8Array" ? new Uint8ClampedArray(data.buffer, data.byteOffset, data.length) : data;
  for (let j = 0, i = 0; j < pixels; j++, to += pixelStride) {
    for (let c = 0; c < channels; c++, i++) target[to + c] = sums[i]!;
  }
}

function direct({ x, kernel, y }: Operands<"filter2d">, offset: number): void {
  const image = imageOf(x);
  const [samples, outH, outW] = y.shape as [number, number, number];
  const [kernelH, kernelW] = kernel.shape as [number, number];
  const sums = scratchFloat64("channels", outW * y.channels);
  for (let n = 0; n < samples; n++) {
    for (let i = 0; i < outH; i++) {
      sums.fill(offset, 0, outW * y.channels);
      for (let a = 0; a < kernelH; a++) {
        const line = n * image.height + i + a;
        for (let b = 0; b < kernelW; b++) addLine(image, line, b, outW, weightAt(kernel, a, b), sums);
      }
      storeLine(sums, y, n * outH + i, outW);
    }
  }
}

/** Rows by each row of `right`, into one plane a term and image; then columns by the columns of `kernel`. */
function factored({ x, kernel, y }: Operands<"filter2d">, right: Tensor, offset: number): void {
  const image = imageOf(x);
  const [samples, outH, outW] = y.shape as [number, number, number];
  const kernelH = kernel.shape[0]!;
  const [terms, kernelW] = right.shape as [number, number];
  const length = outW * y.channels;
  const sums = scratchFloat64("channels", length);
  for (let n = 0; n < samples; n++) {
    const planes = zeroedFloat64("plane", image.height * terms * length);
    for (let h = 0; h < image.height; h++) {
      for (let t = 0; t < terms; t++) {
        const line = planes.subarray((h * terms + t) * length, (h * terms + t + 1) * length);
        for (let b = 0; b < kernelW; b++) addLine(image, n * image.height + h, b, outW, weightAt(right, t, b), line);
      }
    }
    for (let i = 0; i < outH; i++) {
      sums.fill(offset, 0, length);
      for (let a = 0; a < kernelH; a++) {
        for (let t = 0; t < terms; t++) {
          const weight = weightAt(kernel, a, t);
          if (weight === 0) continue;
          const from = ((i + a) * terms + t) * length;
          for (let e = 0; e < length; e++) sums[e]! += weight * planes[from + e]!;
        }
      }
      storeLine(sums, y, n * outH + i, outW);
    }
  }
}

function forward(operands: Operands<"filter2d">, { offset }: Attributes<"filter2d">): void {
  if (operands.right === undefined) direct(operands, offset);
  else factored(operands, operands.right, offset);
}

function backwardInput({ dy, kernel, dx }: Operands<"filter2d.backwardInput">): void {
  const image = imageOf(dx);
  const [samples, outH, outW] = dy.shape as [number, number, number];
  const [kernelH, kernelW] = kernel.shape as [number, number];
  const { channels } = dx;
  const gradient = imageOf(dy);
  for (let n = 0; n < samples; n++) {
    const plane = zeroedFloat64("plane", image.height * image.width * channels);
    for (let i = 0; i < outH; i++) {
      for (let a = 0; a < kernelH; a++) {
        for (let b = 0; b < kernelW; b++) {
          const target = plane.subarray(((i + a) * image.width + b) * channels);
          addLine(gradient, n * outH + i, 0, outW, weightAt(kernel, a, b), target);
        }
      }
    }
    writePlane(plane, image, n);
  }
}

function backwardKernel({ x, dy, dkernel }: Operands<"filter2d.backwardKernel">): void {
  const { height, width } = imageOf(x);
  const [samples, outH, outW] = dy.shape as [number, number, number];
  const [kernelH, kernelW] = dkernel.shape as [number, number];
  for (let a = 0; a < kernelH; a++) {
    for (let b = 0; b < kernelW; b++) {
      let sum = 0;
      for (let n = 0; n < samples; n++) {
        for (let i = 0; i < outH; i++) {
          let from = x.offset + ((n * height + i + a) * width + b) * x.pixelStride;
          let by = dy.offset + (n * outH + i) * outW * dy.pixelStride;
          for (let j = 0; j < outW; j++, from += x.pixelStride, by += dy.pixelStride) {
            for (let c = 0; c < x.channels; c++) sum += x.data[from + c]! * dy.data[by + c]!;
          }
        }
      }
      dkernel.data[dkernel.offset + a * dkernel.pixelStride + b] = sum;
    }
  }
}

export const filter2dKernel: ReferenceKernel<"filter2d"> = {
  run: forward,
  choose: ({ right }) => ({ algorithm: right === undefined ? "direct" : "factored", declined: [] }),
};
export const filter2dBackwardInputKernel: ReferenceKernel<"filter2d.backwardInput"> = { run: backwardInput };
export const filter2dBackwardKernelKernel: ReferenceKernel<"filter2d.backwardKernel"> = { run: backwardKernel };
