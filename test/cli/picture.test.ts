import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { fitInk, readGreyImage, type GreyImage } from "../../lib/cli/inkImage.js";
import { beside, inkPicture, probabilityLines } from "../../lib/cli/picture.js";
import { showProgress } from "../../lib/cli/progress.js";

describe("text", () => {
  test("inkPicture goes from blank to @, two characters to a pixel", () => {
    expect(inkPicture([0, 0.5, 1, -1, 2, 0.1], 2, 3)).toEqual(["  ++@@", "  @@.."]);
  });

  test("probabilityLines align names and percentages", () => {
    expect(probabilityLines([0.005, 0.945, 0.05], ["a", "long", "b"])).toEqual([
      "   a    0.5 %",
      "long   94.5 %  ###################",
      "   b    5.0 %  #",
    ]);
  });

  test("beside pads the left block", () => {
    expect(beside(["ab", "c"], ["x", "", "z"], "|")).toEqual(["ab|x", "c |", "  |z"]);
  });
});

/** A grey image from rows of characters: # is ink, everything else paper. */
function drawing(rows: readonly string[], ink: number, paper: number): GreyImage {
  const pixels = Uint8Array.from(rows.join(""), (character) => (character === "#" ? ink : paper));
  return { width: rows[0]!.length, height: rows.length, pixels };
}

const corner = [
  "...........",
  "...........",
  ".......##..",
  ".......##..",
  ".......#...",
  ".......#...",
  "...........",
];

describe("fitInk", () => {
  test("cuts the paper off, scales and centres, dark on light or light on dark", () => {
    // The ink is 4 high and 2 wide: in 4 x 4 it keeps its size, in the middle.
    const wanted = [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    expect([...fitInk(drawing(corner, 0, 255), 4, 4)]).toEqual(wanted);
    expect([...fitInk(drawing(corner, 255, 0), 4, 4)]).toEqual(wanted);
  });

  test("each pixel is the mean over its area", () => {
    expect([...fitInk(drawing(corner, 0, 255), 2, 2)]).toEqual([0.5, 0.5, 0.5, 0]);
    const enlarged = fitInk(drawing(corner, 0, 255), 8, 8);
    expect(enlarged.reduce((sum, value) => sum + value, 0)).toBeCloseTo(4 * 6, 5);
  });

  test("a blank picture is an error", () => {
    expect(() => fitInk(drawing(["...", "...", "..."], 0, 255), 8, 8)).toThrow("the picture is blank: no ink on it");
  });
});

test("readGreyImage decodes PNG and JPEG, puts transparency on white, and says what it cannot read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "striate-images-"));
  try {
    const { pixels, width, height } = drawing(corner, 0, 255);
    const raw = sharp(pixels, { raw: { width, height, channels: 1 } }).resize(width * 8, height * 8, {
      kernel: "nearest",
    });
    for (const type of ["png", "jpeg"] as const) {
      const path = join(folder, `corner.${type}`);
      await raw.clone().toFormat(type).toFile(path);
      const fitted = fitInk(await readGreyImage(path), 4, 4);
      [0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0].forEach((wanted, index) => {
        expect(Math.abs(fitted[index]! - wanted)).toBeLessThan(type === "png" ? 1e-6 : 0.1);
      });
    }
    const clear = join(folder, "clear.png");
    await sharp({ create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } }).toFile(
      clear,
    );
    expect([...(await readGreyImage(clear)).pixels]).toEqual(Array(16).fill(255));
    const text = join(folder, "text.png");
    await writeFile(text, "no image");
    await expect(readGreyImage(text)).rejects.toThrow(`${text}: cannot be read as an image: `);
    await expect(readGreyImage(join(folder, "none.png"))).rejects.toThrow("cannot be read as an image: ");
  } finally {
    await rm(folder, { recursive: true });
  }
});

describe("showProgress", () => {
  const play = (isTTY: boolean, quiet: boolean) => {
    const written: string[] = [];
    const stream = Object.assign(
      new (class {
        columns = 200;
        write(text: string) {
          written.push(text);
          return true;
        }
        cursorTo() {}
        moveCursor() {}
        clearLine() {}
      })(),
      { isTTY },
    );
    const progress = showProgress(stream, { label: "net", batches: 4, quiet });
    progress.batch(2);
    progress.batch(1);
    progress.epoch("epoch 1/2  loss 1.5");
    progress.batch(1);
    progress.batch(1);
    progress.epoch("epoch 2/2  loss 1.0");
    progress.stop();
    return written.join("");
  };

  test("a line per epoch where there is no terminal", () => {
    expect(play(false, false)).toBe("net  epoch 1/2  loss 1.5\nnet  epoch 2/2  loss 1.0\n");
  });

  test("a bar that ends full on a terminal", () => {
    const text = play(true, false);
    expect(text).toContain(`net  ${"\u2588".repeat(24)} 100 %  epoch 2/2  loss 1.0`);
    expect(text).toContain("\u2591");
  });

  test("nothing where quiet", () => {
    expect(play(true, true)).toBe("");
    expect(play(false, true)).toBe("");
  });
});
