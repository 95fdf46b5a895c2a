/** What the commands about images and their sizes take: filter, size. */
import type { CliCommand } from "../command.js";
import type { CommandContext } from "../terminal.js";
import type { FilterOptions } from "../filter.js";
import type { ImageShape } from "../nets.js";
import type { SizeOptions } from "../size.js";
import {
  finiteNumber,
  imageShape,
  nonEmpty,
  oneOf,
  paddingOf,
  pairOf,
  positiveNumber,
  wholeNumber,
} from "../values.js";

export function declareFilter(program: CliCommand, context: CommandContext): void {
  const boundaries = ["reflect101", "reflect", "replicate", "circular", "zero", "constant", "valid"] as const;
  program
    .command("filter")
    .description("Filters an image with a kernel: edges, blur, sharpening, relief, or your own numbers")
    .argument("<image>", "PNG, JPEG or WebP, or raw bytes with --raw; - is standard input")
    .valueOption(
      "-k, --kernel <KERNEL>",
      'a name, or rows of numbers: "0 -1 0; -1 5 -1; 0 -1 0"',
      nonEmpty,
      "mandatory",
    )
    .valueOption("-o, --out <FILE>", "its name tells the format; - is standard output", nonEmpty, "mandatory")
    .valueOption("--size <N>", "of box, gaussian, gabor, ...: 5, or 3x5", pairOf(1))
    .valueOption("--sigma <X>", "of gaussian, gabor, unsharpMask, differenceOfGaussians, in pixels", positiveNumber)
    .valueOption("--ratio <X>", "of differenceOfGaussians: the wide one's sigma to the other's", positiveNumber)
    .valueOption("--amount <X>", "of sharpen, unsharpMask", finiteNumber)
    .valueOption("--axis <AXIS>", "of sobel, prewitt, scharr: x or y", oneOf(["x", "y"]))
    .valueOption("--neighbours <N>", "of edge: 4 or 8", (text) => Number(oneOf(["4", "8"])(text)))
    .valueOption("--angle <X>", "of emboss, motion, gabor, in degrees", finiteNumber)
    .valueOption("--length <X>", "of motion, in pixels", positiveNumber)
    .valueOption("--strength <X>", "of emboss", positiveNumber)
    .valueOption("--wavelength <X>", "of gabor, in pixels", positiveNumber)
    .valueOption("--phase <X>", "of gabor, in degrees", finiteNumber)
    .valueOption("--aspect <X>", "of gabor: how much wider than long", positiveNumber)
    .valueOption(
      "--operation <NAME>",
      "correlate, or convolve, which turns the kernel first",
      oneOf(["correlate", "convolve"]),
      {
        value: "correlate",
      },
    )
    .valueOption("--boundary <MODE>", `beyond the borders: ${boundaries.join(", ")}`, oneOf(boundaries), {
      value: "reflect101",
    })
    .valueOption("--constant <N>", "what lies there with --boundary constant", wholeNumber(0, 255))
    .valueOption(
      "--normalize <HOW>",
      "divide weights by their sum, or that of their magnitudes (abs)",
      oneOf(["none", "sum", "abs"]),
      {
        value: "none",
      },
    )
    .valueOption("--offset <X>", "added to results: 128 shows negative ones", finiteNumber, { value: 0 })
    .valueOption("--alpha <HOW>", "keep or filter transparency (default: keep)", oneOf(["keep", "filter"]))
    .valueOption("--depth <TYPE>", "u8, or float for raw output", oneOf(["u8", "float"]), { value: "u8" })
    .valueOption("--raw <HxWxC>", "the image is raw bytes of this height, width and channels", imageShape)
    .valueOption("--format <NAME>", "of standard output: png, jpg, webp or raw", oneOf(["png", "jpg", "webp", "raw"]), {
      value: "png",
    })
    .option("-q, --quiet", "no progress", false)
    .option("--json", "print name and size of the result as JSON", false)
    .addHelpText(
      "after",
      `
Kernels: edge, sharpen, box, gaussian, sobel, prewitt, scharr, emboss, motion, gabor, differenceOfGaussians,
unsharpMask; names with hyphens will do. PNG, JPEG and WebP need the package sharp beside striate.
Images of any size go through in bands of rows: memory does not grow with them.

  striate filter photo.jpg --kernel edge -o edges.png
  striate filter - -k gaussian --sigma 2 -o - < photo.jpg > soft.png`,
    )
    .action(async (image: string, options: FilterOptions) =>
      (await import("../filter.js")).filter(image, options, context),
    );
}

export function declareSize(program: CliCommand, context: CommandContext): void {
  program
    .command("size")
    .description("Calculates what a convolution or a pool makes of an image, and which strides and paddings fit")
    .valueArgument("<image>", "height x width, or height x width x channels: 32x32x3", imageShape)
    .valueOption("-k, --kernel <F>", "window: 3, or 3x5", pairOf(1), "mandatory")
    .valueOption("-s, --stride <S>", "step of the window", pairOf(1), { value: 1 })
    .valueOption("-p, --padding <P>", "zeros around: 1, 1x2, same, valid, or top,bottom,left,right", paddingOf, {
      value: 0,
    })
    .valueOption("-d, --dilation <D>", "distance between the window's taps", pairOf(1), { value: 1 })
    .valueOption(
      "-r, --rounding <HOW>",
      "of a fraction: exact (illegal), floor or ceil",
      oneOf(["exact", "floor", "ceil"]),
      {
        value: "exact",
      },
    )
    .valueOption(
      "-f, --filters <N>",
      "also count parameters and multiply-adds of so many filters",
      wholeNumber(1, 2 ** 31 - 1),
    )
    .option("--json", "print all of it as JSON", false)
    .addHelpText(
      "after",
      `
The formula: (N + 2P - F)/S + 1, with D(F - 1) + 1 in place of F for a dilation of D. A fraction is illegal:
then the exit code is 1, and what would be legal is printed all the same.`,
    )
    .action(async (image: ImageShape, options: SizeOptions) =>
      (await import("../size.js")).size(image, options, context),
    );
}
