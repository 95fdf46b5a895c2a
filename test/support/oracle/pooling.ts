/** Maximum and average pooling with their gradients. Sizes of the result come from its shape: it may overhang (ceil). */
import { activationBackward, slopeAt } from "./activation.js";
import { withChannelSums } from "./channelSums.js";
import { ProductSums } from "./convolution.js";
import { type Attributes, type Bounded, flushed, type Oracle, type Tensor, zeros } from "./tensor.js";

interface Window {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

/** Where the window of output (oh, ow) lies: [top, bottom) x [left, right) in image coordinates, unclipped. */
function windowAt(attributes: Attributes, oh: number, ow: number): Window {
  const top = oh * attributes["strideH"]! - attributes["padTop"]!;
  const left = ow * attributes["strideW"]! - attributes["padLeft"]!;
  return { top, left, bottom: top + attributes["kernelH"]!, right: left + attributes["kernelW"]! };
}

function clip(window: Window, minimumH: number, maximumH: number, minimumW: number, maximumW: number): Window {
  return {
    top: Math.max(window.top, minimumH),
    bottom: Math.min(window.bottom, maximumH),
    left: Math.max(window.left, minimumW),
    right: Math.min(window.right, maximumW),
  };
}

/** Visits (output element, its window clipped to the image, the unclipped one), with n and c. */
function forEachWindow(
  image: readonly number[],
  output: readonly number[],
  attributes: Attributes,
  visit: (outIndex: number, n: number, c: number, clipped: Window, whole: Window) => void,
): void {
  const [rows, height, width, channels] = image as [number, number, number, number];
  const [, outHeight, outWidth] = output as [number, number, number];
  for (let n = 0; n < rows; n++) {
    for (let oh = 0; oh < outHeight; oh++) {
      for (let ow = 0; ow < outWidth; ow++) {
        const whole = windowAt(attributes, oh, ow);
        const clipped = clip(whole, 0, height, 0, width);
        for (let c = 0; c < channels; c++) {
          visit(((n * outHeight + oh) * outWidth + ow) * channels + c, n, c, clipped, whole);
        }
      }
    }
  }
}

function at(image: readonly number[], n: number, h: number, w: number, c: number): number {
  return ((n * image[1]! + h) * image[2]! + w) * image[3]! + c;
}

/** The first maximum in row-major order; the first NaN, if there is one. -1 where the window is empty. */
function firstMaximum(x: Tensor, n: number, c: number, window: Window): number {
  let best = -1;
  for (let h = window.top; h < window.bottom; h++) {
    for (let w = window.left; w < window.right; w++) {
      const index = at(x.shape, n, h, w, c);
      const value = x.data[index]!;
      if (Number.isNaN(value)) return index;
      if (best < 0 || value > x.data[best]!) best = index;
    }
  }
  return best;
}

export const maxPool2d: Oracle = ([x], attributes, { shapes }) => {
  const y = zeros(shapes[0]!);
  forEachWindow(x!.shape, shapes[0]!, attributes, (outIndex, n, c, clipped) => {
    y.data[outIndex] = x!.data[firstMaximum(x!, n, c, clipped)]!;
  });
  return [y];
};

export const maxPool2dBackward: Oracle = ([x, dy], attributes, context) => {
  const sums = new ProductSums(context.shapes[0]!);
  forEachWindow(x!.shape, dy!.shape, attributes, (outIndex, n, c, clipped) => {
    sums.add(firstMaximum(x!, n, c, clipped), dy!.data[outIndex]!, 1);
  });
  const dx = sums.close(context.rounding);
  // without an activation, as the gradient of a maxPool2d, there may be no attribute either
  const [behind] = activationBackward([x, dx], attributes, { ...context, shapes: context.shapes.slice(0, 1) });
  const kind = attributes["activation"] ?? 0;
  for (let i = 0; i < dx.data.length; i++) {
    behind!.tolerance[i]! += Math.abs(slopeAt(kind, attributes["slope"] ?? 0, x!.data[i]!)) * dx.tolerance[i]!;
  }
  return withChannelSums([behind!], context);
};

/** PyTorch's divisor: the window clipped to the image, or to the declared padding. */
function divisor(image: readonly number[], attributes: Attributes, clipped: Window, whole: Window): number {
  const [, height, width] = image as [number, number, number];
  const counted =
    attributes["countIncludePad"] === 1
      ? clip(
          whole,
          -attributes["padTop"]!,
          height + attributes["padBottom"]!,
          -attributes["padLeft"]!,
          width + attributes["padRight"]!,
        )
      : clipped;
  return (counted.bottom - counted.top) * (counted.right - counted.left);
}

export const avgPool2d: Oracle = ([x], attributes, { rounding, shapes }) => {
  const y = zeros(shapes[0]!);
  forEachWindow(x!.shape, shapes[0]!, attributes, (outIndex, n, c, clipped, whole) => {
    let total = 0;
    let magnitude = 0;
    let terms = 0;
    for (let h = clipped.top; h < clipped.bottom; h++) {
      for (let w = clipped.left; w < clipped.right; w++) {
        const value = x!.data[at(x!.shape, n, h, w, c)]!;
        total += value;
        magnitude += Math.abs(value);
        terms += 1;
      }
    }
    const count = divisor(x!.shape, attributes, clipped, whole);
    y.data[outIndex] = total / count;
    y.tolerance[outIndex] =
      (terms * rounding.sum * magnitude) / count + 3 * rounding.store * Math.abs(total / count) + flushed;
  });
  return [y];
};

export const avgPool2dBackward: Oracle = ([dy], attributes, { rounding, shapes }) => {
  const image = shapes[0]!;
  const sums = new ProductSums(image);
  const magnitude = new Float64Array(sums.result.data.length);
  forEachWindow(image, dy!.shape, attributes, (outIndex, n, c, clipped, whole) => {
    const share = dy!.data[outIndex]! / divisor(image, attributes, clipped, whole);
    for (let h = clipped.top; h < clipped.bottom; h++) {
      for (let w = clipped.left; w < clipped.right; w++) {
        const index = at(image, n, h, w, c);
        sums.add(index, share, 1);
        magnitude[index]! += Math.abs(share);
      }
    }
  });
  const dx: Bounded = sums.close(rounding);
  // each share is rounded before it is summed: a reciprocal and a product
  for (let i = 0; i < magnitude.length; i++) dx.tolerance[i]! += 2 * rounding.store * magnitude[i]!;
  return [dx];
};
