/** Our side: `model.predictSync` of the compiled package. */
import { readFileSync } from "node:fs";
import type { Tensor } from "../../lib/data/tensor.js";
import { buildNet } from "../net.js";
import { striate } from "../striate.js";
import type { Contender, ContenderRequest } from "./contender.js";

type Image = Tensor<readonly [number, ...number[]], Float32Array>;

export function striateContender({ work, threads }: ContenderRequest): Contender {
  striate.setThreads(threads);
  const { model } = buildNet(work);
  const batchSize = work.shape.batch;
  const shape = [batchSize, ...model.inputShape] as const;
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    readonly version: string;
  };
  const { backend, isa } = striate.backendInfo();
  return {
    description: `striate ${version} (${backend}, ${isa})`,
    inputSize: shape.reduce((product, size) => product * size, 1),
    verify: (data) => Promise.resolve(model.predictSync({ shape, data }, { batchSize }).data),
    wrap: (data): Image => ({ shape, data }),
    call: (image) => model.predictSync(image as Image, { batchSize }),
    isAsync: false,
    explain: () => model.explain({ kind: "predict" }, { batchSize }),
  };
}
