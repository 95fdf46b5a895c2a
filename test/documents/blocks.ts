/**
 * The code blocks of a Markdown file. The word behind the fences says what becomes of a block:
 * - `ts` is a program: it must compile and run, and print the `text` block behind it, or nothing where there is none;
 * - `ts fails` must not compile; the `text` block behind it is the compiler's message;
 * - `sh` is a list of commands, run one after the other;
 * - `text` is what the block before it prints; `text within X`: numbers may differ by X, as other processors round otherwise.
 */
export interface CodeBlock {
  /** Of the opening fence, from 1. */
  readonly line: number;
  readonly language: "ts" | "sh";
  readonly fails: boolean;
  readonly code: string;
  readonly expected: string;
  /** By how much numbers in the output may differ. */
  readonly tolerance: number;
}

/** Reads the blocks; a block in another language, or a `text` block that nothing prints, is an error: nobody would check it. */
export function parseBlocks(markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { language: string; line: number; content: string[] } | undefined;
  markdown.split("\n").forEach((text, index) => {
    if (!text.startsWith("```")) {
      open?.content.push(text);
      return;
    }
    if (open === undefined) {
      open = { language: text.slice(3).trim(), line: index + 1, content: [] };
      return;
    }
    const { language, line } = open;
    const content = open.content.map((each) => `${each}\n`).join("");
    open = undefined;
    const output = /^text(?: within ([\d.]+))?$/.exec(language);
    if (output !== null) {
      const program = blocks.at(-1);
      if (program === undefined || program.expected !== "")
        throw new Error(`line ${line}: nothing prints this text block`);
      blocks[blocks.length - 1] = { ...program, expected: content, tolerance: Number(output[1] ?? 0) };
    } else if (language === "ts" || language === "ts fails" || language === "sh") {
      const [name, fails] = language.split(" ") as ["ts" | "sh", string?];
      blocks.push({ line, language: name, fails: fails === "fails", code: content, expected: "", tolerance: 0 });
    } else {
      throw new Error(`line ${line}: no rule for a block of ${JSON.stringify(language)}`);
    }
  });
  return blocks;
}

const number = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;

/** The output with each number that is near enough replaced by the expected one, so that a plain comparison shows the rest. */
export function alignNumbers(actual: string, expected: string, tolerance: number): string {
  if (tolerance === 0) return actual;
  const wanted = expected.match(number) ?? [];
  let next = 0;
  return actual.replace(number, (text) => {
    const near = wanted[next++];
    // A hair is added: 98.6 and 97.6 differ by a little more than 1 in binary.
    return near !== undefined && Math.abs(Number(text) - Number(near)) <= tolerance + 1e-9 ? near : text;
  });
}
