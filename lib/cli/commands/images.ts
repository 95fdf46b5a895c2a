/** What the commands about images and their sizes take. */
import type { CliCommand } from "../command.js";
import type { CommandContext } from "../terminal.js";
import type { ImageShape } from "../nets.js";
import type { SizeOptions } from "../size.js";
import { imageShape, oneOf, paddingOf, pairOf, wholeNumber } from "../values.js";

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
