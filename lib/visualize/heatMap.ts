/** A matrix as colours: weights, a convolution as a sparse matrix, an attribution map. */
import { elementCount, type Tensor } from "../data/tensor.js";
import { ShapeError } from "../errors.js";
import { scaleFor, type ColorScale, type Rgb } from "./color.js";
import { frame, type Block, type FrameOptions } from "./layout.js";
import { element, type Markup } from "./markup.js";
import { pictureWidth, type Picture } from "./picture.js";
import { colored, pngUri } from "./raster.js";

export interface HeatMapOptions extends FrameOptions {
  /** Default: diverging about 0 where a value is negative, else from 0 to the greatest. */
  readonly scale?: ColorScale;
  /** Writes the values into cells that are large enough. Default false. */
  readonly values?: boolean;
  /** Names at the left, one for each row; and above, one for each column. */
  readonly rowLabels?: readonly string[];
  readonly columnLabels?: readonly string[];
  /** The most pixels of a cell's side. Default 40. */
  readonly cellSize?: number;
}

const legendHeight = 34;

/** A number for a cell or the end of a legend: three digits that matter. */
export function figure(value: number): string {
  const text = String(Number(value.toPrecision(3)));
  return text.length <= 6 ? text : value.toExponential(0);
}

/** Dark on light colours and light on dark ones. */
function inkOn([red, green, blue]: Rgb): string {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 140 ? "#1f2328" : "#ffffff";
}

/** A bar of the scale's colours with the values of its ends, and 0 where that is between them. */
export function scaleLegend(scale: ColorScale, width = 160): Block {
  const { low, high } = scale;
  const steps = Array.from({ length: 64 }, (_, i) => low + ((high - low) * i) / 63);
  const bar = { y: 0, width, height: 10, preserveAspectRatio: "none" };
  const ends = low < 0 && high > 0 ? [low, 0, high] : [low, high];
  const texts = ends.map((value, i) => {
    const share = high > low ? (value - low) / (high - low) : i;
    const anchor = i === 0 ? "start" : i === ends.length - 1 ? "end" : "middle";
    const at = { x: share * width, y: 22, "text-anchor": anchor };
    return element("text", { ...at, class: "sv-muted", "font-size": 10 }, figure(value));
  });
  const image = element("image", { ...bar, href: pngUri(colored(steps, 1, steps.length, scale)) });
  const edge = element("rect", { x: 0, y: 0, width, height: 10, class: "sv-rule", fill: "none" });
  return { height: legendHeight - 8, content: element("g", { class: "sv-scale" }, image, edge, texts) };
}

/**
 * A matrix as a picture, one cell for each element, with a legend of its colours.
 * @param matrix [rows, columns]
 * @throws ShapeError for anything but a matrix, or labels of another number
 * @example
 * ```ts
 * const matrix = tensor([2, 3], Float32Array.of(1, 0, -1, 2, 0, -2));
 * heatMap(matrix, { title: "A filter", description: "Positive at the left.", values: true }).toSvg();
 * ```
 */
export function heatMap(matrix: Tensor, options: HeatMapOptions): Picture {
  const [rows, columns] = matrix.shape;
  if (matrix.shape.length !== 2 || !(rows! > 0 && columns! > 0) || elementCount(matrix.shape) !== matrix.data.length) {
    const got = `[${matrix.shape.join(", ")}] with ${matrix.data.length} elements`;
    throw new ShapeError("matrix", `heatMap: the matrix must be [rows, columns], got ${got}`);
  }
  const { rowLabels, columnLabels, width = pictureWidth } = options;
  checkLabels("rowLabels", rowLabels, rows!);
  checkLabels("columnLabels", columnLabels, columns!);
  const scale = options.scale ?? scaleFor(matrix.data);
  const longest = Math.max(0, ...(rowLabels ?? []).map((label) => label.length));
  const left = longest === 0 ? 0 : Math.min(width / 3, 7 * longest + 6);
  const top = columnLabels === undefined ? 0 : 16;
  const cell = Math.min(options.cellSize ?? 40, (width - left) / columns!);
  const [mapWidth, mapHeight] = [cell * columns!, cell * rows!];
  const image = colored(matrix.data, rows!, columns!, scale);
  const place = { x: left, y: top, width: mapWidth, height: mapHeight };
  const content: Markup[] = [
    element("image", { ...place, class: "sv-pixels", preserveAspectRatio: "none", href: pngUri(image) }),
    element("rect", { ...place, class: "sv-rule", fill: "none" }),
  ];
  // Where labels would overlap only every second, third, ... is written.
  const every = Math.ceil(14 / cell);
  const label = { class: "sv-muted", "font-size": 11 };
  rowLabels?.forEach((text, i) => {
    const at = { x: left - 6, y: top + (i + 0.5) * cell + 4, "text-anchor": "end" };
    if (i % every === 0) content.push(element("text", { ...label, ...at }, text));
  });
  columnLabels?.forEach((text, i) => {
    const at = { x: left + (i + 0.5) * cell, y: top - 5, "text-anchor": "middle" };
    if (i % every === 0) content.push(element("text", { ...label, ...at }, text));
  });
  if (options.values === true && cell >= 24) content.push(...cellTexts(matrix, scale, { left, top, cell }));
  const map = { height: top + mapHeight, content: element("g", {}, content) };
  return frame([map, scaleLegend(scale)], options);
}

function checkLabels(option: string, labels: readonly string[] | undefined, count: number): void {
  if (labels === undefined || labels.length === count) return;
  throw new ShapeError(option, `heatMap: ${option} must be ${count}, got ${labels.length}`);
}

function cellTexts(
  { shape: [, columns], data }: Tensor,
  scale: ColorScale,
  { left, top, cell }: { readonly left: number; readonly top: number; readonly cell: number },
): Markup[] {
  return Array.from(data, (value, i) => {
    const x = left + ((i % columns!) + 0.5) * cell;
    const y = top + (Math.floor(i / columns!) + 0.5) * cell + 4;
    const fill = inkOn(scale.color(value));
    return element("text", { x, y, fill, "font-size": cell < 30 ? 9 : 11, "text-anchor": "middle" }, figure(value));
  });
}
