/** Small pictures in rows, with captions: filters, feature maps, thumbnails. */
import { OptionError } from "../errors.js";
import { fitText, frame, type Block, type FrameOptions } from "./layout.js";
import { element, type Markup } from "./markup.js";
import { pictureWidth, type Picture } from "./picture.js";
import { pngUri, type Raster } from "./raster.js";

/** One picture of a grid. */
export interface Tile {
  readonly image: Raster;
  /** Lines below it, cut to its width. */
  readonly caption?: string | readonly string[];
  /** The whole of it, shown where the pointer rests and read aloud. */
  readonly title?: string;
}

export interface GridOptions {
  /** The width of a tile in pixels. Default: what lets the tiles fill the width, 32 to 96. */
  readonly tileWidth?: number;
  readonly width?: number;
}

const gap = 6;
const fontSize = 10;
const lineHeight = 13;

function linesOf({ caption = [] }: Tile): readonly string[] {
  return typeof caption === "string" ? [caption] : caption;
}

/** Tiles per row: as many as have the width, evenly dealt where one row would do with few. */
function columnsFor(count: number, width: number, tileWidth: number | undefined): { columns: number; size: number } {
  if (tileWidth !== undefined) {
    return { columns: Math.max(1, Math.floor((width + gap) / (tileWidth + gap))), size: Math.min(tileWidth, width) };
  }
  // Eight in a row are of the size of a fingertip on a phone; fewer tiles may be larger, but not huge.
  const columns = Math.min(8, Math.max(4, Math.ceil(Math.sqrt(2 * count))));
  return { columns, size: Math.min(96, Math.floor((width - (columns - 1) * gap) / columns)) };
}

/**
 * Tiles as a block of a picture.
 * @throws OptionError where there are none
 */
export function gridBlock(tiles: readonly Tile[], options: GridOptions = {}): Block {
  if (tiles.length === 0) throw new OptionError("tiles", "imageGrid: needs at least one tile, got none");
  const { width = pictureWidth, tileWidth } = options;
  const { columns, size } = columnsFor(tiles.length, width, tileWidth);
  const content: Markup[] = [];
  let y = 0;
  for (let start = 0; start < tiles.length; start += columns) {
    const row = tiles.slice(start, start + columns);
    const heights = row.map(({ image }) => Math.round((size * image.height) / image.width));
    const tallest = Math.max(...heights);
    row.forEach((tile, i) => {
      const x = i * (size + gap);
      content.push(drawTile(tile, { x, y, width: size, height: heights[i]!, captionY: y + tallest }));
    });
    y += tallest + Math.max(...row.map((tile) => linesOf(tile).length)) * lineHeight + gap;
  }
  return { height: y - gap, content: element("g", {}, content) };
}

interface TilePlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly captionY: number;
}

function drawTile(tile: Tile, { x, y, width, height, captionY }: TilePlace): Markup {
  const place = { x, y, width, height };
  const lines = linesOf(tile).map((line, i) => {
    const at = { x: x + width / 2, y: captionY + lineHeight * (i + 1) - 2 };
    const shown = fitText(line, width + gap, fontSize);
    return element("text", { ...at, class: "sv-text", "font-size": fontSize, "text-anchor": "middle" }, shown);
  });
  return element(
    "g",
    { class: "sv-tile" },
    tile.title === undefined ? undefined : element("title", {}, tile.title),
    element("image", { ...place, class: "sv-pixels", preserveAspectRatio: "none", href: pngUri(tile.image) }),
    element("rect", { ...place, class: "sv-rule", fill: "none", "stroke-width": 1 }),
    lines,
  );
}

/**
 * Small pictures in rows.
 * @throws OptionError where there are none
 * @example
 * ```ts
 * const tiles = [0, 1, 2].map((i) => ({ image: imageRaster(images, i), caption: `digit ${i}` }));
 * imageGrid(tiles, { title: "Three digits", description: "The first digits of the data set." }).toSvg();
 * ```
 */
export function imageGrid(tiles: readonly Tile[], options: FrameOptions & GridOptions): Picture {
  return frame([gridBlock(tiles, options)], options);
}
