/**
 * Single ops that no public call reaches alone (gradients, batch norm's training form), as Programs of one step: the form in
 * which models run them. Filters and statistics are State, so that they are packed once, as in a forward pass; what packing
 * in every step costs, the training rows show.
 */
import type { Executable, State } from "../lib/backend/backend.js";
import { selectBackend } from "../lib/backend/select.js";
import { lower } from "../lib/graph/lower.js";
import type { Program } from "../lib/graph/program.js";
import { input, makeNode, state, type Value } from "../lib/graph/value.js";
import { conv2d } from "../lib/ops/conv2d.js";
import { epilogue } from "../lib/ops/define.js";
import { gradients } from "../lib/ops/gradient.js";
import { matmul } from "../lib/ops/matmul.js";
import { maxPool2d } from "../lib/ops/maxPool2d.js";
import { opDefinitions } from "../lib/ops/table.js";
import { batchNormTrain } from "../lib/ops/batchNorm.js";
import type { Variant } from "./contenders/contender.js";
import { randomArray } from "./random.js";
import { inputsOf, poolWindow, product, type CalledWork, type ConvWork } from "./work.js";

export interface OpProgram {
  readonly program: Program;
  readonly weights: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
}

/** @throws RangeError for a work that is a net */
export function opProgram(work: CalledWork, { algorithm }: Variant): OpProgram {
  const weights = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array }>();
  const weight = (name: string, shape: readonly number[], scale = 0.5, offset = 0): Value => {
    const data = randomArray(product(shape), `${work.id}/${name}`, scale);
    if (offset !== 0) data.forEach((value, i) => (data[i] = value + offset));
    weights.set(name, { shape, data });
    return state(name, shape);
  };
  const batched = work.kind !== "gemm";
  const inputs = inputsOf(work).map(({ shape }, i) => input(`input ${i}`, shape, { batched }));
  const result = emit();
  const program = lower({ outputs: [{ name: "result", value: result }] }, { rows: batched ? work.batch : 1 });
  return { program, weights };

  function emit(): Value {
    switch (work.kind) {
      case "conv":
        return convolutionGradient(work, inputs, algorithm, weight);
      case "gemm":
        return matmul(inputs[0]!, inputs[1]!);
      case "pixelwise": {
        const channels = work.input[2];
        const parameter = (name: string, offset = 0): Value => weight(name, [channels], 0.5, offset);
        switch (work.op) {
          case "maxPool2d":
            return maxPool2d(inputs[0]!, pooling);
          case "maxPool2dBackward":
            return gradients(maxPool2d(inputs[0]!, pooling), [inputs[0]!], inputs[1])[0]!;
          case "batchNormTrain":
            return batchNormTrain(inputs[0]!, { gamma: parameter("gamma", 1), beta: parameter("beta") }).y;
          case "batchNormBackward": {
            const [x, dy] = inputs as [Value, Value];
            const operands = [x, parameter("gamma", 1), parameter("mean"), parameter("variance", 1), dy];
            const perChannel = { shape: [channels], batched: false };
            const results = [{ shape: x.shape, batched: true }, perChannel, perChannel];
            return makeNode(
              opDefinitions.get("batchNorm.trainBackward")!,
              operands,
              { epsilon, ...epilogue() },
              results,
            )[0]!;
          }
        }
      }
    }
    throw new RangeError(`bench: ${work.id} is a net, not a single op`);
  }
}

/** Batch norm's. */
export const epsilon = 1e-5;
const pooling = { ...poolWindow, rounding: "floor" } as const;

function convolutionGradient(
  work: ConvWork,
  inputs: readonly Value[],
  algorithm: Variant["algorithm"],
  weight: (name: string, shape: readonly number[], scale: number) => Value,
): Value {
  const { input: image, filters, kernel, stride, padding, groups } = work.shape;
  const shape = [kernel, kernel, image[2] / groups, filters];
  const options = { stride, padding, groups, algorithm, rounding: "floor" } as const;
  if (work.direction === "backwardInput") {
    const x = input("x", [work.batch, ...image], { batched: true });
    const filter = weight("filter", shape, Math.sqrt(3 / (kernel * kernel * filters)));
    return gradients(conv2d(x, filter, options), [x], inputs[0])[0]!;
  }
  const filter = state("filter", shape);
  return gradients(conv2d(inputs[0]!, filter, options), [filter], inputs[1])[0]!;
}

/** On this process's backend. */
export function compileProgram({ program, weights }: OpProgram): { executable: Executable; state: State } {
  const backend = selectBackend();
  const held = backend.createState([...weights].map(([name, { shape }]) => ({ name, shape })));
  held.write(new Map([...weights].map(([name, { data }]) => [name, data])));
  return { executable: backend.compile(program, held), state: held };
}
