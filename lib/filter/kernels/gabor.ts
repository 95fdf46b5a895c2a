import type { Pair } from "../../shape/types.js";
import { numberOption, oddSize, sampled, sizeOption } from "./grid.js";

export interface GaborOptions {
  /** Of the wave, in pixels. Default 4. */
  readonly wavelength?: number | undefined;
  /** Where the wave runs to, in degrees, counted from the right and counter-clockwise: 0 finds vertical stripes. Default 0. */
  readonly angle?: number | undefined;
  /** In degrees: 0 is even (a line), 90 odd (an edge). Default 0. */
  readonly phase?: number | undefined;
  /** Of the Gaussian that bounds the wave, in pixels. Default: 0.56 wavelengths, one octave wide. */
  readonly sigma?: number | undefined;
  /** Width of the Gaussian along the wave / across it. Default 0.5: twice as long as wide. */
  readonly aspect?: number | undefined;
  /** Default: 3 sigma to either side. */
  readonly size?: Pair | undefined;
}

/**
 * A plane wave under a Gaussian: what simple cells of the visual cortex respond to, and first layers of networks learn.
 *
 * exp(-(u^2 + aspect^2 v^2) / (2 sigma^2)) cos(2 pi u / wavelength + phase), with u along the wave and v across it.
 * @example
 * ```ts
 * gabor({ wavelength: 6, angle: 45 });
 * ```
 */
export function gabor(options: GaborOptions = {}): number[][] {
  const { wavelength = 4, angle = 0, phase = 0, sigma = 0.56 * wavelength, aspect = 0.5, size } = options;
  numberOption("gabor", "wavelength", wavelength, 0);
  numberOption("gabor", "sigma", sigma, 0);
  numberOption("gabor", "aspect", aspect, 0);
  const radians = (numberOption("gabor", "angle", angle) * Math.PI) / 180;
  const shift = (numberOption("gabor", "phase", phase) * Math.PI) / 180;
  const whole = sizeOption("gabor", size ?? oddSize(3 * Math.max(sigma, sigma / aspect)));
  return sampled(whole, (y, x) => {
    const along = x * Math.cos(radians) - y * Math.sin(radians);
    const across = x * Math.sin(radians) + y * Math.cos(radians);
    const envelope = Math.exp(-(along ** 2 + (aspect * across) ** 2) / (2 * sigma ** 2));
    return envelope * Math.cos((2 * Math.PI * along) / wavelength + shift);
  });
}
