/**
 * safetensors, the format of github.com/huggingface/safetensors: 8 bytes little-endian length, a JSON header padded with spaces to a
 * multiple of 8, then the tensors one after the other without holes. Written byte for byte as the reference implementation does (dtype
 * by descending alignment, then name); read with every rule of the format checked before anything is allocated.
 */
import { endianness } from "node:os";
import { elementCount, type Tensor, type TensorData } from "../data/tensor.js";
import { OptionError, reasonOf, ShapeError } from "../errors.js";
import { allocated } from "../memory.js";
import { FormatError } from "./errors.js";
import { decodeBfloat16, decodeFloat16 } from "./halfFloat.js";
import { isJsonObject, parseJson, showJson, type JsonObject, type JsonValue } from "./json.js";

/** The reference implementation's limit. */
const maxHeaderBytes = 100_000_000;

type Read = (view: DataView, index: number) => number;

/** Dtypes that are read, with what becomes of them. Integers that do not fit into an int32 are an error. */
const dtypes = {
  BOOL: { bytes: 1, target: Uint8Array, read: (view, i) => view.getUint8(i) },
  U8: { bytes: 1, target: Uint8Array, read: (view, i) => view.getUint8(i) },
  I8: { bytes: 1, target: Int32Array, read: (view, i) => view.getInt8(i) },
  I16: { bytes: 2, target: Int32Array, read: (view, i) => view.getInt16(2 * i, true) },
  U16: { bytes: 2, target: Int32Array, read: (view, i) => view.getUint16(2 * i, true) },
  I32: { bytes: 4, target: Int32Array, read: (view, i) => view.getInt32(4 * i, true) },
  U32: { bytes: 4, target: Int32Array, read: (view, i) => view.getUint32(4 * i, true) },
  I64: { bytes: 8, target: Int32Array, read: (view, i) => Number(view.getBigInt64(8 * i, true)) },
  U64: { bytes: 8, target: Int32Array, read: (view, i) => Number(view.getBigUint64(8 * i, true)) },
  F16: { bytes: 2, target: Float32Array, read: (view, i) => decodeFloat16(view.getUint16(2 * i, true)) },
  BF16: { bytes: 2, target: Float32Array, read: (view, i) => decodeBfloat16(view.getUint16(2 * i, true)) },
  F32: { bytes: 4, target: Float32Array, read: (view, i) => view.getFloat32(4 * i, true) },
  F64: { bytes: 8, target: Float32Array, read: (view, i) => view.getFloat64(8 * i, true) },
} as const satisfies Record<string, { bytes: number; target: new (length: number) => TensorData; read: Read }>;

/** The dtype of a tensor in a file. */
export type SafetensorsDtype = keyof typeof dtypes;

/** A tensor of a file: float types as float32, integers as int32, U8 and BOOL as bytes. */
export interface SafetensorsTensor extends Tensor {
  /** As it is in the file. */
  readonly dtype: SafetensorsDtype;
}

export interface SafetensorsFile {
  /** In the order of their data. */
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** A header entry that has passed every check but its place among the others. */
interface Entry {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

const isCount = (value: JsonValue | undefined): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function checkEntry(source: string, name: string, info: JsonValue): Entry {
  const fail = (rule: string, value: JsonValue | undefined): never => {
    throw new FormatError(`${source}: tensor ${showJson(name)}: ${rule}, got ${showJson(value)}`);
  };
  if (!isJsonObject(info)) return fail("must be an object with dtype, shape and data_offsets", info);
  const { dtype, shape, data_offsets: offsets } = info;
  if (typeof dtype !== "string" || !Object.hasOwn(dtypes, dtype)) {
    return fail(`dtype must be one of ${Object.keys(dtypes).join(", ")}`, dtype);
  }
  if (!Array.isArray(shape) || !shape.every(isCount)) {
    return fail("shape must be an array of integers of at least 0", shape as JsonValue | undefined);
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount)) {
    return fail("data_offsets must be two integers of at least 0", offsets as JsonValue | undefined);
  }
  const [begin, end] = offsets as [number, number];
  const known = dtype as SafetensorsDtype;
  let size: number = dtypes[known].bytes;
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) return fail("shape must have fewer than 2^53 bytes", shape);
  }
  if (end - begin !== size) return fail(`data_offsets must span the ${size} bytes of its shape`, offsets);
  return { name, dtype: known, shape: shape, begin, end };
}

function checkMetadata(source: string, value: JsonValue | undefined): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  const entries = isJsonObject(value) ? Object.entries(value) : undefined;
  if (entries?.every((entry): entry is [string, string] => typeof entry[1] === "string") !== true) {
    throw new FormatError(`${source}: __metadata__ must be an object of strings, got ${showJson(value)}`);
  }
  return new Map(entries);
}

function parseHeader(source: string, bytes: Uint8Array): { header: JsonObject; dataStart: number } {
  if (bytes.length < 8) {
    throw new FormatError(
      `${source}: a safetensors file begins with 8 bytes of header length, got ${bytes.length} bytes`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > maxHeaderBytes) {
    throw new FormatError(`${source}: the header may have ${maxHeaderBytes} bytes at most, got ${length.toString()}`);
  }
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) {
    throw new FormatError(
      `${source}: the header has ${length.toString()} bytes, but only ${bytes.length - 8} follow its length`,
    );
  }
  let header: JsonValue;
  try {
    if (bytes[8] !== 0x7b) throw new SyntaxError("it must begin with {");
    header = parseJson(bytes.subarray(8, dataStart));
  } catch (cause) {
    throw new FormatError(`${source}: the header is not valid JSON: ${reasonOf(cause)}`, { cause });
  }
  return { header: header as JsonObject, dataStart };
}

function decode(source: string, entry: Entry, bytes: Uint8Array): TensorData {
  const { target, read, bytes: size } = dtypes[entry.dtype];
  const count = bytes.length / size;
  const data = allocated("safetensors", count * target.BYTES_PER_ELEMENT, () => new target(count));
  if (size === data.BYTES_PER_ELEMENT && entry.dtype !== "U32" && endianness() === "LE") {
    new Uint8Array(data.buffer).set(bytes);
    return data;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fits = data instanceof Int32Array ? (value: number) => value === (value | 0) : () => true;
  for (let index = 0; index < count; ++index) {
    const value = read(view, index);
    if (!fits(value)) {
      throw new FormatError(
        `${source}: tensor ${showJson(entry.name)}: its ${entry.dtype} values must fit into an int32, got ${value} at ${index}`,
      );
    }
    data[index] = value;
  }
  return data;
}

/**
 * Reads a safetensors file that may come from anywhere. Header length, JSON, duplicate names, dtypes, shapes, offsets, holes, overlaps and
 * the end of the file are checked before any tensor is allocated; tensors are copies.
 *
 * @param source the file's name, for messages
 * @throws FormatError saying what is wrong, and where
 */
export function readSafetensors(bytes: Uint8Array, source = "safetensors"): SafetensorsFile {
  const { header, dataStart } = parseHeader(source, bytes);
  const { __metadata__: free, ...infos } = header;
  const metadata = checkMetadata(source, free);
  const entries = Object.entries(infos).map(([name, info]) => checkEntry(source, name, info));
  // Empty tensors begin where others do: by the end as well, they come before the tensor that holds the bytes.
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  let end = 0;
  for (const entry of entries) {
    if (entry.begin !== end) {
      const what = entry.begin < end ? "overlaps the one before" : "leaves a hole before it";
      throw new FormatError(
        `${source}: tensor ${showJson(entry.name)} ${what}: it must begin at byte ${end}, got ${entry.begin}`,
      );
    }
    end = entry.end;
  }
  const available = bytes.length - dataStart;
  if (end !== available) {
    throw new FormatError(`${source}: the tensors must fill the ${available} bytes after the header, got ${end}`);
  }
  const tensors = new Map<string, SafetensorsTensor>();
  for (const entry of entries) {
    const data = decode(source, entry, bytes.subarray(dataStart + entry.begin, dataStart + entry.end));
    tensors.set(entry.name, { shape: entry.shape, data, dtype: entry.dtype });
  }
  return { tensors, metadata };
}

/** The rank in the reference implementation's order: descending alignment. */
const written = [
  { dtype: "F32", is: (data: TensorData) => data instanceof Float32Array },
  { dtype: "I32", is: (data: TensorData) => data instanceof Int32Array },
  { dtype: "U8", is: (data: TensorData) => data instanceof Uint8Array },
] as const;

function checkName(name: string): string {
  if (name === "__metadata__" || /\p{Surrogate}/u.test(name)) {
    throw new OptionError(
      "tensors",
      `safetensors: a tensor name must be well-formed text other than __metadata__, got ${JSON.stringify(name)}`,
    );
  }
  return name;
}

/**
 * Writes a safetensors file: float32 as F32, int32 as I32, bytes as U8.
 *
 * @param metadata text for other readers, e.g. `{ format: "pt" }`
 * @throws ShapeError where data and shape differ
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, Tensor>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const entries = [...tensors].map(([name, { shape, data }]) => {
    if (elementCount(shape) !== data.length) {
      throw new ShapeError(
        "tensors",
        `safetensors: tensor ${JSON.stringify(name)} of shape [${shape.join(", ")}] needs ${elementCount(shape)} elements, got ${data.length}`,
      );
    }
    const rank = written.findIndex(({ is }) => is(data));
    return { name: checkName(name), key: Buffer.from(name), rank, shape, data };
  });
  entries.sort((a, b) => a.rank - b.rank || Buffer.compare(a.key, b.key));

  const fields: string[] = [];
  if (Object.keys(metadata).length > 0) fields.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let offset = 0;
  for (const { name, rank, shape, data } of entries) {
    const info = { dtype: written[rank]!.dtype, shape, data_offsets: [offset, offset + data.byteLength] };
    // Built as text: in an object, names like "1" would come first and "__proto__" not at all.
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
    offset += data.byteLength;
  }
  const header = Buffer.from(`{${fields.join(",")}}`);
  const headerBytes = Math.ceil(header.length / 8) * 8;
  if (headerBytes > maxHeaderBytes) {
    throw new OptionError(
      "tensors",
      `safetensors: the header may have ${maxHeaderBytes} bytes at most, got ${headerBytes}`,
    );
  }
  const size = 8 + headerBytes + offset;
  const file = allocated("safetensors", size, () => new Uint8Array(size));
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, 8, 8 + headerBytes);
  file.set(header, 8);
  let position = 8 + headerBytes;
  for (const { data } of entries) {
    const target = file.subarray(position, position + data.byteLength);
    target.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    if (data.BYTES_PER_ELEMENT === 4 && endianness() === "BE")
      Buffer.from(target.buffer, position, data.byteLength).swap32();
    position += data.byteLength;
  }
  return file;
}
