import { encode } from "fast-png";
import { expect, test } from "vitest";
import { alignPictures, parsePictures } from "./pictures.js";

const picture = (x: number, pixels: readonly number[], text = "a"): string => {
  const png = encode({ width: pixels.length, height: 1, channels: 1, depth: 8, data: Uint8Array.from(pixels) });
  const href = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  return `<svg><text x="${x}">${text}</text><image href="${href}"/></svg>`;
};
const tolerance = { number: 1, channel: 2 };

test("parsePictures finds the SVG files that are shown", () => {
  expect(parsePictures("![a](images/a.svg) [b](b.svg)\n![c](c.png)\n![d e](d.svg)\n")).toEqual([
    "images/a.svg",
    "d.svg",
  ]);
});

test.each<[string, string, boolean]>([
  ["itself", picture(10, [0, 100]), true],
  ["one moved by less than the tolerance", picture(10.9, [0, 100]), true],
  ["one moved by more", picture(11.1, [0, 100]), false],
  ["one whose pixels are off by 2 in the mean", picture(10, [4, 100]), true],
  ["one whose pixels are off by 3", picture(10, [6, 100]), false],
  ["one with more pixels", picture(10, [0, 100, 0]), false],
  ["one with another text", picture(10, [0, 100], "b"), false],
  ["one with another raster", picture(10, [0, 100]).replace("<svg>", `<svg>${picture(10, [0, 100])}`), false],
])("a picture is compared with %s", (_, actual, equal) => {
  const [drawn, wanted] = alignPictures(actual, picture(10, [0, 100]), tolerance);
  expect(drawn === wanted).toBe(equal);
});
