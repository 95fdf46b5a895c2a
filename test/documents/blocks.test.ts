import { expect, test } from "vitest";
import { alignNumbers, parseBlocks } from "./blocks.js";

const fence = "```";

test("parseBlocks joins programs and their output", () => {
  const markdown = `# Title
${fence}ts
run();
${fence}

It prints

${fence}text within 0.5
1
2
${fence}
${fence}ts fails
wrong();
${fence}
${fence}sh
npm test
${fence}
`;
  expect(parseBlocks(markdown)).toEqual([
    { line: 2, language: "ts", fails: false, code: "run();\n", expected: "1\n2\n", tolerance: 0.5 },
    { line: 12, language: "ts", fails: true, code: "wrong();\n", expected: "", tolerance: 0 },
    { line: 15, language: "sh", fails: false, code: "npm test\n", expected: "", tolerance: 0 },
  ]);
});

test("parseBlocks refuses what nobody would check", () => {
  expect(() => parseBlocks(`${fence}js\n${fence}\n`)).toThrow('line 1: no rule for a block of "js"');
  expect(() => parseBlocks(`${fence}text\n1\n${fence}\n`)).toThrow("line 1: nothing prints this text block");
});

test("alignNumbers forgives numbers only, and only near ones", () => {
  expect(alignNumbers("a 98.6 % of 359", "a 98.1 % of 359", 1)).toBe("a 98.1 % of 359");
  expect(alignNumbers("a 96.6 % of 359", "a 98.1 % of 359", 1)).toBe("a 96.6 % of 359");
  expect(alignNumbers("b 98.6", "a 98.1", 1)).toBe("b 98.1");
  expect(alignNumbers("1 2", "1", 1)).toBe("1 2");
  expect(alignNumbers("1.5", "1", 0)).toBe("1.5");
});
