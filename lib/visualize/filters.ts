/** What a layer has learned, as pictures of its filters. */
import type { Tensor } from "../data/tensor.js";
import { OptionError } from "../errors.js";
import { listNodes } from "../layers/node.js";
import { divergingScale, extentOf, sequentialScale, toByte, type ColorScale } from "./color.js";
import { scaleLegend } from "./heatMap.js";
import { gridBlock, type Tile } from "./imageGrid.js";
import { frame } from "./layout.js";
import type { AnyModel } from "./model.js";
import type { Picture } from "./picture.js";
import { colored, montage, type Raster } from "./raster.js";

export interface FilterSheetOptions {
  /**
   * How input channels are shown. "color": three of them as red, green and blue. "channels": one small map for each, side
   * by side in the filter's tile. "rms": one map, the root mean square over them. Default: "color" for three, "channels"
   * up to 16, "rms" beyond.
   */
  readonly show?: "color" | "channels" | "rms";
  /** The most filters to draw, the first ones. Default 64. */
  readonly limit?: number;
  readonly width?: number;
}

/** A filter bank [kernelH, kernelW, channels per group, filters]. */
interface Bank {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filters: number;
  readonly data: ArrayLike<number>;
}

/** Layers with filters, by name. */
export function filterLayers({ node }: Pick<AnyModel, "node">): string[] {
  return listNodes(node)
    .filter(({ node: { definition } }) => definition.type === "conv2d" || definition.type === "depthwiseConv2d")
    .map(({ name }) => name);
}

function bankOf(model: AnyModel, layer: string): Bank {
  const known = filterLayers(model);
  if (!known.includes(layer)) {
    const has = known.length === 0 ? "the net has none" : `those with filters are ${known.join(", ")}`;
    throw new OptionError("layer", `filterSheet: ${layer} is no layer with filters; ${has}`);
  }
  const weight: Tensor = model.parameters().get(`${layer}.weight`)!;
  const [height, width, channels, filters] = weight.shape as readonly [number, number, number, number];
  return { height, width, channels, filters, data: weight.data };
}

/** The weights of one filter for one input channel, row by row. */
function slice({ height, width, channels, filters, data }: Bank, filter: number, channel: number): Float32Array {
  return Float32Array.from(
    { length: height * width },
    (_, tap) => data[(tap * channels + channel) * filters + filter]!,
  );
}

/** Red, green and blue weights of a filter: grey where they are 0, the filter's own largest magnitude fully dark or bright. */
function colorTile(bank: Bank, filter: number): Raster {
  const slices = [0, 1, 2].map((channel) => slice(bank, filter, channel));
  const limit = Math.max(...slices.map((values) => Math.max(...values.map(Math.abs))));
  const data = new Uint8Array(3 * bank.height * bank.width);
  slices.forEach((values, channel) => {
    values.forEach((value, i) => (data[3 * i + channel] = limit > 0 ? toByte(value, -limit, limit) : 128));
  });
  return { width: bank.width, height: bank.height, channels: 3, data };
}

function rootMeanSquare(bank: Bank, filter: number): Float32Array {
  const sums = new Float32Array(bank.height * bank.width);
  for (let channel = 0; channel < bank.channels; channel++) {
    slice(bank, filter, channel).forEach((value, i) => (sums[i]! += value * value));
  }
  return sums.map((sum) => Math.sqrt(sum / bank.channels));
}

interface Style {
  readonly draw: (filter: number) => Raster;
  readonly scale: ColorScale | undefined;
  readonly note: string;
}

function styleOf(bank: Bank, show: "color" | "channels" | "rms"): Style {
  const { height, width, channels, filters } = bank;
  if (show === "color") {
    const note =
      "The three input channels are red, green and blue. Each filter has a scale of its own: grey is 0, its largest magnitude is full.";
    return { draw: (filter) => colorTile(bank, filter), scale: undefined, note };
  }
  if (show === "rms") {
    const maps = Array.from({ length: filters }, (_, filter) => rootMeanSquare(bank, filter));
    const scale = sequentialScale(0, Math.max(...maps.map((map) => extentOf(map)[1])));
    const note = `The root mean square of each tap over ${channels} input channels; one scale for all filters.`;
    return { draw: (filter) => colored(maps[filter]!, height, width, scale), scale, note };
  }
  const [low, high] = extentOf(bank.data);
  const scale = divergingScale(Math.max(-low, high));
  const columns = Math.ceil(Math.sqrt(channels));
  const draw = (filter: number): Raster => {
    const patches = Array.from({ length: channels }, (_, channel) =>
      colored(slice(bank, filter, channel), height, width, scale),
    );
    return montage(patches, columns);
  };
  const patches = channels === 1 ? "" : ` In each tile, the ${channels} input channels row by row.`;
  return { draw, scale, note: `Red is positive, blue negative, white 0; one scale for all filters.${patches}` };
}

/**
 * The filters of a convolution on one sheet, each a tile with its number.
 * @param layer a conv2d or depthwiseConv2d layer, by its name in `summary()`
 * @throws OptionError for a layer without filters, or "color" where they have not three channels
 * @example
 * ```ts
 * await filterSheet(model, "conv2d1").save("filters.svg");
 * ```
 */
export function filterSheet(model: AnyModel, layer: string, options: FilterSheetOptions = {}): Picture {
  const bank = bankOf(model, layer);
  const { height, width, channels, filters } = bank;
  const show = options.show ?? (channels === 3 ? "color" : channels <= 16 ? "channels" : "rms");
  if (show === "color" && channels !== 3) {
    throw new OptionError("show", `filterSheet: show "color" needs 3 input channels, ${layer} has ${channels}`);
  }
  const count = Math.min(filters, options.limit ?? 64);
  const { draw, scale, note } = styleOf(bank, show);
  const tiles = Array.from({ length: count }, (_, filter): Tile => {
    const values = Array.from({ length: channels }, (_, channel) => slice(bank, filter, channel));
    const [low, high] = extentOf(values.flatMap((each) => [...each]));
    const title = `filter ${filter}: weights from ${low.toPrecision(3)} to ${high.toPrecision(3)}`;
    return { image: draw(filter), caption: String(filter), title };
  });
  const sized = options.width === undefined ? {} : { width: options.width };
  // Patches inside of tiles want larger ones: six in a row.
  const tileWidth = show === "channels" && channels > 1 ? { tileWidth: 54 } : {};
  const blocks = [gridBlock(tiles, { ...sized, ...tileWidth }), ...(scale === undefined ? [] : [scaleLegend(scale)])];
  const left = count < filters ? ` The first ${count} of ${filters} filters.` : "";
  return frame(blocks, {
    title: `Filters of ${layer}: ${filters} of ${height}\u00d7${width}\u00d7${channels}`,
    description: `${count} tiles, one for each filter of the layer ${layer}. ${note}${left}`,
    notes: [`${note}${left}`],
    ...sized,
  });
}
