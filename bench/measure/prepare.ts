/** What has to be there before the clocks start: what results must be, and the files that contenders read. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toGraph } from "../../lib/layers/graph.js";
import { flopsOf, inputsOf, outputElements, poolWindow, type CalledWork } from "../work.js";
import { training, type PeerFiles } from "../contenders/contender.js";
import type { LayerNode } from "../../lib/layers/definition.js";
import type { Tensor } from "../../lib/data/tensor.js";
import type { Shape } from "../../lib/shape/types.js";
import { flopsOfNet, isNet, netNode, termsOfNet, weights } from "../net.js";
import { onnxFromNet } from "../onnx/fromNet.js";
import { encodeOnnx, type OnnxGraph } from "../onnx/graph.js";
import { epsilon, opProgram } from "../program.js";
import { ChangingInputs } from "../random.js";
import { striate } from "../striate.js";
import { expectConvolution, expectSame, sampleOf, spreadIndices } from "../verify/expectation.js";
import { expectFilterGradient, expectInputGradient, expectProduct } from "../verify/gradients.js";
import { expectPixelwise, type ChannelParameters } from "../verify/pixelwise.js";
import { striateContender } from "../contenders/striate.js";
import type { Expected, Questions } from "./protocol.js";

type Asked = Questions["prepare"]["asked"];

export async function prepare(asked: Asked): Promise<Questions["prepare"]["answer"]> {
  const { work, wanted, variant } = asked;
  const inputs = new ChangingInputs(inputsOf(work), work.id).first();
  const net = isNet(work) ? new DrawnNet(netNode(work, variant), work.id) : undefined;
  const files: { -readonly [Key in keyof PeerFiles]: PeerFiles[Key] } = {};
  if (wanted.length > 0) mkdirSync(asked.folder, { recursive: true });
  const prefix = filePrefix(asked, net);
  if (wanted.includes("onnx")) files.onnx = writeOnce(`${prefix}.onnx`, () => encodeOnnx(onnxGraph(work, net)));
  if (wanted.includes("inputs")) {
    files.inputs = inputs.map((data, i) => writeOnce(`${prefix}-input${i}.bin`, () => bytesOf(data)));
  }
  if (wanted.includes("weights") && net !== undefined) {
    const data = [...net.parameters].map(([, tensor]) => bytesOf(tensor.data as Float32Array));
    files.weights = {
      graph: toGraph(net.node),
      file: writeOnce(`${prefix}-weights.bin`, () => Buffer.concat(data)),
      tensors: [...net.parameters].map(([name, { shape }]) => ({ name, shape })),
    };
  }
  const expected = await expectation(asked, inputs as Float32Array[], net);
  const flops = net === undefined ? flopsOf(work)! : flopsOfNet(work, net.node);
  return { flops, expected, files };
}

/** A net whose weights are drawn when they are first asked for: a VGG-16's take a second. */
class DrawnNet {
  private drawn: ReturnType<typeof weights> | undefined;
  constructor(
    readonly node: LayerNode,
    private readonly purpose: string,
  ) {}
  get parameters(): ReturnType<typeof weights> {
    this.drawn ??= weights(this.node, this.purpose);
    return this.drawn;
  }
  /** Of the one layer that has them: its weight, its bias. */
  values(): Float32Array[] {
    return [...this.parameters.values()].map(({ data }) => data as Float32Array);
  }
}

/** Everything that the contents of the files follow from, beside the work and the net. */
const makers = ["../net.ts", "../random.ts", "../onnx/fromNet.ts", "../onnx/graph.ts", "prepare.ts"];

/** Names what is in the files, so that those of earlier runs can be used again. */
function filePrefix({ folder, work, variant }: Asked, net: DrawnNet | undefined): string {
  const hash = createHash("sha256").update(JSON.stringify([work, variant]));
  if (net !== undefined) hash.update(JSON.stringify(toGraph(net.node)));
  for (const maker of makers) hash.update(readFileSync(new URL(maker, import.meta.url)));
  return join(folder, `${work.id.replaceAll("/", "-")}-${hash.digest("hex").slice(0, 16)}`);
}

/** @returns the file, written unless it is there */
function writeOnce(file: string, contents: () => Uint8Array): string {
  if (existsSync(file)) return file;
  writeFileSync(`${file}.part`, contents());
  renameSync(`${file}.part`, file);
  return file;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function onnxGraph(work: CalledWork, net: DrawnNet | undefined): OnnxGraph {
  if (net === undefined) return singleOp(work);
  const parameters = net.parameters as ReadonlyMap<string, Tensor<Shape, Float32Array>>;
  return onnxFromNet(net.node, parameters, inputsOf(work)[0]!.shape[0]!);
}

/** What is no net of ours but a model of the peer's. */
function singleOp(work: CalledWork): OnnxGraph {
  if (work.kind === "gemm") {
    return {
      inputs: [
        { name: "a", shape: [work.m, work.k] },
        { name: "b", shape: [work.k, work.n] },
      ],
      output: { name: "y", shape: [work.m, work.n] },
      nodes: [{ op: "MatMul", inputs: ["a", "b"], output: "y", attributes: {} }],
      tensors: [],
    };
  }
  if (work.kind === "pixelwise" && work.op === "maxPool2d") {
    const net = striate.sequential(work.input).maxPool2d({ ...poolWindow, rounding: "floor" });
    return onnxFromNet(net.node, new Map(), work.batch);
  }
  throw new RangeError(`bench: the peer has no counterpart for ${work.id}`);
}

async function expectation(
  { work, variant }: Asked,
  inputs: readonly Float32Array[],
  net: DrawnNet | undefined,
): Promise<Expected> {
  const [first, second] = inputs as [Float32Array, Float32Array];
  const weightOf = (name: string): Float32Array => opProgram(work, variant).weights.get(name)!.data;
  switch (work.kind) {
    case "conv":
      if (work.direction === "backwardInput") {
        return expectInputGradient(work.shape, work.batch, first, weightOf("filter"));
      }
      if (work.direction === "backwardFilter") return expectFilterGradient(work.shape, work.batch, first, second);
      if (variant.repeats === 1) {
        const [filter, bias] = net!.values();
        return expectConvolution(work.shape, work.batch, first, filter!, bias!);
      }
      break;
    case "gemm":
      return expectProduct(work, first, net?.values()[0] ?? second);
    case "pixelwise": {
      const program = opProgram(work, variant);
      const parameters = Object.fromEntries([...program.weights].map(([name, { data }]) => [name, data]));
      return expectPixelwise(
        ...([work.op, work.input, work.batch, inputs, parameters as Partial<ChannelParameters>, epsilon] as const),
      );
    }
    case "infer":
    case "train": {
      const size = work.kind === "train" ? training.verifiedSteps : outputElements(work);
      // A loss follows from a forward and a backward pass, which is twice as long.
      const terms = termsOfNet(net!.node) * (work.kind === "train" ? 3 : 1);
      return { judge: "striate's own result", indices: spreadIndices(size), terms };
    }
    default:
  }
  const contender = striateContender({ work, threads: 1, variant, files: {} });
  const result = await contender.verify(inputs);
  await contender.close();
  const indices = spreadIndices(result.length);
  // Layers of a net in sequence add up their errors; each adds at most as many terms as one of its units has inputs.
  return expectSame(sampleOf(result, indices), indices, termsOfNet(net!.node));
}
