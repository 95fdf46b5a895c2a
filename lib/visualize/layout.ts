/** Where things go on a picture: title above, drawings one below the other, notes at the end. */
import { element, type Markup } from "./markup.js";
import { Picture, pictureWidth } from "./picture.js";

/** A drawing that begins at 0, 0, as wide as its picture. */
export interface Block {
  readonly height: number;
  readonly content: Markup;
}

export interface FrameOptions {
  readonly title: string;
  readonly description: string;
  /** Sentences below the drawing: how values became colours, what was left out. */
  readonly notes?: readonly string[];
  readonly width?: number;
}

/** A character's width in units of the font size: no fonts here to measure with, and the average of sans-serifs is less. */
const characterWidth = 0.56;

/** Lines of at most `width` pixels. A word that is longer stands alone. */
export function wrapText(text: string, width: number, fontSize: number): string[] {
  const most = Math.max(8, Math.floor(width / (characterWidth * fontSize)));
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > most) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return line === "" ? lines : [...lines, line];
}

/** At most as many characters as fit into `width` pixels, the last one an ellipsis where some were cut. */
export function fitText(text: string, width: number, fontSize: number): string {
  const most = Math.max(1, Math.floor(width / (characterWidth * fontSize)));
  return text.length <= most ? text : `${text.slice(0, most - 1)}\u2026`;
}

/** About how many pixels a text is wide. */
export function textWidth(text: string, fontSize: number): number {
  return text.length * characterWidth * fontSize;
}

/** Text in lines, its top at y. */
export function paragraph(
  lines: readonly string[],
  y: number,
  style: { readonly fontSize: number; readonly role: "text" | "muted"; readonly bold?: boolean },
): Block {
  const { fontSize, role, bold } = style;
  const lineHeight = Math.round(fontSize * 1.35);
  const content = element(
    "text",
    { class: `sv-${role}`, "font-size": fontSize, "font-weight": bold === true ? 600 : undefined },
    lines.map((line, i) => element("tspan", { x: 0, y: y + fontSize + i * lineHeight }, line)),
  );
  return { height: lines.length * lineHeight, content };
}

const gap = 10;

/** Blocks one below the other, under a title, above notes. */
export function frame(blocks: readonly Block[], options: FrameOptions): Picture {
  const { title, description, notes = [], width = pictureWidth } = options;
  const heading = paragraph(wrapText(title, width, 14), 0, { fontSize: 14, role: "text", bold: true });
  const content: Markup[] = [heading.content];
  let y = heading.height + gap;
  for (const block of blocks) {
    content.push(element("g", { transform: `translate(0 ${y})` }, block.content));
    y += block.height + gap;
  }
  const lines = notes.flatMap((note) => wrapText(note, width, 11));
  if (lines.length > 0) {
    const note = paragraph(lines, y - 2, { fontSize: 11, role: "muted" });
    content.push(note.content);
    y += note.height + 4;
  }
  return new Picture({ title, description, width, height: y - gap + 6, content: element("g", {}, content) });
}

/** Pictures one below the other as one. */
export function stack(pictures: readonly Picture[], options: FrameOptions): Picture {
  const width = options.width ?? Math.max(...pictures.map((picture) => picture.width));
  const blocks = pictures.map(({ height, markup }) => ({ height, content: markup }));
  return frame(blocks, { ...options, width });
}
