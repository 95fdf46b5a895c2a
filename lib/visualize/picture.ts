/** A finished drawing: SVG that needs nothing but itself, in light and in dark, readable by a screen reader. */
import { extname } from "node:path";
import { OptionError, StriateError } from "../errors.js";
import { writeFileAtomic } from "../io/atomic.js";
import { element, Markup } from "./markup.js";

/** As wide as a phone's page with its margins, so that there 12 pixels of text are 12 pixels. */
export const pictureWidth = 358;

/** Colours by role, in light and in dark; text has a contrast of 4.5 and more on paper. */
const palette: Readonly<Record<string, readonly [property: string, light: string, dark: string]>> = {
  paper: ["fill", "#ffffff", "#0d1117"],
  text: ["fill", "#1f2328", "#f0f6fc"],
  muted: ["fill", "#59636e", "#9198a1"],
  rule: ["stroke", "#d1d9e0", "#3d444d"],
  axis: ["stroke", "#818b98", "#656c76"],
  hit: ["fill", "#0969da", "#388bfd"],
  miss: ["fill", "#d1242f", "#f85149"],
  line0: ["stroke", "#0969da", "#58a6ff"],
  line1: ["stroke", "#bc4c00", "#f0883e"],
  line2: ["stroke", "#1a7f37", "#3fb950"],
  line3: ["stroke", "#8250df", "#bc8cff"],
  line4: ["stroke", "#bf3989", "#f778ba"],
  line5: ["stroke", "#1b7c83", "#39c5cf"],
};

/** Around a picture that is a file of its own. */
const margin = 16;

/** How many lines of a chart differ in colour. */
export const lineColors = 6;

const rules = (theme: 1 | 2): string =>
  Object.entries(palette)
    .map(([role, entry]) => `.sv-${role}{${entry[0]}:${entry[theme]}}`)
    .join("");

/** The style sheet of all pictures; names begin with sv- so that they may stand in any page. */
export const pictureStyle = [
  "svg.sv{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;font-size:12px}",
  ".sv-line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}",
  ".sv-pixels{image-rendering:pixelated}",
  rules(1),
  `@media (prefers-color-scheme:dark){${rules(2)}}`,
].join("");

/** What a drawing is made of. */
export interface PictureParts {
  /** One line, above the drawing. */
  readonly title: string;
  /** What is to be seen, for those who do not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly content: Markup;
}

/**
 * A drawing. `String(picture)` is its SVG.
 * @example
 * ```ts
 * await filterSheet(model, "conv2d1").save("filters.svg");
 * ```
 */
export class Picture {
  readonly title: string;
  readonly description: string;
  /** In CSS pixels. */
  readonly width: number;
  readonly height: number;
  private readonly content: Markup;

  constructor(parts: PictureParts) {
    this.title = parts.title;
    this.description = parts.description;
    this.width = parts.width;
    this.height = Math.ceil(parts.height);
    this.content = parts.content;
  }

  /** What is drawn, without the picture's frame: to put it into another one. */
  get markup(): Markup {
    return this.content;
  }

  /** @param around margin on all sides */
  private svg(around: number, attributes: Readonly<Record<string, string>>, ...before: readonly Markup[]): Markup {
    const { title, description } = this;
    const [width, height] = [this.width + 2 * around, this.height + 2 * around];
    const viewBox = [-around, -around, width, height].join(" ");
    return element(
      "svg",
      { class: "sv", viewBox, width, height, role: "img", "aria-label": title, ...attributes },
      element("title", {}, title),
      element("desc", {}, description),
      before,
      this.content,
    );
  }

  /** A file of its own: its colours follow the reader's light or dark mode. */
  toSvg(): string {
    const style = element("style", {}, new Markup(pictureStyle));
    const [width, height] = [this.width + 2 * margin, this.height + 2 * margin];
    const paper = element("rect", { class: "sv-paper", x: -margin, y: -margin, width, height });
    return `${this.svg(margin, { xmlns: "http://www.w3.org/2000/svg" }, style, paper).text}\n`;
  }

  /** An element of a page that holds `pictureStyle`. */
  toHtml(): string {
    return this.svg(0, {}).text;
  }

  toString(): string {
    return this.toSvg();
  }

  /**
   * A PNG file, light. Drawn by the optional package sharp.
   * @param options.scale pixels for each of the picture's own; default 2
   * @throws StriateError with the code ERR_STRIATE_PEER where sharp is not installed
   */
  async toPng(options: { readonly scale?: number } = {}): Promise<Uint8Array> {
    const { scale = 2 } = options;
    if (!(scale > 0 && scale <= 16)) {
      throw new OptionError("scale", `toPng: scale must be above 0 and at most 16, got ${scale}`);
    }
    let sharp;
    try {
      ({ default: sharp } = await import("sharp"));
    } catch (cause) {
      const message = "toPng: drawing a PNG needs the package sharp: run npm install sharp, or save an SVG";
      throw new StriateError("ERR_STRIATE_PEER", message, { cause });
    }
    return sharp(Buffer.from(this.toSvg()), { density: 72 * scale })
      .png()
      .toBuffer();
  }

  /**
   * Writes a file, whole or not at all; its name says what kind: .svg or .png.
   * @throws OptionError for another kind, the file system's error with its code
   */
  async save(path: string): Promise<void> {
    const kind = extname(path).toLowerCase();
    if (kind === ".svg") await writeFileAtomic(path, this.toSvg());
    else if (kind === ".png") await writeFileAtomic(path, await this.toPng());
    else throw new OptionError("path", `save: the file's name must end in .svg or .png, got ${path}`);
  }
}
