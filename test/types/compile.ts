// The compiler on text that exists in memory only, for tests of what it infers and says.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** What the compiler says of one file. */
export interface Compiled {
  /** By line, from 0: the sentences of shape errors, or the whole message of any other error. */
  readonly errors: ReadonlyMap<number, readonly string[]>;
  /** By line: the words that the errors are on. */
  readonly at: ReadonlyMap<number, readonly string[]>;
  /** By line: the type of `outputShape` of the variable that the line declares. */
  readonly shapes: ReadonlyMap<number, string>;
  /** Instantiations of types: the same on every machine. */
  readonly instantiations: number;
  /** What keeps the file from having a declaration file. */
  readonly declarationErrors: readonly string[];
}

/** Parsed once: the library and the language's own declarations are the same in every program. */
const parsed = new Map<string, ts.SourceFile | undefined>();

/** The sentence in a message, without the types around it. */
function sentenceOf(message: string): string {
  return /ShapeError<"((?:[^"\\]|\\.)*)">/.exec(message)?.[1] ?? message;
}

function append(map: Map<number, string[]>, line: number, text: string): void {
  map.set(line, [...(map.get(line) ?? []), text]);
}

/**
 * Compiles lines as if they stood in a file of this folder.
 *
 * @param lines each on a line of its own
 * @param changed files of the repository to be seen with another text, by path from its root
 */
export function compile(lines: readonly string[], changed: Readonly<Record<string, string>> = {}): Compiled {
  const path = join(root, "test/types/inMemory.ts");
  const texts = new Map(Object.entries(changed).map(([file, text]) => [join(root, file), text]));
  texts.set(path, lines.join("\n"));

  const configPath = join(root, "tsconfig.json");
  const { config: json } = ts.readConfigFile(configPath, (file) => ts.sys.readFile(file)) as {
    readonly config: unknown;
  };
  const config = ts.parseJsonConfigFileContent(json, ts.sys, root);
  const options: ts.CompilerOptions = {
    ...config.options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
  };
  const host = ts.createCompilerHost(options);
  const getSourceFile = host.getSourceFile.bind(host);
  host.fileExists = (file) => texts.has(file) || ts.sys.fileExists(file);
  host.readFile = (file) => texts.get(file) ?? ts.sys.readFile(file);
  host.getSourceFile = (file, language, ...rest) => {
    const text = texts.get(file);
    if (text !== undefined) return ts.createSourceFile(file, text, language, true);
    if (!parsed.has(file)) parsed.set(file, getSourceFile(file, language, ...rest));
    return parsed.get(file);
  };

  const program = ts.createProgram([path], options, host);
  const source = program.getSourceFile(path);
  if (source === undefined) throw new Error(`the compiler did not read ${path}`);
  const errors = new Map<number, string[]>();
  const at = new Map<number, string[]>();
  for (const { start = 0, length = 0, messageText } of [
    ...program.getSyntacticDiagnostics(source),
    ...program.getSemanticDiagnostics(source),
  ]) {
    const { line } = source.getLineAndCharacterOfPosition(start);
    append(errors, line, sentenceOf(ts.flattenDiagnosticMessageText(messageText, "\n")));
    append(at, line, source.text.slice(start, start + length));
  }
  const instantiations = program.getInstantiationCount();
  const checker = program.getTypeChecker();
  const shapes = new Map<number, string>();
  source.forEachChild((statement) => {
    if (!ts.isVariableStatement(statement)) return;
    const declaration = statement.declarationList.declarations[0];
    if (declaration === undefined) return;
    const property = checker.getTypeAtLocation(declaration.name).getProperty("outputShape");
    if (property === undefined) return;
    const { line } = source.getLineAndCharacterOfPosition(statement.getStart());
    const type = checker.getTypeOfSymbolAtLocation(property, declaration);
    shapes.set(line, checker.typeToString(type, undefined, ts.TypeFormatFlags.NoTruncation));
  });
  const declarationErrors = program
    .getDeclarationDiagnostics(source)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
  return { errors, at, shapes, instantiations, declarationErrors };
}

/** What generated lines may use. */
export const prelude = [
  `import { input, sequential } from "../../lib/layers/net.js";`,
  `import * as layers from "../../lib/layers/index.js";`,
  `import * as formulas from "../../lib/formulas/index.js";`,
  `declare const n: (value: number) => number;`,
  `declare const of: <const N extends number>(size: N) => { readonly outputShape: [N] };`,
];
