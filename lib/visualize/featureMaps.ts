/** What the layers of a net make of one image. */
import { inputName, listNodes } from "../layers/node.js";
import type { Activation } from "../training/inspect.js";
import { scaleFor, type ColorScale } from "./color.js";
import { figure } from "./heatMap.js";
import { gridBlock, type Tile } from "./imageGrid.js";
import { frame, paragraph, wrapText, type Block } from "./layout.js";
import { element } from "./markup.js";
import type { AnyModel, Images } from "./model.js";
import { pictureWidth, type Picture } from "./picture.js";
import { checkImageBatch, colored, imageRaster, oneImage, pngUri } from "./raster.js";

export interface FeatureMapOptions {
  /** By name, as in `summary()`. Default: all. */
  readonly layers?: readonly string[];
  /** Which of the images. Default 0. */
  readonly index?: number;
  /** Default "Feature maps". */
  readonly title?: string;
  /** The most channels of a layer to draw, the first ones. Default 16. */
  readonly limit?: number;
  readonly width?: number;
  readonly signal?: AbortSignal;
}

/** The channel of one image's activation [1, height, width, channels] as a map, row by row. */
function channelMap({ shape, data }: Activation, channel: number): Float32Array {
  const channels = shape.at(-1)!;
  return Float32Array.from({ length: data.length / channels }, (_, pixel) => data[pixel * channels + channel]!);
}

function mapTiles(activation: Activation, limit: number, scale: ColorScale): Tile[] {
  const [, height, width, channels] = activation.shape as readonly [number, number, number, number];
  return Array.from({ length: Math.min(channels, limit) }, (_, channel) => {
    const map = channelMap(activation, channel);
    return { image: colored(map, height, width, scale), title: `channel ${channel}` };
  });
}

/** A vector as a strip of cells, at most 24 pixels wide and 14 high. */
function strip({ data }: Activation, scale: ColorScale, width: number): Block {
  const place = { x: 0, y: 0, width: Math.min(width, 24 * data.length), height: 14 };
  const href = pngUri(colored(data, 1, data.length, scale));
  const content = element(
    "g",
    { class: "sv-tile" },
    element("title", {}, `${data.length} values`),
    element("image", { ...place, class: "sv-pixels", preserveAspectRatio: "none", href }),
    element("rect", { ...place, class: "sv-rule", fill: "none" }),
  );
  return { height: place.height, content };
}

function layerBlocks(name: string, activation: Activation, limit: number, width: number): Block[] {
  const [, ...shape] = activation.shape;
  const scale = scaleFor(activation.data);
  const channels = shape.at(-1)!;
  const isMap = shape.length === 3;
  const part = isMap && channels > limit ? `, the first ${limit} channels` : "";
  const range = scale.low < 0 ? `\u00b1${figure(scale.high)}` : `0 to ${figure(scale.high)}`;
  const heading = wrapText(`${name}: ${shape.join("\u00d7")}${part}; ${range}`, width, 12);
  const block = isMap
    ? gridBlock(mapTiles(activation, limit, scale), { width, tileWidth: 39 })
    : strip(activation, scale, width);
  return [paragraph(heading, 0, { fontSize: 12, role: "text" }), block];
}

/**
 * What the layers give for one image, layer by layer: a map for each channel, a strip of cells for a vector.
 * @param images [n, height, width, channels], of which one is drawn
 * @throws OptionError for a layer that the net does not have
 * @example
 * ```ts
 * const picture = await featureMaps(model, images, { layers: ["relu1", "relu2"], index: 3 });
 * await picture.save("maps.svg");
 * ```
 */
export async function featureMaps(model: AnyModel, images: Images, options: FeatureMapOptions = {}): Promise<Picture> {
  const { index = 0, limit = 16, width = pictureWidth, signal } = options;
  checkImageBatch(images, "featureMaps");
  const image = imageRaster(images, index);
  const input = inputName(model.node);
  const layers = options.layers ?? listNodes(model.node).map(({ name }) => name);
  const found = await model.activations(oneImage(images, index), {
    layers: layers.filter((name) => name !== input),
    ...(signal === undefined ? {} : { signal }),
  });
  const blocks = [...found].flatMap(([name, activation]) => layerBlocks(name, activation, limit, width));
  const note =
    "Each layer has a scale of its own, the range beside its name: from dark violet (0) to yellow, or from blue over white (0) to red where values are negative.";
  return frame([gridBlock([{ image, title: "the image" }], { width, tileWidth: 84 }), ...blocks], {
    title: options.title ?? "Feature maps",
    description: `An image and what ${found.size} layers make of it: ${[...found.keys()].join(", ")}.`,
    notes: [note],
    width,
  });
}
