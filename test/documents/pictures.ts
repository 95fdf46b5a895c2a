/** Pictures that a document shows: which ones, and whether a drawing made now is the same. */
import { decode } from "fast-png";
import { alignNumbers } from "./blocks.js";

/** The addresses of the SVG files that a Markdown file shows, relative to it, in its order. */
export function parsePictures(markdown: string): string[] {
  return [...markdown.matchAll(/!\[[^\]]+\]\(([^)\s]+\.svg)\)/g)].map(([, file]) => file!);
}

/** How far two drawings of one thing may be apart: what a training makes of another processor's rounding. */
export interface PictureTolerance {
  /** Of a number in the drawing: coordinates in pixels, and figures in texts. */
  readonly number: number;
  /** Of the channels of a raster from 0 to 255, in the mean. */
  readonly channel: number;
}

/** A drawing, its rasters taken out. */
interface Parts {
  readonly markup: string;
  readonly rasters: readonly ReturnType<typeof decode>[];
}

function partsOf(svg: string): Parts {
  const rasters: ReturnType<typeof decode>[] = [];
  const markup = svg.replace(/data:image\/png;base64,([\w+/=]*)/g, (_, base64: string) => {
    rasters.push(decode(Buffer.from(base64, "base64")));
    return "raster";
  });
  return { markup: markup.replaceAll(">", ">\n"), rasters };
}

/**
 * Two SVG files in a form in which they are equal if they are the same but for the tolerance: the markup, an element a line,
 * and a line for each raster.
 */
export function alignPictures(actual: string, expected: string, tolerance: PictureTolerance): [string, string] {
  const [drawn, wanted] = [partsOf(actual), partsOf(expected)];
  const lines = drawn.rasters.map(({ width, height, channels, data }, i): [string, string] => {
    const size = `raster ${i}: ${width}x${height}x${channels}`;
    const other = wanted.rasters[i];
    if (other === undefined) return [size, "none"];
    const otherSize = `raster ${i}: ${other.width}x${other.height}x${other.channels}`;
    if (size !== otherSize) return [size, otherSize];
    let sum = 0;
    for (let k = 0; k < data.length; k++) sum += Math.abs(data[k]! - other.data[k]!);
    const difference = sum / data.length;
    return [difference <= tolerance.channel ? size : `${size}, off by ${difference.toFixed(1)} in the mean`, size];
  });
  return [
    [alignNumbers(drawn.markup, wanted.markup, tolerance.number), ...lines.map(([line]) => line)].join("\n"),
    [wanted.markup, ...lines.map(([, line]) => line)].join("\n"),
  ];
}
