/** What has to be there before the clocks start: the peer's file, and what results must be. */
import { writeFileSync } from "node:fs";
import { buildNet, type BenchNet } from "../net.js";
import { onnxFromNet } from "../onnx/fromNet.js";
import { encodeOnnx } from "../onnx/graph.js";
import { ChangingInput } from "../random.js";
import { countNet } from "../striate.js";
import { expectConvolution, expectSame, type Expectation } from "../verify/expectation.js";
import type { Work } from "../works.js";
import type { Questions } from "./protocol.js";

export function prepare({ work, repeats, onnxFile }: Questions["prepare"]["asked"]): Questions["prepare"]["answer"] {
  const built = buildNet(work, repeats);
  if (onnxFile !== undefined) {
    writeFileSync(onnxFile, encodeOnnx(onnxFromNet(built.model.node, built.model.parameters(), work.shape.batch)));
  }
  return { flops: built.flops, expected: expectation(work, repeats, built) };
}

function expectation(work: Work, repeats: number, { model }: BenchNet): Expectation {
  const shape = [work.shape.batch, ...model.inputShape] as const;
  const x = new ChangingInput(
    shape.reduce((product, size) => product * size, 1),
    work.id,
  ).first();
  if (work.kind === "conv" && repeats === 1) {
    const [filter, bias] = [...model.parameters().values()];
    return expectConvolution(work.shape, x, filter!.data, bias!.data);
  }
  const result = model.predictSync({ shape, data: x }, { batchSize: work.shape.batch });
  // Layers of a net in sequence add up their errors; each adds at most as many terms as one of its units has inputs.
  const terms = countNet(model.node).layers.reduce(
    (sum, { weights, outputShape }) => sum + weights / outputShape.at(-1)!,
    0,
  );
  return expectSame(result.data, terms);
}
