/** An ONNX graph as plain data, and its encoding. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

export interface OnnxTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Row-major; float32, or int64 for shapes. */
  readonly data: Float32Array | BigInt64Array;
}

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** A list is written as integers, `{ int }` as one integer, a number as a float. */
  readonly attributes: Readonly<Record<string, readonly number[] | number | { readonly int: number }>>;
}

export interface OnnxPort {
  readonly name: string;
  /** A name is a size that is free. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxGraph {
  readonly inputs: readonly OnnxPort[];
  readonly output: OnnxPort;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensor[];
}

const elementTypes = { f32: 1, i64: 7 } as const;
const attributeTypes = { FLOAT: 1, INT: 2, INTS: 7 } as const;

/** What is used of protobufjs: the bench's packages are not there when the repository is type-checked. */
interface Protobuf {
  parse(
    source: string,
    options: { readonly keepCase: boolean },
  ): {
    readonly root: { lookupType(name: string): { encode(message: object): { finish(): Uint8Array } } };
  };
}

/** The bytes of an ONNX file, opset 13. */
export function encodeOnnx(graph: OnnxGraph): Uint8Array {
  const protobuf = createRequire(import.meta.url)("protobufjs") as Protobuf;
  const schema = readFileSync(new URL("onnx.proto", import.meta.url), "utf8");
  const model = protobuf.parse(schema, { keepCase: true }).root.lookupType("onnx.ModelProto");
  return model.encode(onnxMessage(graph)).finish();
}

/** The graph in the fields of onnx.proto. */
export function onnxMessage({ inputs, output, nodes, tensors }: OnnxGraph): object {
  return {
    ir_version: 8,
    producer_name: "striate-bench",
    opset_import: [{ domain: "", version: 13 }],
    graph: {
      name: "graph",
      input: inputs.map(valueInfo),
      output: [valueInfo(output)],
      node: nodes.map((node) => ({
        name: node.output,
        op_type: node.op,
        input: node.inputs,
        output: [node.output],
        attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
      })),
      initializer: tensors.map(({ name, shape, data }) => ({
        name,
        dims: shape,
        data_type: data instanceof Float32Array ? elementTypes.f32 : elementTypes.i64,
        raw_data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
      })),
    },
  };
}

function attribute(name: string, value: OnnxNode["attributes"][string]): object {
  if (typeof value === "number") return { name, type: attributeTypes.FLOAT, f: value };
  if ("int" in value) return { name, type: attributeTypes.INT, i: value.int };
  return { name, type: attributeTypes.INTS, ints: value };
}

function valueInfo({ name, shape }: OnnxPort): object {
  const dim = shape.map((size) => (typeof size === "number" ? { dim_value: size } : { dim_param: size }));
  return { name, type: { tensor_type: { elem_type: elementTypes.f32, shape: { dim } } } };
}
