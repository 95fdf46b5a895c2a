/** The nets that `train` builds, for images of any size that they can take. */
import { sequential, type Net } from "../index.js";

export type ImageShape = readonly [height: number, width: number, channels: number];
export type ClassifierNet = Net<ImageShape, readonly [number]>;
export type NetName = "lenet5" | "small";
type Start = Net<ImageShape, ImageShape>;

/** LeNet-5 with ReLU and max pooling, as it is written today: 61,706 parameters on 28x28 grey images and ten classes. */
const lenet5 = (input: Start, classes: number): ClassifierNet =>
  input
    .conv2d({ filters: 6, kernel: 5, padding: 2 })
    .relu()
    .maxPool2d({ size: 2, rounding: "floor" })
    .conv2d({ filters: 16, kernel: 5 })
    .relu()
    .maxPool2d({ size: 2, rounding: "floor" })
    .flatten()
    .dense({ units: 120 })
    .relu()
    .dense({ units: 84 })
    .relu()
    .dense({ units: classes })
    .softmax();

/**
 * Three convolutions, each with batch norm (whose beta is their bias) and ReLU: 25,978 parameters on 8x8 grey images and ten classes.
 * Images above 40 pixels are halved behind the first until they are below.
 */
function small(input: Start, classes: number): ClassifierNet {
  let net = input.conv2d({ filters: 16, kernel: 3, padding: "same", useBias: false }).batchNorm().relu();
  while (Math.max(net.outputShape[0], net.outputShape[1]) > 40) net = net.maxPool2d({ size: 2, rounding: "floor" });
  return net
    .conv2d({ filters: 32, kernel: 3, padding: "same", useBias: false })
    .batchNorm()
    .relu()
    .maxPool2d({ size: 2, rounding: "floor" })
    .conv2d({ filters: 64, kernel: 3, padding: "same", useBias: false })
    .batchNorm()
    .relu()
    .maxPool2d({ size: 2, rounding: "floor" })
    .flatten()
    .dense({ units: classes })
    .softmax();
}

const builders: Readonly<Record<NetName, (input: Start, classes: number) => ClassifierNet>> = { lenet5, small };

/**
 * Builds a net by name.
 *
 * @param options.bytes whether pixels are from 0 to 255; otherwise from 0 to 1
 * @throws ShapeError where the images are too small for it
 */
export function buildNet(
  name: NetName,
  input: ImageShape,
  classes: number,
  options: { readonly bytes: boolean },
): ClassifierNet {
  const start = sequential(input);
  return builders[name](options.bytes ? start.rescale() : start, classes);
}

/** What a data set gets where nobody chose: LeNet-5 for what it was made for, grey images around 28x28. */
export function defaultNet([height, width, channels]: ImageShape): NetName {
  return channels === 1 && Math.min(height, width) >= 20 && Math.max(height, width) <= 40 ? "lenet5" : "small";
}

/** The linear classifier: what there is to gain by convolution is measured from here. */
export const softmaxRegression = (input: ImageShape, classes: number): ClassifierNet =>
  sequential(input).flatten().dense({ units: classes }).softmax();
