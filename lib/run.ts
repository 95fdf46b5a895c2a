/** Eager calls: a function of Values applied to arrays at once. A small Program behind it, from a cache. */
import type { Backend, Executable, State } from "./backend/backend.js";
import { selectBackend } from "./backend/select.js";
import { elementCount, requireTensor, type Tensor } from "./data/tensor.js";
import { OptionError, ShapeError } from "./errors.js";
import { lower } from "./graph/lower.js";
import type { Dtype, Program } from "./graph/program.js";
import { input, requireValue, type Value } from "./graph/value.js";
import { isShape, showShape, showValue } from "./shape/values.js";

/** Compiled Programs, by their own text; the least recently used goes first. */
const cache = new Map<string, Executable>();
const cacheSize = 64;
let noState: { backend: Backend; state: State } | undefined;

/**
 * Applies ops to arrays on the calling thread.
 * @param build is given one Value for each tensor, with its shape
 * @returns the result of `build`, computed
 * @throws GraphError, ShapeError where shapes do not fit
 * @example
 * ```ts
 * const edges = run((x, k) => conv2d(x, k, { padding: "same" }), image, laplacian);
 * ```
 */
export function run(
  build: (...values: Value[]) => Value,
  ...tensors: readonly Tensor[]
): Tensor<readonly number[], Float32Array> {
  const { executable, shape } = prepare(build, tensors);
  const [data] = executable.run(
    tensors.map((tensor) => tensor.data),
    { rows: 1 },
  );
  return { shape, data: data! };
}

/** As run, off the calling thread. */
export async function runAsync(
  build: (...values: Value[]) => Value,
  ...tensors: readonly Tensor[]
): Promise<Tensor<readonly number[], Float32Array>> {
  const { executable, shape } = prepare(build, tensors);
  const [data] = await executable.runAsync(
    tensors.map((tensor) => tensor.data),
    { rows: 1 },
  );
  return { shape, data: data! };
}

function prepare(
  build: (...values: Value[]) => Value,
  tensors: readonly Tensor[],
): { executable: Executable; shape: readonly number[] } {
  if (typeof build !== "function")
    throw new OptionError("build", `run: needs a function of Values, got ${showValue(build)}`);
  const values = tensors.map((tensor, i) => {
    requireTensor("run", `argument ${i}`, tensor);
    const { shape, data } = tensor;
    if (!isShape(shape) || data.length !== elementCount(shape)) {
      throw new ShapeError(
        "data",
        `run: argument ${i} of shape ${showShape(shape)} needs ${elementCount(shape)} elements, at least one, got ${data.length}`,
      );
    }
    return input(`argument ${i}`, shape, { dtype: dtypeOf(tensor, i) });
  });
  const result = build(...values);
  requireValue("run", "the function's result", result);
  // An argument that the function does not use has no place in the Program.
  const program = lower({ outputs: [{ name: "result", value: result }] }, { rows: 1 });
  const used = program.storages.filter((storage) => storage.kind === "input").length;
  if (used !== tensors.length)
    throw new OptionError("build", `run: the function uses ${used} of its ${tensors.length} arguments`);
  return { executable: compiled(program), shape: result.shape };
}

/** What computes one Value from the inputs it is made of: compiled, or from the cache. */
export function compiledFor(value: Value): Executable {
  return compiled(lower({ outputs: [{ name: "result", value }] }, { rows: 1 }));
}

function compiled(program: Program): Executable {
  const backend = selectBackend();
  if (noState?.backend !== backend) {
    cache.clear();
    noState = undefined;
  }
  noState ??= { backend, state: backend.createState([]) };
  const key = JSON.stringify(program);
  const executable = cache.get(key) ?? backend.compile(program, noState.state);
  cache.delete(key);
  cache.set(key, executable);
  if (cache.size > cacheSize) cache.delete(cache.keys().next().value!);
  return executable;
}

function dtypeOf({ data }: Tensor, index: number): Dtype {
  if (data instanceof Float32Array) return "f32";
  if (data instanceof Int32Array) return "i32";
  if (data instanceof Uint8Array) return "u8";
  throw new OptionError("tensors", `run: argument ${index} must hold a Float32Array, an Int32Array or a Uint8Array`);
}
