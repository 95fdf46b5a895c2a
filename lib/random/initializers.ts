/** How parameters start. Each initialiser is a function of the fans and of a stream of its own. */
import { OptionError } from "../errors.js";
import { newFloats } from "../memory.js";
import type { RandomStream } from "./philox.js";

/** Connections of one unit: for a convolution filter [kh, kw, in / groups, out], fanIn is kh * kw * in / groups. */
export interface Fans {
  readonly fanIn: number;
  readonly fanOut: number;
}

/** Fills `target` in order. */
export type Initializer = (target: Float32Array, fans: Fans, random: RandomStream) => void;

function fillNormal(target: Float32Array, deviation: number, random: RandomStream): void {
  for (let index = 0; index < target.length; ++index) target[index] = deviation * random.normal();
}

/** Every initialiser by name. Normals are not truncated (as in PyTorch; Keras cuts them at two deviations). */
export const initializers = {
  /** Normal with variance 2 / fanIn: keeps the variance through ReLU (He et al. 2015). */
  heNormal: (target, { fanIn }, random) => fillNormal(target, Math.sqrt(2 / fanIn), random),
  /** Uniform in +-sqrt(6 / (fanIn + fanOut)): for sigmoid, tanh and softmax (Glorot and Bengio 2010). */
  glorotUniform: (target, { fanIn, fanOut }, random) => {
    const limit = Math.sqrt(6 / (fanIn + fanOut));
    for (let index = 0; index < target.length; ++index) target[index] = random.uniform(-limit, limit);
  },
  /** Normal with variance 1 / fanIn (LeCun et al. 1998). */
  lecunNormal: (target, { fanIn }, random) => fillNormal(target, Math.sqrt(1 / fanIn), random),
  zeros: (target) => void target.fill(0),
  ones: (target) => void target.fill(1),
} as const satisfies Record<string, Initializer>;

export type InitializerName = keyof typeof initializers;

/**
 * Fresh values for a parameter of `size` elements.
 *
 * @param owner layer or op named in the error
 * @throws OptionError for an unknown name or fans that are not positive
 */
export function initialize(
  name: InitializerName,
  size: number,
  fans: Fans,
  random: RandomStream,
  owner = "initialize",
): Float32Array {
  if (!Object.hasOwn(initializers, name)) {
    const known = Object.keys(initializers).join(", ");
    throw new OptionError("initializer", `${owner}: initializer must be one of ${known}, got ${JSON.stringify(name)}`);
  }
  if (!(fans.fanIn > 0) || !(fans.fanOut > 0)) {
    throw new OptionError("fans", `${owner}: fans must be positive, got fanIn ${fans.fanIn}, fanOut ${fans.fanOut}`);
  }
  const target = newFloats(owner, size);
  initializers[name](target, fans, random);
  return target;
}
