import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alignNumbers, parseBlocks, type CodeBlock } from "./blocks.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const blocks = parseBlocks(await readFile(join(root, "README.md"), "utf8"));
const programs = blocks.filter(({ language }) => language === "ts");

/** Inside of the package, where "striate" means its own dist; one folder per process. */
const sources = join(root, `build-readme-${process.pid}`);
const sourceOf = (block: CodeBlock) => join(sources, `line${block.line}.mts`);

/** Where the programs run, one after the other: what one saves the next one finds. */
let folder: string;
let diagnostics: Map<string, string[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "striate-readme-"));
  await mkdir(sources);
  for (const block of programs) await writeFile(sourceOf(block), block.code);
  diagnostics = compile();
});
afterAll(async () => {
  await rm(folder, { recursive: true });
  await rm(sources, { recursive: true });
});

/** Runs a program in the folder, with the package's own defaults; returns what it printed. */
async function execute(argv: readonly string[]): Promise<string> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("STRIATE_")));
  const child = spawn(process.execPath, argv, { cwd: folder, env });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const code = await new Promise((resolve) => child.on("close", resolve));
  expect(code, errors).toBe(0);
  return output;
}

/** What the compiler says of each program, all of them in one compilation. */
function compile(): Map<string, string[]> {
  const compiler = ts.createProgram(programs.map(sourceOf), {
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    types: ["node"],
    skipLibCheck: true,
    noEmit: true,
  });
  const messages = new Map<string, string[]>(programs.map((block) => [sourceOf(block), []]));
  for (const { file, code, messageText } of ts.getPreEmitDiagnostics(compiler)) {
    const [first] = ts.flattenDiagnosticMessageText(messageText, "\n").split("\n");
    messages.get(file?.fileName ?? "")!.push(`error TS${code}: ${first!}`);
  }
  return messages;
}

/** Commands that cannot run inside of a test are steps of the continuous integration, which runs them on a fresh clone. */
const checkedByCi = ["npm ci", "npm test"];

/** Runs one shell command of the README. */
async function runCommand(command: string): Promise<string> {
  if (checkedByCi.includes(command)) {
    const ci = await readFile(join(root, ".ci/run"), "utf8");
    expect(ci.split("\n").some((line) => !line.trim().startsWith("#") && line.includes(command))).toBe(true);
    return "";
  }
  const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const script = /^npm run (\w+)$/.exec(command)?.[1];
  const words = (
    script === undefined ? command.replace(/^npx striate/, "node dist/cli/main.js") : scripts[script]!
  ).split(/\s+/);
  expect(words.slice(0, 2), `no rule for the command: ${command}`).toEqual(["node", "dist/cli/main.js"]);
  return execute([join(root, words[1]!), ...words.slice(2)]);
}

describe("README", () => {
  test("opens with a short program and its output", () => {
    const [first] = blocks;
    expect(first!.language).toBe("ts");
    expect(first!.code.trim().split("\n").length).toBeLessThanOrEqual(15);
    expect(first!.expected).not.toBe("");
  });

  test.each(blocks.map((block) => [block.line, block] as const))(
    "block in line %i",
    { timeout: 600_000 },
    async (_, block) => {
      let output = "";
      if (block.language === "sh") {
        for (const line of block.code.trim().split("\n")) {
          for (const command of line.split("&&")) output += await runCommand(command.trim());
        }
      } else {
        const messages = diagnostics.get(sourceOf(block))!;
        if (block.fails) {
          expect(messages).not.toEqual([]);
          output = `${messages.join("\n")}\n`;
        } else {
          expect(messages).toEqual([]);
          const script = sourceOf(block).replace(/\.mts$/, ".mjs");
          const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
          await writeFile(script, ts.transpileModule(block.code, { compilerOptions: options }).outputText);
          output = await execute([script]);
        }
      }
      expect(alignNumbers(output, block.expected, block.tolerance)).toBe(block.expected);
    },
  );
});
