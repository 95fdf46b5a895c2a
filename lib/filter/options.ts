/** What `filter` may be told, and a plan of all that follows from it and from the shapes. */
import { elementCount, type Tensor } from "../data/tensor.js";
import { OptionError, ShapeError } from "../errors.js";
import { boundaryModes, type BoundaryMode } from "../shape/boundary.js";
import { allPositive, showShape, showValue } from "../shape/values.js";
import { factorsOf } from "./factor.js";
import { choiceOption, numberOption } from "./kernels/grid.js";
import { flipped, normalizedBy, weightsOf, type KernelInput, type Weights } from "./weights.js";

/** What results are: signed floats as they are, or bytes. */
export type Depth = "float" | "u8";
export type DepthArray<D extends Depth> = D extends "u8" ? Uint8Array : Float32Array;

/** How the image goes on beyond its borders; "valid" asks for nothing there, and shrinks the result by the kernel less 1. */
export type FilterBoundary = "valid" | BoundaryMode;

export interface FilterOptions<D extends Depth = Depth> {
  /**
   * "correlate" lays the kernel on the image as it is written; "convolve" turns it by half a circle first, as the definition
   * of convolution does. For a symmetric kernel they are the same. Default "correlate", as in OpenCV's filter2D and in
   * layers of networks.
   */
  readonly operation?: "correlate" | "convolve" | undefined;
  /** Default "reflect101", as in OpenCV: `gfedcb|abcdefgh|gfedcba`. */
  readonly boundary?: FilterBoundary | undefined;
  /** What lies beyond the borders with boundary "constant": a number, or one for each channel. Default 0. */
  readonly constant?: number | readonly number[] | undefined;
  /** Divides the weights by their sum, or by the sum of their magnitudes. Default "none". */
  readonly normalize?: "none" | "sum" | "abs" | undefined;
  /** Added to every result: 128 shows signed results as bytes. Default 0. */
  readonly offset?: number | undefined;
  /**
   * "float": signed float32, nothing clamped. "u8": rounded to the nearest whole number (ties to the even one, NaN to 0) and
   * saturated to 0 to 255. Default "float".
   */
  readonly depth?: D | undefined;
  /** "keep": the last channel is copied, not filtered. Default "filter". */
  readonly alpha?: "filter" | "keep" | undefined;
}

/** A matrix as an operand of the op. */
export interface Operand {
  readonly shape: readonly [number, number];
  readonly data: Float32Array;
}

export interface FilterPlan {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly bytes: boolean;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** The kernel, or the two factors of it. */
  readonly operands: readonly Operand[];
  /** Where the pixel of a result is under the kernel. */
  readonly anchor: readonly [row: number, column: number];
  readonly boundary: FilterBoundary;
  /** What lies beyond the borders with boundary zero and constant: one number per channel. */
  readonly constant: readonly number[];
  readonly offset: number;
  readonly depth: Depth;
  readonly keepAlpha: boolean;
}

/** An image of a plan: where the rows of results come from does not matter to it. */
export interface ImageSize {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** u8, else f32. */
  readonly bytes: boolean;
}

/** Images in a tensor. */
export interface Images extends ImageSize {
  readonly count: number;
  readonly data: Uint8Array | Float32Array;
}

/**
 * @throws OptionError, ShapeError where the tensor holds no images
 */
export function imagesOf(owner: string, image: Tensor): Images {
  const { shape, data } = image;
  const bytes = data instanceof Uint8Array;
  if (!bytes && !(data instanceof Float32Array)) {
    throw new OptionError("image", `${owner}: image must hold a Uint8Array or a Float32Array`);
  }
  if (shape.length < 2 || shape.length > 4 || !allPositive(shape)) {
    const forms = "[height, width], [height, width, channels] or [count, height, width, channels]";
    throw new ShapeError("image", `${owner}: image must be ${forms}, all of them 1 or more, got ${showShape(shape)}`);
  }
  if (elementCount(shape) !== data.length) {
    throw new ShapeError(
      "image",
      `${owner}: an image ${showShape(shape)} needs ${elementCount(shape)} elements, got ${data.length}`,
    );
  }
  const [count, height, width, channels] =
    shape.length === 4 ? (shape as [number, number, number, number]) : [1, shape[0]!, shape[1]!, shape[2] ?? 1];
  return { count, height, width, channels, bytes, data };
}

/**
 * @param owner begins the sentences of errors
 * @throws OptionError, ShapeError where kernel and options mean nothing for such images
 */
export function planFilter(owner: string, image: ImageSize, kernel: KernelInput, options: FilterOptions): FilterPlan {
  const { operation = "correlate", boundary = "reflect101", normalize = "none", depth = "float" } = options;
  const { offset = 0, alpha = "filter", constant = 0 } = options;
  choiceOption(owner, "operation", operation, ["correlate", "convolve"]);
  choiceOption<FilterBoundary>(owner, "boundary", boundary, ["valid", ...boundaryModes]);
  choiceOption(owner, "normalize", normalize, ["none", "sum", "abs"]);
  choiceOption(owner, "depth", depth, ["float", "u8"]);
  choiceOption(owner, "alpha", alpha, ["filter", "keep"]);
  numberOption(owner, "offset", offset);
  const { height, width, channels, bytes } = image;
  if (alpha === "keep" && channels !== 2 && channels !== 4) {
    throw new OptionError("alpha", `${owner}: alpha 'keep' needs an image of 2 or 4 channels, got ${channels}`);
  }
  const given = normalizedBy(owner, weightsOf(owner, kernel), normalize);
  const weights = operation === "convolve" ? flipped(given) : given;
  if (boundary === "valid" && (weights.height > height || weights.width > width)) {
    throw new ShapeError(
      "kernel",
      `${owner}: a kernel ${weights.height}x${weights.width} does not fit into an image ${height}x${width}; ` +
        "another boundary than 'valid' lets it reach beyond",
    );
  }
  const shrinks = boundary === "valid";
  return {
    ...{ height, width, channels, bytes, boundary, offset, depth },
    outHeight: shrinks ? height - weights.height + 1 : height,
    outWidth: shrinks ? width - weights.width + 1 : width,
    kernelHeight: weights.height,
    kernelWidth: weights.width,
    operands: operandsOf(weights),
    // The extra weight of an even kernel reaches to the right and down, as padding "same" of a layer has it.
    anchor: [Math.floor((weights.height - 1) / 2), Math.floor((weights.width - 1) / 2)],
    constant: constantOf(owner, boundary === "constant" ? constant : 0, channels, bytes),
    keepAlpha: alpha === "keep",
  };
}

function operandsOf(weights: Weights): Operand[] {
  const { height, width, values } = weights;
  const factors = factorsOf(weights);
  if (factors === undefined) return [{ shape: [height, width], data: Float32Array.from(values) }];
  const { terms, left, right } = factors;
  return [
    { shape: [height, terms], data: left },
    { shape: [terms, width], data: right },
  ];
}

function constantOf(owner: string, constant: number | readonly number[], channels: number, bytes: boolean): number[] {
  const list = typeof constant === "number" ? Array.from({ length: channels }, () => constant) : constant;
  const fine = (value: unknown): boolean =>
    bytes ? Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 255 : typeof value === "number";
  if (Array.isArray(list) && list.length === channels && list.every(fine)) return list.slice() as number[];
  const values = bytes ? "whole numbers from 0 to 255, as the image holds," : "numbers";
  throw new OptionError(
    "constant",
    `${owner}: constant must be ${values} one or one for each of ${channels} channels, got ${showValue(constant)}`,
  );
}
