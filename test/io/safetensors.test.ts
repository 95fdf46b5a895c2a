import { describe, expect, test } from "vitest";
import type { Tensor } from "../../lib/data/tensor.js";
import { FormatError } from "../../lib/io/errors.js";
import { readSafetensors, writeSafetensors } from "../../lib/io/safetensors.js";
import { RandomStream } from "../../lib/random/philox.js";

/** A file with any header text: the length is right, nothing else need be. */
function file(header: string | Uint8Array, data: readonly number[] = []): Uint8Array {
  const text = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return new Uint8Array(Buffer.concat([length, text, Uint8Array.from(data)]));
}

const f32 = (shape: readonly number[], ...values: number[]): Tensor => ({ shape, data: Float32Array.from(values) });

describe("writeSafetensors", () => {
  test("writes the bytes of the reference implementation", () => {
    // The vectors of test_serialization, test_serialization_forced_alignement and test_empty in safetensors/src/tensor.rs.
    const data = [0, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64, 0, 0, 128, 64, 0, 0, 160, 64];
    const plain = '{"attn.0":{"dtype":"F32","shape":[1,2,3],"data_offsets":[0,24]}}';
    expect(writeSafetensors(new Map([["attn.0", f32([1, 2, 3], 0, 1, 2, 3, 4, 5)]]))).toEqual(file(plain, data));
    const padded = '{"attn0":{"dtype":"F32","shape":[1,1,2,3],"data_offsets":[0,24]}}       ';
    expect(writeSafetensors(new Map([["attn0", f32([1, 1, 2, 3], 0, 1, 2, 3, 4, 5)]]))).toEqual(file(padded, data));
    expect(writeSafetensors(new Map())).toEqual(file("{}      "));
    expect(writeSafetensors(new Map(), { framework: "pt" })).toEqual(file('{"__metadata__":{"framework":"pt"}}     '));
  });

  test("orders by alignment, then by the bytes of the name", () => {
    const names = ["b", "a", "\u{1f600}", "\uffee", "2", "__proto__"];
    const tensors = new Map<string, Tensor>([
      ["bytes", { shape: [1], data: Uint8Array.of(7) }],
      ["ints", { shape: [1], data: Int32Array.of(-7) }],
      ...names.map((name) => [name, f32([1], 1)] as const),
    ]);
    const { tensors: read } = readSafetensors(writeSafetensors(tensors));
    expect([...read.keys()]).toEqual(["2", "__proto__", "a", "b", "\uffee", "\u{1f600}", "ints", "bytes"]);
    expect(read.get("ints")).toEqual({ shape: [1], data: Int32Array.of(-7), dtype: "I32" });
    expect(read.get("bytes")).toEqual({ shape: [1], data: Uint8Array.of(7), dtype: "U8" });
  });

  test("round trip of scalars, empty tensors, views, special values and metadata", () => {
    const special = Float32Array.of(Number.NaN, -0, Infinity, -Infinity, 2 ** -149, 3.4028234663852886e38);
    const tensors = new Map<string, Tensor>([
      ["scalar", f32([], 4)],
      ["empty", f32([0, 3])],
      ["view", { shape: [2], data: Float32Array.of(9, 1, 2, 9).subarray(1, 3) }],
      ["special", { shape: [6], data: special }],
      ['quote " \\ \n \u007f ü', f32([1], 5)],
    ]);
    const metadata = { note: "größer", other: "{}" };
    const read = readSafetensors(writeSafetensors(tensors, metadata));
    expect(Object.fromEntries(read.metadata)).toEqual(metadata);
    expect(read.tensors.size).toBe(tensors.size);
    for (const [name, { shape, data }] of tensors) {
      expect(read.tensors.get(name)).toEqual({ shape, data: Float32Array.from(data), dtype: "F32" });
    }
    expect(Object.is(read.tensors.get("special")!.data[1], -0)).toBe(true);
  });

  test("refuses tensors that cannot be written", () => {
    expect(() => writeSafetensors(new Map([["w", f32([3], 1, 2)]]))).toThrow(
      'safetensors: tensor "w" of shape [3] needs 3 elements, got 2',
    );
    for (const name of ["__metadata__", "\ud800"]) {
      expect(() => writeSafetensors(new Map([[name, f32([1], 1)]]))).toThrow("a tensor name must be well-formed text");
    }
  });
});

describe("readSafetensors", () => {
  const one = (dtype: string, shape: readonly number[], bytes: readonly number[]) =>
    readSafetensors(
      file(`{"x":{"dtype":"${dtype}","shape":[${shape.join()}],"data_offsets":[0,${bytes.length}]}}`, bytes),
    ).tensors.get("x")!.data;
  const littleEndian = (array: ArrayBufferView) => [
    ...new Uint8Array(array.buffer, array.byteOffset, array.byteLength),
  ];

  test("widens every dtype", () => {
    expect(one("F64", [2], littleEndian(Float64Array.of(0.1, -2)))).toEqual(Float32Array.of(0.1, -2));
    expect(one("I64", [2], littleEndian(BigInt64Array.of(-5n, 2n ** 31n - 1n)))).toEqual(
      Int32Array.of(-5, 2 ** 31 - 1),
    );
    expect(one("U64", [1], littleEndian(BigUint64Array.of(5n)))).toEqual(Int32Array.of(5));
    expect(one("U32", [1], littleEndian(Uint32Array.of(5)))).toEqual(Int32Array.of(5));
    expect(one("I32", [1], littleEndian(Int32Array.of(-5)))).toEqual(Int32Array.of(-5));
    expect(one("I16", [1], littleEndian(Int16Array.of(-5)))).toEqual(Int32Array.of(-5));
    expect(one("U16", [1], littleEndian(Uint16Array.of(65535)))).toEqual(Int32Array.of(65535));
    expect(one("I8", [2], [0xff, 5])).toEqual(Int32Array.of(-1, 5));
    expect(one("BOOL", [2], [1, 0])).toEqual(Uint8Array.of(1, 0));
    // 1, -2, the largest, the smallest subnormal, infinity, NaN, -0.
    const halves = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x7c00, 0x7e00, 0x8000);
    expect(one("F16", [7], littleEndian(halves))).toEqual(Float32Array.of(1, -2, 65504, 2 ** -24, Infinity, NaN, -0));
    expect(one("BF16", [4], littleEndian(Uint16Array.of(0x3f80, 0xc040, 0x7f80, 0x0001)))).toEqual(
      Float32Array.of(1, -3, Infinity, 2 ** -133),
    );
  });

  test("integers that do not fit into an int32 are an error", () => {
    expect(() => one("I64", [2], littleEndian(BigInt64Array.of(1n, 2n ** 31n)))).toThrow(
      'safetensors: tensor "x": its I64 values must fit into an int32, got 2147483648 at 1',
    );
    expect(() => one("U32", [1], littleEndian(Uint32Array.of(2 ** 32 - 1)))).toThrow("got 4294967295 at 0");
  });

  test("reads data at any address and returns copies", () => {
    const bytes = writeSafetensors(new Map([["x", f32([2], 1, 2)]]));
    const odd = new Uint8Array(bytes.length + 1).subarray(1);
    odd.set(bytes);
    const { data } = readSafetensors(odd).tensors.get("x")!;
    odd.fill(0);
    expect(data).toEqual(Float32Array.of(1, 2));
  });

  const entry = (dtype: string, shape: string, offsets: string) =>
    `{"x":{"dtype":"${dtype}","shape":${shape},"data_offsets":${offsets}}}`;
  const two = (first: string, second: string) =>
    `{"a":{"dtype":"U8","shape":[2],"data_offsets":${first}},"b":{"dtype":"U8","shape":[2],"data_offsets":${second}}}`;

  test.each<[string, Uint8Array, string]>([
    ["shorter than its length field", Uint8Array.of(1, 2), "begins with 8 bytes of header length, got 2 bytes"],
    [
      "a header length beyond the limit",
      Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 123),
      "the header may have 100000000 bytes at most, got 18446744073709551615",
    ],
    [
      "a header length beyond the file",
      file("{}").subarray(0, 9),
      "the header has 2 bytes, but only 1 follow its length",
    ],
    ["no header", file(""), "the header is not valid JSON: it must begin with {"],
    ["leading space", file(" {}"), "the header is not valid JSON: it must begin with {"],
    ["an array", file("[]"), "the header is not valid JSON: it must begin with {"],
    ["malformed JSON", file('{"x":'), "the header is not valid JSON"],
    ["malformed UTF-8", file(Uint8Array.of(0x7b, 0xff)), "the header is not valid JSON"],
    ["deep nesting", file(`{"x":${"[".repeat(1_000_000)}`), "the header is not valid JSON"],
    ["a name twice", file('{"x":{},"\\u0078":{}}'), 'the key "x" occurs twice in one object'],
    ["a field twice", file('{"x":{"dtype":"U8","dtype":"F32"}}'), 'the key "dtype" occurs twice'],
    [
      "an entry that is no object",
      file('{"x":[1]}'),
      'tensor "x": must be an object with dtype, shape and data_offsets, got [1]',
    ],
    ["no dtype", file('{"x":{}}'), "dtype must be one of BOOL, U8"],
    ["an unknown dtype", file(entry("F8_E4M3", "[1]", "[0,1]"), [0]), 'F32, F64, got "F8_E4M3"'],
    ["a dtype of the prototype", file(entry("constructor", "[1]", "[0,1]"), [0]), 'got "constructor"'],
    [
      "a negative size",
      file(entry("U8", "[-1]", "[0,1]"), [0]),
      "shape must be an array of integers of at least 0, got [-1]",
    ],
    ["a broken size", file(entry("U8", "[1.5]", "[0,1]"), [0]), "got [1.5]"],
    ["a huge size", file(entry("U8", "[1e300]", "[0,1]"), [0]), "got [1e+300]"],
    [
      "sizes whose product overflows",
      file(entry("F32", "[4294967296,4294967296,4294967296]", "[0,0]")),
      "shape must have fewer than 2^53 bytes, got [4294967296,4294967296,4294967296]",
    ],
    [
      "an empty tensor with an overflow",
      file(entry("F32", "[9007199254740991,2,0]", "[0,0]")),
      "fewer than 2^53 bytes",
    ],
    [
      "more than the file holds",
      file(entry("U8", "[4000000000]", "[0,4000000000]")),
      "must fill the 0 bytes after the header",
    ],
    ["one offset", file(entry("U8", "[1]", "[0]"), [0]), "data_offsets must be two integers of at least 0, got [0]"],
    [
      "offsets backwards",
      file(entry("U8", "[1]", "[1,0]"), [0]),
      "data_offsets must span the 1 bytes of its shape, got [1,0]",
    ],
    [
      "offsets that do not fit the shape",
      file(entry("F32", "[1]", "[0,3]"), [0, 0, 0]),
      "must span the 4 bytes of its shape",
    ],
    [
      "an overlap",
      file(two("[0,2]", "[1,3]"), [0, 0, 0]),
      'tensor "b" overlaps the one before: it must begin at byte 2, got 1',
    ],
    ["the same bytes twice", file(two("[0,2]", "[0,2]"), [0, 0]), 'tensor "b" overlaps the one before'],
    [
      "a hole",
      file(two("[0,2]", "[3,5]"), [0, 0, 0, 0, 0]),
      'tensor "b" leaves a hole before it: it must begin at byte 2, got 3',
    ],
    ["bytes after the last tensor", file("{}", [0]), "the tensors must fill the 1 bytes after the header, got 0"],
    [
      "bytes missing",
      file(entry("U8", "[2]", "[0,2]"), [0]),
      "the tensors must fill the 1 bytes after the header, got 2",
    ],
    [
      "metadata that is no text",
      file('{"__metadata__":{"a":1}}'),
      '__metadata__ must be an object of strings, got {"a":1}',
    ],
    ["metadata that is no object", file('{"__metadata__":"a"}'), "__metadata__ must be an object of strings"],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => readSafetensors(bytes, "model.safetensors")).toThrow(FormatError);
    expect(() => readSafetensors(bytes, "model.safetensors")).toThrow("model.safetensors: ");
    expect(() => readSafetensors(bytes)).toThrow(message);
  });

  test("long values are cut in messages", () => {
    const text = file(entry("x".repeat(5000), "[1]", "[0,1]"), [0]);
    expect(() => readSafetensors(text)).toThrow(/^.{0,300}$/);
  });

  test("20,000 mutants are read or refused with a FormatError", () => {
    const tensors = new Map<string, Tensor>([
      ["a", f32([2, 3], 1, 2, 3, 4, 5, 6)],
      ["b", { shape: [2], data: Int32Array.of(1, 2) }],
      ["c", { shape: [3], data: Uint8Array.of(1, 2, 3) }],
      ["d", f32([0])],
    ]);
    const sound = writeSafetensors(tensors, { key: "value" });
    const random = new RandomStream(1, "test/mutants");
    const alphabet = Buffer.from('{}[]",:0123456789eE+-.\\ abFUIx');
    let refused = 0;
    for (let trial = 0; trial < 20_000; ++trial) {
      let bytes = sound.slice();
      for (let change = random.integer(3); change >= 0; --change) {
        const at = random.integer(bytes.length);
        const kind = random.integer(4);
        if (kind === 0) bytes = bytes.slice(0, at);
        else if (kind === 1) bytes[at] = random.integer(256);
        else bytes[at] = alphabet[random.integer(alphabet.length)]!;
        if (bytes.length === 0) break;
      }
      try {
        readSafetensors(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(FormatError);
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(5000);
  });
});
