import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { CliCommand, UsageError } from "../../lib/cli/command.js";
import { hasColors } from "../../lib/cli/terminal.js";
import { list, oneOf, positiveNumber, share, wholeNumber } from "../../lib/cli/values.js";
import { run, spawnProgram } from "./terminal.js";

/** Parses with a command that has one option of each kind. */
function parse(...argv: string[]): unknown {
  const command = new CliCommand("sample")
    .exitOverride()
    .argument("[file...]")
    .option("-q, --quiet", "say nothing", false)
    .valueOption("-c, --count <N>", "how many", wholeNumber(1, 10), { value: 3 })
    .valueOption("--rate <X>", "how fast", positiveNumber, { value: 0.5 })
    .valueOption("--share <X>", "how much", share)
    .valueOption("--names <NAME,...>", "which", list)
    .valueOption("--size <SIZE>", "how large", oneOf(["small", "large"]));
  command.parse(argv, { from: "user" });
  return { files: command.args, ...command.opts() };
}

describe("options with values", () => {
  test("are read, or have their defaults", () => {
    expect(parse()).toEqual({ files: [], count: 3, rate: 0.5, quiet: false });
    expect(parse("a.png", "-c", "7", "--rate=1e-3", "-q", "b.png", "--share", "0", "--names", "a, b c")).toEqual({
      ...{ files: ["a.png", "b.png"], count: 7, rate: 0.001, quiet: true, share: 0, names: ["a", "b c"] },
    });
    expect(parse("--size", "large", "--", "-c")).toMatchObject({ size: "large", files: ["-c"] });
  });

  test.each([
    [["--count", "0"], 'sample: --count must be a whole number from 1 to 10, got "0"'],
    [["-c", "1.5"], 'sample: --count must be a whole number from 1 to 10, got "1.5"'],
    [["--count", ""], 'sample: --count must be a whole number from 1 to 10, got ""'],
    [["--rate", "0"], 'sample: --rate must be a positive number, got "0"'],
    [["--rate", "fast"], 'sample: --rate must be a positive number, got "fast"'],
    [["--rate", "Infinity"], 'sample: --rate must be a positive number, got "Infinity"'],
    [["--share", "1"], 'sample: --share must be a number from 0 to below 1, got "1"'],
    [["--share", "-0.1"], 'sample: --share must be a number from 0 to below 1, got "-0.1"'],
    [["--names", "a,,b"], 'sample: --names must be words with commas between them, got "a,,b"'],
    [["--size", "huge"], 'sample: --size must be one of small, large, got "huge"'],
    [["--cuont", "1"], "sample: unknown option '--cuont' (Did you mean --count?)"],
    [["--count"], "sample: option '-c, --count <N>' argument missing"],
    [["--quiet=1"], "sample: unknown option '--quiet=1'"],
  ])("refuses %j", (argv, message) => {
    expect(() => parse(...argv)).toThrow(UsageError);
    expect(() => parse(...argv)).toThrow(message);
  });
});

const names = ["train", "evaluate", "predict", "inspect", "report", "filter", "size", "bench", "info"];

describe("runCommandLine", () => {
  test("prints help for striate and for each command", async () => {
    const overview = await run("help");
    expect(overview).toMatchObject({ code: 0, errors: "" });
    expect(overview.output).toContain("Usage: striate <command> [options]");
    expect(await run("--help")).toEqual(overview);
    for (const name of names) {
      expect(overview.output).toMatch(new RegExp(`^  ${name} .* {2}[A-Z]`, "m"));
      const help = await run(name, "--help");
      expect(help).toMatchObject({ code: 0, errors: "" });
      expect(help.output).toContain(`Usage: striate ${name} [options]`);
      expect(await run("help", name)).toEqual(help);
      for (const line of help.output.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
    }
    expect(overview.output.match(/^ {2}\w+ /gm)!.map((name) => name.trim())).toEqual([...names, "help"]);
  });

  test("prints the version of package.json", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await run("--version")).toEqual({ code: 0, output: `${version}\n`, errors: "" });
    expect(await run("-v")).toEqual({ code: 0, output: `${version}\n`, errors: "" });
  });

  test.each([
    [[], "striate: needs a command\nstriate help tells how it is used\n"],
    [["tarin"], "striate: unknown command 'tarin' (Did you mean train?)\nstriate help tells how it is used\n"],
    [["toString"], "striate: unknown command 'toString'\nstriate help tells how it is used\n"],
    [["--verson"], "striate: unknown option '--verson' (Did you mean --version?)\nstriate help tells how it is used\n"],
    [["help", "tarin"], "striate: unknown command 'tarin' (Did you mean train?)\nstriate help tells how it is used\n"],
    [
      ["train", "--epochs", "x"],
      'train: --epochs must be a whole number from 1 to 100000, got "x"\nstriate train --help tells how it is used\n',
    ],
    [
      ["train", "mnist"],
      "train: too many arguments for 'train'. Expected 0 arguments but got 1.\nstriate train --help tells how it is used\n",
    ],
    [
      ["predict"],
      "predict: needs --digit N or the names of image files\nstriate predict --help tells how it is used\n",
    ],
    [
      ["predict", "--digit", "1797"],
      'predict: --digit must be whole numbers from 0 to 1796 with commas between them, got "1797"\nstriate predict --help tells how it is used\n',
    ],
  ])("%j: exit code 2 and a way to the help", async (argv, errors) => {
    expect(await run(...argv)).toEqual({ code: 2, output: "", errors });
  });

  test("a model cannot be saved where a file stands: said before the training", async () => {
    const { code, errors } = await run("train", "--out", fileURLToPath(import.meta.url));
    expect(code).toBe(2);
    expect(errors).toContain("train: --out must be a folder, got the file ");
  });

  test("failures: exit code 1 and one sentence", async () => {
    const { code, errors } = await run("predict", "--model", "no-such-folder", "--digit", "1");
    expect(code).toBe(1);
    expect(errors).toBe(
      "no-such-folder/model.json: cannot load the model: there is no such file; save a model there first\n",
    );
  });
});

describe("colours", () => {
  test.each([
    [true, {}, true],
    [false, {}, false],
    [undefined, {}, false],
    [true, { TERM: "dumb" }, false],
    [true, { NO_COLOR: "1" }, false],
    [true, { NO_COLOR: "" }, true],
    [false, { FORCE_COLOR: "1" }, true],
    [false, { FORCE_COLOR: "" }, false],
    [true, { FORCE_COLOR: "0" }, false],
    [true, { FORCE_COLOR: "false" }, false],
    [true, { FORCE_COLOR: "1", NO_COLOR: "1" }, false],
  ])("a terminal: %s, in %j: %s", (isTTY, environment, expected) => {
    expect(hasColors({ write: () => true, isTTY }, environment)).toBe(expected);
  });

  test("the built program obeys, and its exit codes reach the shell", async () => {
    const plain = await spawnProgram(["help", "train"]);
    expect(plain).toMatchObject({ code: 0, errors: "" });
    expect(plain.output).not.toContain("\u001b");
    const forced = await spawnProgram(["help", "train"], { env: { FORCE_COLOR: "1" } });
    expect(forced.output).toContain("\u001b[1mUsage:\u001b[22m");
    expect(await spawnProgram(["help", "train"], { env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).toEqual(plain);
    expect(await spawnProgram(["tarin"])).toMatchObject({ code: 2, output: "" });
    expect(await spawnProgram(["predict", "-m", "none", "-d", "1"])).toMatchObject({ code: 1, output: "" });
  });
});
