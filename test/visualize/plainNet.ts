/**
 * A small net in plain float64 loops: convolution 3x3 with zero padding and bias, ReLU, dense. Every number comes with how
 * far float32 may be from it.
 */
export interface PlainNet {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filters: number;
  readonly classes: number;
  /** [3, 3, channels, filters], [filters], [height * width * filters, classes], [classes] */
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly denseWeight: ArrayLike<number>;
  readonly denseBias: ArrayLike<number>;
}

export interface Interval {
  readonly value: number;
  /** A sum of n products is off by at most n * 2^-24 * sum of their magnitudes (Higham, section 3.1). */
  readonly error: number;
}

const unit = 2 ** -24;

/** What the ReLU gives, [height, width, filters]. */
export function reluMaps(net: PlainNet, image: ArrayLike<number>): Interval[] {
  const { height, width, channels, filters, weight, bias } = net;
  const result: Interval[] = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let f = 0; f < filters; f++) {
        let sum = bias[f]!;
        let magnitude = Math.abs(sum);
        for (let ky = 0; ky < 3; ky++) {
          for (let kx = 0; kx < 3; kx++) {
            const [row, column] = [y + ky - 1, x + kx - 1];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            for (let c = 0; c < channels; c++) {
              const product =
                image[(row * width + column) * channels + c]! * weight[((ky * 3 + kx) * channels + c) * filters + f]!;
              sum += product;
              magnitude += Math.abs(product);
            }
          }
        }
        result.push({ value: Math.max(0, sum), error: (9 * channels + 2) * unit * magnitude });
      }
    }
  }
  return result;
}

/** The scores of the classes. */
export function scoresOf(net: PlainNet, maps: readonly Interval[]): Interval[] {
  return Array.from({ length: net.classes }, (_, k) => {
    let sum = net.denseBias[k]!;
    let magnitude = Math.abs(sum);
    let error = 0;
    maps.forEach((map, i) => {
      const w = net.denseWeight[i * net.classes + k]!;
      sum += map.value * w;
      magnitude += Math.abs(map.value * w);
      error += map.error * Math.abs(w);
    });
    return { value: sum, error: error + (maps.length + 2) * unit * magnitude };
  });
}

/** Grad-CAM: the score is linear in the maps, so its gradient is the dense layer's weights. */
export function plainGradCam(net: PlainNet, maps: readonly Interval[], label: number): Interval[] {
  const { height, width, filters, classes, denseWeight } = net;
  const pixels = height * width;
  const alphas = Array.from({ length: filters }, (_, f) => {
    let sum = 0;
    for (let p = 0; p < pixels; p++) sum += denseWeight[(p * filters + f) * classes + label]!;
    return sum / pixels;
  });
  return Array.from({ length: pixels }, (_, p) => {
    let sum = 0;
    let error = 0;
    alphas.forEach((alpha, f) => {
      const map = maps[p * filters + f]!;
      sum += alpha * map.value;
      error += Math.abs(alpha) * (map.error + unit * map.value);
    });
    return { value: Math.max(0, sum), error: error + unit * Math.abs(sum) };
  });
}

/** By how much a score falls where each pixel is covered: the mean over all squares on it. */
export function plainOcclusion(
  net: PlainNet,
  image: readonly number[],
  cover: {
    readonly label: number;
    readonly tops: readonly number[];
    readonly lefts: readonly number[];
    readonly size: number;
  },
): Interval[] {
  const { height, width, channels } = net;
  const score = (pixels: readonly number[]): Interval => scoresOf(net, reluMaps(net, pixels))[cover.label]!;
  const means = Array.from({ length: channels }, (_, c) => {
    const own = image.filter((_, i) => i % channels === c);
    return own.reduce((sum, value) => sum + value, 0) / own.length;
  });
  const whole = score(image);
  const onPixel = Array.from({ length: height * width }, (): Interval[] => []);
  const covers = (y: number, x: number, top: number, left: number): boolean =>
    y >= top && y < top + cover.size && x >= left && x < left + cover.size;
  for (const top of cover.tops) {
    for (const left of cover.lefts) {
      const covered = image.map((value, i) => {
        const pixel = Math.floor(i / channels);
        const inside = covers(Math.floor(pixel / width), pixel % width, top, left);
        return inside ? Math.fround(means[i % channels]!) : value;
      });
      const { value, error } = score(covered);
      const fall = { value: whole.value - value, error: whole.error + error };
      onPixel.forEach((list, pixel) => {
        if (covers(Math.floor(pixel / width), pixel % width, top, left)) list.push(fall);
      });
    }
  }
  return onPixel.map((falls) => ({
    value: falls.reduce((sum, { value }) => sum + value, 0) / falls.length,
    error: Math.max(...falls.map(({ error, value }) => error + unit * Math.abs(value))),
  }));
}
