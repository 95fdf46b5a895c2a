/** Reads a drawing back: its elements, and the pixels of the pictures in it. */
import { DOMParser, type Element } from "@xmldom/xmldom";
import { decode } from "fast-png";

/** Parses a document; anything that is not well-formed throws. */
export function parse(markup: string): Element {
  const onError = (level: string, message: string): void => {
    throw new Error(`${level}: ${message}`);
  };
  const document = new DOMParser({ onError }).parseFromString(markup, "text/xml");
  return document.documentElement!;
}

/** Elements of a name, in the document's order; of a class too, if one is given. */
export function all(root: Element, name: string, className?: string): Element[] {
  return [...root.getElementsByTagName(name)].filter(
    (each) => className === undefined || (each.getAttribute("class") ?? "").split(" ").includes(className),
  );
}

export const texts = (root: Element, name = "text"): string[] => all(root, name).map((each) => each.textContent ?? "");

export const number = (element: Element, attribute: string): number => Number(element.getAttribute(attribute));

export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** The colour of a pixel: three numbers, or four with alpha. */
  readonly at: (x: number, y: number) => number[];
}

/** What an image element holds. */
export function pixelsOf(image: Element): Pixels {
  const [, base64] = /^data:image\/png;base64,(.*)$/.exec(image.getAttribute("href") ?? "") ?? [];
  const { width, height, channels, data } = decode(Buffer.from(base64!, "base64"));
  const at = (x: number, y: number): number[] => [
    ...data.subarray(channels * (y * width + x), channels * (y * width + x + 1)),
  ];
  return { width, height, at };
}

/** The tiles of a grid. */
export const tiles = (root: Element): Pixels[] =>
  all(root, "g", "sv-tile").map((tile) => pixelsOf(all(tile, "image")[0]!));
