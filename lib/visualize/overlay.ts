/** Maps laid over the images they speak of. */
import type { AttributionMap } from "./attribution.js";
import { divergingScale, extentOf, sequentialScale } from "./color.js";
import { imageGrid, type GridOptions, type Tile } from "./imageGrid.js";
import type { FrameOptions } from "./layout.js";
import type { Images } from "./model.js";
import type { Picture } from "./picture.js";
import { imageRaster, pixelRange, resample, type Raster } from "./raster.js";

/** A map and the image it speaks of. */
export interface Overlay {
  /** The position of the image. */
  readonly index: number;
  readonly map: AttributionMap;
  readonly caption?: string | readonly string[];
}

export interface OverlayOptions extends FrameOptions, GridOptions {
  /** Maps have negative values that matter: blue, against red for positive ones. Default false. */
  readonly signed?: boolean;
}

/** Pixels of a tile's longer side, at least: maps are smooth, images stay pixels. */
const fineness = 96;
/** How much of the map's colour there is; the rest is the image in grey. */
const share = 0.6;

/**
 * A map over one image; its largest magnitude has the full colour. A map of zeros leaves the image grey.
 * @param signed blue below zero, white at it, red above; else violet at zero, yellow above, and below is cut
 */
export function overlayRaster(image: Raster, map: AttributionMap, signed = false): Raster {
  const times = Math.max(1, Math.ceil(fineness / Math.max(image.width, image.height)));
  const [height, width] = [image.height * times, image.width * times];
  const values = resample(map, height, width);
  const [low, high] = extentOf(map.data);
  const scale = signed ? divergingScale(Math.max(-low, high)) : sequentialScale(0, high);
  const mixed = low === 0 && high === 0 ? 0 : share;
  const data = new Uint8Array(3 * height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const source = image.channels * (Math.floor(y / times) * image.width + Math.floor(x / times));
      const [red, green, blue] = image.data.subarray(source, source + 3) as unknown as [number, number, number];
      const grey = 0.299 * red + 0.587 * green + 0.114 * blue;
      scale.color(values[y * width + x]!).forEach((part, channel) => {
        data[3 * (y * width + x) + channel] = Math.round(mixed * part + (1 - mixed) * grey);
      });
    }
  }
  return { width, height, channels: 3, data };
}

/**
 * Images and, beside each of them, the same under its map.
 * @example
 * ```ts
 * const { maps } = await gradCam(model, images);
 * const overlays = maps.map((map, index) => ({ index, map, caption: `image ${index}` }));
 * overlaySheet(images, overlays, { title: "Grad-CAM", description: "What speaks for the answers." });
 * ```
 */
export function overlaySheet(images: Images, overlays: readonly Overlay[], options: OverlayOptions): Picture {
  const range = pixelRange(images);
  const tiles = overlays.flatMap(({ index, map, caption = [] }): Tile[] => {
    const image = imageRaster(images, index, range);
    const lines = typeof caption === "string" ? [caption] : caption;
    const [first = "", ...rest] = lines;
    return [
      { image, caption: first, title: `image ${index}` },
      {
        image: overlayRaster(image, map, options.signed),
        caption: rest.join(" "),
        title: `image ${index} under its map`,
      },
    ];
  });
  // Four in a row: two pairs.
  return imageGrid(tiles, { tileWidth: 85, ...options });
}
