// The matrix itself: what is stored where, and how it looks.
import { describe, expect, it } from "vitest";
import { OptionError, ShapeError } from "../../lib/errors.js";
import { convolutionMatrix, SparseMatrix } from "../../lib/matrix/index.js";

const rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]; // prettier-ignore
const lecture = convolutionMatrix(rows, [4, 4]);

describe("the lecture's 3x3 on 4x4", () => {
  it("is 4x16 with 36 entries, each row the kernel at another place", () => {
    expect([lecture.rows, lecture.columns, lecture.nonZeros]).toEqual([4, 16, 36]);
    expect(String(lecture)).toBe(
      [
        "1 2 3 . 4 5 6 . 7 8 9 . . . . .",
        ". 1 2 3 . 4 5 6 . 7 8 9 . . . .",
        ". . . . 1 2 3 . 4 5 6 . 7 8 9 .",
        ". . . . . 1 2 3 . 4 5 6 . 7 8 9",
      ].join("\n"),
    );
    expect([...lecture.multiply(new Float32Array(16).fill(1))]).toEqual([45, 45, 45, 45]);
  });

  it("transposed, spreads one output's gradient over its window", () => {
    const transposed = lecture.transpose();
    expect([transposed.rows, transposed.columns, transposed.nonZeros]).toEqual([16, 4, 36]);
    expect([...transposed.multiply([1, 0, 0, 0])]).toEqual([1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0, 0]);
    expect(transposed.transpose()).toEqual(lecture);
  });

  it("as a dense matrix", () => {
    const { shape, data } = lecture.toDense();
    expect(shape).toEqual([4, 16]);
    expect([...data.subarray(16, 32)]).toEqual([0, 1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0, 0, 0, 0]);
    expect(data.filter((value) => value !== 0).length).toBe(36);
  });

  it("as a picture: a square for each entry, its value to be read", () => {
    const svg = lecture.toSvg({ title: "C of a <3x3> & more" });
    expect(svg.match(/<rect [^>]*><title>/g)).toHaveLength(36);
    expect(svg).toContain('<rect x="20" y="40" width="12" height="12" fill="hsl(10 75% 83%)"><title>[1, 1] 1</title></rect>');
    expect(svg).toContain("<title>C of a &lt;3x3&gt; &amp; more</title>");
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 208 84"/);
    const signs = convolutionMatrix([[-2, 0, 1]], [1, 3]).toSvg();
    expect(signs).toContain("hsl(215 75% 45%)");
    expect(signs).toContain("hsl(0 0% 85%)");
  }); // prettier-ignore
});

it("keeps a connection whose weight is 0, and leaves out taps in the padding", () => {
  const edge = convolutionMatrix([[0, -1, 0], [-1, 4, -1], [0, -1, 0]], [3, 3], { padding: 1 }); // prettier-ignore
  expect([edge.rows, edge.columns, edge.nonZeros]).toEqual([9, 9, 49]);
  expect(edge.toDense().data.filter((value) => value !== 0).length).toBe(33);
});

it("prints large matrices by their size only", () => {
  const large = convolutionMatrix([[1]], [20, 20]);
  expect(String(large)).toBe("400x400, 400 stored");
  expect(String(convolutionMatrix([[0.123456, -10]], [1, 3]))).toBe("0.123   -10   .\n    . 0.123 -10");
});

describe("refused", () => {
  it.each<[string, () => unknown, typeof ShapeError | typeof OptionError, string]>([
    ["a kernel of ragged rows", () => convolutionMatrix([[1, 2], [3]], [4, 4]), ShapeError, "convolutionMatrix: kernel must be rows of numbers, all of one length, got [[1, 2], [3]]"],
    ["no kernel", () => convolutionMatrix([], [4, 4]), ShapeError, "convolutionMatrix: kernel must be rows of numbers, all of one length, got []"],
    ["a tensor that is no filter", () => convolutionMatrix({ shape: [3, 3], data: new Float32Array(9) }, [4, 4]), ShapeError, "convolutionMatrix: kernel must be [kernelHeight, kernelWidth, channels / groups, filters] with its elements, got [3, 3] with 9"],
    ["a filter without its elements", () => convolutionMatrix({ shape: [3, 3, 1, 1], data: new Float32Array(8) }, [4, 4]), ShapeError, "got [3, 3, 1, 1] with 8"],
    ["an input that is none", () => convolutionMatrix(rows, [16]), ShapeError, "convolutionMatrix: inputShape must be [height, width] or [height, width, channels], got [16]"],
    ["other channels", () => convolutionMatrix(rows, [4, 4, 3]), ShapeError, "convolutionMatrix: 1 filters of 1 channels in 1 groups do not fit the 3 input channels"],
    ["groups that do not divide", () => convolutionMatrix({ shape: [1, 1, 1, 3], data: new Float32Array(3) }, [2, 2, 2], { groups: 2 }), ShapeError, "convolutionMatrix: 3 filters of 1 channels in 2 groups do not fit the 2 input channels"],
    ["a stride that does not fit", () => convolutionMatrix(rows, [7, 7], { stride: 3 }), ShapeError, "convolutionMatrix: stride 3 does not fit the height: (7 + 0 - 3) / 3 + 1 = 2.33, not a whole number."],
    ["more entries than memory", () => convolutionMatrix(rows, [8192, 8192]), ShapeError, "convolutionMatrix: the matrix must have 134217728 entries at most, got 67076100x67108864 with 603684900"],
    ["a vector of another length", () => lecture.multiply([1, 2]), ShapeError, "multiply: a matrix of 4x16 needs a vector of 16, got 2"],
    ["a dense matrix of terabytes", () => new SparseMatrix([1e6, 1e6], new Int32Array(1), new Int32Array(0), new Float32Array(0)).toDense(), OptionError, "toDense: a matrix must have 134217728 elements at most, got 1000000x1000000"],
    ["a picture that nobody could see", () => convolutionMatrix([[1]], [400, 400]).toSvg(), OptionError, "toSvg: a matrix must have 100000 entries at most to be drawn, got 160000"],
    ["cells of nothing", () => lecture.toSvg({ cell: 0 }), OptionError, "toSvg: cell must be a number of pixels up to 1000, got 0"],
  ])("%s", (_, act, type, sentence) => {
    expect(act).toThrow(type);
    expect(act).toThrow(sentence);
  }); // prettier-ignore
});
