/** Lines over a common axis: losses, accuracies, signals. */
import { scaleLinear, scaleLog } from "d3-scale";
import { line as linePath } from "d3-shape";
import { OptionError } from "../errors.js";
import { frame, textWidth, type Block, type FrameOptions } from "./layout.js";
import { element, type Markup } from "./markup.js";
import { lineColors, pictureWidth, type Picture } from "./picture.js";

/** One line. Where y is not finite it has a gap. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly dashed?: boolean;
}

export interface LineChartOptions extends FrameOptions {
  readonly xLabel?: string;
  readonly yLabel?: string;
  /** Values that the axis must show, beside those of the points. */
  readonly yDomain?: readonly [number, number];
  /** "log" wants positive values. Default "linear". */
  readonly yScale?: "linear" | "log";
  /** Ticks of the horizontal axis at whole numbers only. */
  readonly wholeX?: boolean;
  /** Of the drawing with a legend of one row, without title and notes. Default 220. */
  readonly height?: number;
}

const fontSize = 11;
const legendHeight = 18;

function extent(values: readonly number[]): [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low < high ? [low, high] : [low - (Math.abs(low) || 1) / 2, high + (Math.abs(high) || 1) / 2];
}

function checkSeries(series: readonly Series[], log: boolean): (readonly [number, number])[] {
  const points = series.flatMap((each) => each.points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)));
  if (points.length === 0) throw new OptionError("series", "lineChart: series must have at least one finite point");
  const wrong = log ? points.find(([, y]) => y <= 0) : undefined;
  if (wrong !== undefined) {
    throw new OptionError("yScale", `lineChart: yScale "log" needs values above 0, got ${wrong[1]} at ${wrong[0]}`);
  }
  return points;
}

/**
 * A chart of lines with axes and a legend.
 * @throws OptionError where no point is finite, or a logarithmic axis meets a value that is not positive
 * @example
 * ```ts
 * const points = Array.from({ length: 50 }, (_, i) => [i, Math.sin(i / 8)] as const);
 * lineChart([{ name: "sine", points }], { title: "A signal", description: "One period of a sine." }).toSvg();
 * ```
 */
export function lineChart(series: readonly Series[], options: LineChartOptions): Picture {
  const { width = pictureWidth, height = 220, yScale = "linear", xLabel, yLabel, wholeX = false } = options;
  const points = checkSeries(series, yScale === "log");
  const ys = [...points.map(([, y]) => y), ...(options.yDomain ?? [])];
  const vertical = yScale === "log" ? scaleLog().domain(extent(ys)) : scaleLinear().domain(extent(ys)).nice(5);
  const horizontal = scaleLinear().domain(extent(points.map(([x]) => x)));

  // "~g" writes 0.01 where a logarithmic axis would write 10m.
  const yFormat = yScale === "log" ? vertical.tickFormat(5, "~g") : vertical.tickFormat(5);
  // A logarithmic axis leaves the text of some ticks empty; those need no line either.
  const yTicks = vertical.ticks(5).filter((tick) => yFormat(tick) !== "");
  const yTexts = yTicks.map((tick) => yFormat(tick));
  const left = Math.ceil(Math.max(...yTexts.map((text) => textWidth(text, fontSize)))) + 8;
  const names = legend(series, width);
  const top = names.height + (yLabel === undefined ? 6 : 20);
  // Further lines of the legend make the picture higher, not the drawing flatter.
  const whole = height + names.height - legendHeight;
  const bottom = whole - (xLabel === undefined ? 20 : 36);
  horizontal.range([left, width - 10]);
  vertical.range([bottom, top]);

  const content: Markup[] = [names.content];
  const small = { class: "sv-muted", "font-size": fontSize };
  yTicks.forEach((tick, i) => {
    const y = vertical(tick);
    content.push(element("line", { class: "sv-rule", x1: left, x2: width - 10, y1: y, y2: y }));
    content.push(element("text", { ...small, x: left - 6, y: y + 4, "text-anchor": "end" }, yTexts[i]));
  });
  const xTicks = horizontal.ticks(Math.min(8, points.length)).filter((tick) => !wholeX || Number.isInteger(tick));
  const xFormat = horizontal.tickFormat(8);
  for (const tick of xTicks) {
    const x = horizontal(tick);
    const text = wholeX ? String(tick) : xFormat(tick);
    content.push(element("line", { class: "sv-axis", x1: x, x2: x, y1: bottom, y2: bottom + 4 }));
    content.push(element("text", { ...small, x, y: bottom + 15, "text-anchor": "middle" }, text));
  }
  content.push(element("line", { class: "sv-axis", x1: left, x2: width - 10, y1: bottom, y2: bottom }));
  if (xLabel !== undefined) {
    const x = (left + width - 10) / 2;
    content.push(element("text", { ...small, x, y: whole - 4, "text-anchor": "middle" }, xLabel));
  }
  if (yLabel !== undefined) content.push(element("text", { ...small, x: 0, y: names.height + 11 }, yLabel));

  const path = linePath<readonly [number, number]>()
    .defined(([x, y]) => Number.isFinite(x) && Number.isFinite(y))
    .x(([x]) => horizontal(x))
    .y(([, y]) => vertical(y))
    .digits(2);
  series.forEach((each, i) => {
    const color = `sv-line${i % lineColors}`;
    const dash = each.dashed === true ? "5 4" : undefined;
    const d = path(each.points) ?? "";
    content.push(
      element("path", { class: `sv-line ${color}`, d, "stroke-dasharray": dash }, element("title", {}, each.name)),
    );
    // A line of one point has no length.
    const [only] = each.points;
    if (each.points.length === 1 && Number.isFinite(only![1])) {
      const [cx, cy] = [horizontal(only![0]), vertical(only![1])];
      content.push(element("circle", { class: `sv-line ${color}`, cx, cy, r: 2 }));
    }
  });
  return frame([{ height: whole, content: element("g", {}, content) }], options);
}

/** Names beside a piece of their line, in as many rows as they need. */
function legend(series: readonly Series[], width: number): Block {
  let [x, y] = [0, 0];
  const entries = series.map(({ name, dashed }, i) => {
    const dash = dashed === true ? "5 4" : undefined;
    const end = Math.ceil(28 + textWidth(name, 12));
    if (x > 0 && x + end > width) [x, y] = [0, y + legendHeight];
    const entry = element(
      "g",
      { transform: `translate(${x} ${y})` },
      element("path", { class: `sv-line sv-line${i % lineColors}`, d: "M0 8H22", "stroke-dasharray": dash }),
      element("text", { class: "sv-text", x: 28, y: 12 }, name),
    );
    x += end + 14;
    return entry;
  });
  return { height: y + legendHeight, content: element("g", { class: "sv-legend" }, entries) };
}
