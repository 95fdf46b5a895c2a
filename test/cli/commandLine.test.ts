import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import {
  commandHelp,
  parseCommandLine,
  positiveNumber,
  wholeNumber,
  type CommandSpec,
} from "../../lib/cli/commandLine.js";
import { runCommandLine } from "../../lib/cli/run.js";
import { recordingTerminal } from "./terminal.js";

const spec = {
  name: "sample",
  summary: "Does something",
  positionals: "FILE",
  options: {
    count: { short: "c", placeholder: "N", help: "how many", default: 3, parse: wholeNumber(1, 10) },
    rate: { placeholder: "X", help: "how fast", default: 0.5, parse: positiveNumber },
    quiet: { short: "q", help: "say nothing", default: false, parse: () => true },
  },
  notes: "And more.",
} satisfies CommandSpec;

describe("parseCommandLine", () => {
  test("defaults, values, flags and positionals", () => {
    expect(parseCommandLine(spec, [])).toEqual({ values: { count: 3, rate: 0.5, quiet: false }, positionals: [] });
    expect(parseCommandLine(spec, ["a.png", "-c", "7", "--rate=1e-3", "-q", "b.png"])).toEqual({
      values: { count: 7, rate: 0.001, quiet: true },
      positionals: ["a.png", "b.png"],
    });
    expect(parseCommandLine(spec, ["--count", "bad", "-h"])).toBe("help");
  });

  test.each([
    [["--count", "0"], 'sample: --count must be a whole number from 1 to 10, got "0"'],
    [["--count", "1.5"], 'sample: --count must be a whole number from 1 to 10, got "1.5"'],
    [["--count", ""], 'sample: --count must be a whole number from 1 to 10, got ""'],
    [["--rate", "0"], 'sample: --rate must be a positive number, got "0"'],
    [["--rate", "fast"], 'sample: --rate must be a positive number, got "fast"'],
    [["--rate", "Infinity"], 'sample: --rate must be a positive number, got "Infinity"'],
    [["--cuont", "1"], "sample: Unknown option '--cuont'"],
    [["--count"], "sample: Option '-c, --count <value>' argument missing"],
    [["--quiet=1"], "sample: Option '-q, --quiet' does not take an argument"],
  ])("refuses %j", (argv, message) => {
    expect(() => parseCommandLine(spec, argv)).toThrow(message);
  });

  test("refuses positionals where there are none", () => {
    const { positionals: _, ...without } = spec;
    expect(() => parseCommandLine(without, ["x"])).toThrow('sample: takes options only, got "x"');
  });
});

test("commandHelp lists every option with its default", () => {
  expect(commandHelp(spec)).toBe(`Usage: striate sample [options] FILE

Does something.

  -c, --count N  how many (default 3)
      --rate X   how fast (default 0.5)
  -q, --quiet    say nothing
  -h, --help     print this help

And more.
`);
});

describe("runCommandLine", () => {
  const run = async (...argv: string[]) => {
    const terminal = recordingTerminal();
    const code = await runCommandLine(argv, terminal, new AbortController().signal);
    return { code, output: terminal.output(), errors: terminal.errors() };
  };

  test("prints help for striate and for each command", async () => {
    const overview = await run("help");
    expect(overview).toMatchObject({ code: 0, errors: "" });
    expect(overview.output).toContain("Usage: striate <command> [options]");
    expect(await run("--help")).toEqual(overview);
    for (const name of ["train", "predict", "info"]) {
      expect(overview.output).toContain(`  ${name}`);
      const help = await run(name, "--help");
      expect(help.output).toContain(`Usage: striate ${name} [options]`);
      expect(await run("help", name)).toEqual(help);
      for (const line of help.output.split("\n")) expect(line.length).toBeLessThanOrEqual(110);
    }
  });

  test("prints the version of package.json", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await run("--version")).toEqual({ code: 0, output: `${version}\n`, errors: "" });
  });

  test("mistakes in the command line: exit code 2 and a way to the help", async () => {
    expect(await run()).toEqual({
      code: 2,
      output: "",
      errors: "striate: needs a command\nstriate help tells how it is used\n",
    });
    expect(await run("tarin")).toEqual({
      code: 2,
      output: "",
      errors:
        'striate: there is no command "tarin"; it has train, predict, info, help\nstriate help tells how it is used\n',
    });
    expect(await run("toString")).toMatchObject({ code: 2 });
    expect(await run("train", "--epochs", "x")).toEqual({
      code: 2,
      output: "",
      errors:
        'train: --epochs must be a whole number from 1 to 100000, got "x"\nstriate train --help tells how it is used\n',
    });
    expect((await run("predict")).errors).toContain("predict: needs --digit N or the names of image files");
    expect((await run("predict", "--digit", "1797")).errors).toContain(
      'predict: --digit must be whole numbers from 0 to 1796 with commas between them, got "1797"',
    );
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
