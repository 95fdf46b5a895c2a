import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import type { CodeBlock } from "./blocks.js";

export const root = fileURLToPath(new URL("../../", import.meta.url));

/** Commands that cannot run inside of a test are steps of the continuous integration, which runs them on a fresh clone. */
const checkedByCi = ["npm ci", "npm test"];

/** The blocks of one document, ready to run one after the other in a folder of their own: what one saves the next one finds. */
export class Programs {
  private constructor(
    /** Where they run. */
    readonly folder: string,
    /** Where their sources lie: inside of the package, where "striate" means its own dist. */
    private readonly sources: string,
    private readonly diagnostics: ReadonlyMap<string, readonly string[]>,
  ) {}

  /** @param name of the document; one process may prepare each name once */
  static async prepare(name: string, blocks: readonly CodeBlock[]): Promise<Programs> {
    const folder = await mkdtemp(join(tmpdir(), "striate-document-"));
    const sources = join(root, `build-document-${process.pid}-${name.replace(/\W/g, "-")}`);
    await mkdir(sources);
    const programs = blocks.filter(({ language }) => language === "ts");
    for (const block of programs) await writeFile(sourceIn(sources, block), block.code);
    return new Programs(folder, sources, compile(programs.map((block) => sourceIn(sources, block))));
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
    await rm(this.sources, { recursive: true });
  }

  /**
   * Runs a block.
   * @returns what it printed; of a block that must fail, what the compiler said
   * @throws Error where a program does not compile, a command fails, or nobody knows how to run it
   */
  async run(block: CodeBlock): Promise<string> {
    if (block.language === "sh") {
      let output = "";
      for (const line of block.code.trim().split("\n")) {
        for (const command of line.split("&&")) output += await this.command(command.trim());
      }
      return output;
    }
    const source = sourceIn(this.sources, block);
    const messages = this.diagnostics.get(source)!;
    if (block.fails) {
      if (messages.length === 0) throw new Error("the block compiles, but is said to fail");
      return `${messages.join("\n")}\n`;
    }
    if (messages.length > 0) throw new Error(messages.join("\n"));
    const script = source.replace(/\.mts$/, ".mjs");
    const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext };
    await writeFile(script, ts.transpileModule(block.code, { compilerOptions: options }).outputText);
    return this.execute([script]);
  }

  /** Runs node in the folder, with the package's own defaults. */
  private async execute(argv: readonly string[]): Promise<string> {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("STRIATE_")));
    const child = spawn(process.execPath, argv, { cwd: this.folder, env });
    let output = "";
    let errors = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
    const code = await new Promise((resolve) => child.on("close", resolve));
    if (code !== 0) throw new Error(`exit code ${String(code)}: ${errors}`);
    return output;
  }

  private async command(command: string): Promise<string> {
    if (checkedByCi.includes(command)) {
      const ci = await readFile(join(root, ".ci/run"), "utf8");
      const steps = ci.split("\n").filter((line) => !line.trim().startsWith("#"));
      if (!steps.some((line) => line.includes(command))) throw new Error(`.ci/run does not run ${command}`);
      return "";
    }
    const { scripts } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const script = /^npm run (\w+)$/.exec(command)?.[1];
    const line = script === undefined ? command.replace(/^npx striate/, "node dist/cli/main.js") : scripts[script]!;
    const words = line.split(/\s+/);
    if (words[0] !== "node" || words[1] !== "dist/cli/main.js") throw new Error(`no rule for the command: ${command}`);
    return this.execute([join(root, words[1]), ...words.slice(2)]);
  }
}

const sourceIn = (folder: string, { line }: CodeBlock): string => join(folder, `line${line}.mts`);

/** What the compiler says of each file, all of them in one compilation. */
function compile(files: readonly string[]): Map<string, string[]> {
  const compiler = ts.createProgram(files, {
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
  const messages = new Map<string, string[]>(files.map((file) => [file, []]));
  for (const { file, code, messageText } of ts.getPreEmitDiagnostics(compiler)) {
    const [first] = ts.flattenDiagnosticMessageText(messageText, "\n").split("\n");
    messages.get(file?.fileName ?? "")!.push(`error TS${code}: ${first!}`);
  }
  return messages;
}
