/** Programs for the tests of running: what they compute is simple, how long they take is chosen. */
import type { Program } from "../../lib/graph/program.js";
import { ProgramBuilder } from "./programBuilder.js";

/** y = x * scale + offset, elements [rows, size]. */
export function affineProgram(size: number, scale: number, offset: number, rows = 1): Program {
  const builder = new ProgramBuilder(rows);
  const x = builder.place("input", "x", [rows, size], { batched: true });
  const y = builder.place("output", "y", [rows, size], { batched: true });
  return builder.step("rescale", { x, y }, { scale, offset }).build();
}

/** The state of {@link trainingProgram}: two parameters that every whole step changes alike. */
export const twins = [
  { name: "first", shape: [1000] },
  { name: "second", shape: [1000] },
];

/**
 * One training step: both twins lose learningRate * gradient [1000]; before that `products` products of `size` x `size`
 * matrices keep the processor busy (size 400: about 30 ms each). The output counts as well: y = product.
 */
export function trainingProgram(products: number, size: number): Program {
  const builder = new ProgramBuilder();
  const gradient = builder.place("input", "gradient", [1000]);
  const ones = builder.place("input", "ones", [size, size]);
  const places = [ones];
  for (let i = 0; i < products; i++) {
    const kind = i === products - 1 ? "output" : "arena";
    const y = builder.place(kind, `product ${i}`, [size, size]);
    builder.step("matmul", { a: places[i]!, b: ones, y });
    places.push(y);
  }
  for (const { name, shape } of twins) {
    const parameter = builder.place("state", name, shape);
    builder.step("sgd", { parameter, gradient, newParameter: parameter }, {}, "commit");
  }
  return builder.build();
}

/** y = first - second [1000]: all zeros between whole steps. */
export function differenceProgram(): Program {
  const builder = new ProgramBuilder();
  const [first, second] = twins.map(({ name, shape }) => builder.place("state", name, shape));
  const negative = builder.place("arena", "negative", [1000]);
  const y = builder.place("output", "y", [1000]);
  builder.step("rescale", { x: second!, y: negative }, { scale: -1, offset: 0 });
  return builder.step("add", { a: first!, b: negative, y }).build();
}

/** Mean cross-entropy of [rows, 3] logits. */
export function lossProgram(rows: number): Program {
  const builder = new ProgramBuilder(rows);
  const logits = builder.place("input", "logits", [rows, 3], { batched: true });
  const labels = builder.place("input", "labels", [rows], { batched: true, dtype: "i32" });
  const loss = builder.place("output", "loss", [1]);
  const probabilities = builder.place("output", "probabilities", [rows, 3], { batched: true });
  return builder.step("softmaxCrossEntropy", { logits, labels, loss, probabilities }).build();
}
