/** Views: they move no data unless a reader needs it dense. No backend executes them; the memory planner resolves them. */
import { GraphError } from "../errors.js";
import { makeNode, requireValue, type OpDefinition, type Value } from "../graph/value.js";
import { isShape, showShape, showValue, sizeOf } from "../shape/values.js";
import { fill } from "./arithmetic.js";
import { makeOne } from "./define.js";

const reshapeDefinition: OpDefinition = {
  name: "reshape",
  gradient: ({ operands: [x] }, [dy]) => [reshape(dy!, x!.shape)],
  flops: () => 0,
};

const concatDefinition: OpDefinition = {
  name: "concat",
  gradient: ({ operands }, [dy]) => {
    let start = 0;
    return operands.map((operand) => {
      const channels = operand!.shape.at(-1)!;
      const slice = channelSlice(dy!, start, start + channels);
      start += channels;
      return slice;
    });
  },
  flops: () => 0,
};

const channelSliceDefinition: OpDefinition = {
  name: "channelSlice",
  gradient: ({ operands: [x], results: [y], attributes }, [dy]) => {
    const start = attributes["start"]!;
    const after = x!.shape.at(-1)! - start - y!.shape.at(-1)!;
    const zeros = (channels: number): Value => fill([...x!.shape.slice(0, -1), channels], 0, { batched: x!.batched });
    return [concat([...(start > 0 ? [zeros(start)] : []), dy!, ...(after > 0 ? [zeros(after)] : [])])];
  },
  flops: () => 0,
};

export const structureDefinitions = [reshapeDefinition, concatDefinition, channelSliceDefinition];

/**
 * The same elements in another shape. The batch dimension of a batched Value stays first.
 * @throws GraphError where the number of elements changes
 */
export function reshape(x: Value, shape: readonly number[]): Value {
  requireValue("reshape", "x", x);
  if (!isShape(shape))
    throw new GraphError(`reshape: the new shape must be positive whole numbers, got ${showValue(shape)}`);
  if (sizeOf(shape) !== sizeOf(x.shape) || (x.batched && shape[0] !== x.shape[0])) {
    const batch = x.batched ? ` with the batch of ${x.shape[0]} first` : "";
    throw new GraphError(
      `reshape: the new shape must hold ${sizeOf(x.shape)} elements${batch}, got ${showShape(shape)} for ${showShape(x.shape)}`,
    );
  }
  return makeNode(reshapeDefinition, [x], {}, [{ shape: [...shape], dtype: x.dtype, batched: x.batched }])[0]!;
}

/** One row per row of the batch. @returns [rows, elements of a row] */
export function flatten(x: Value): Value {
  requireValue("flatten", "x", x);
  const rows = x.shape[0]!;
  return reshape(x, [rows, sizeOf(x.shape) / rows]);
}

/**
 * Joins Values along the last dimension; all others must be equal.
 * @throws GraphError where they are not
 */
export function concat(parts: readonly Value[]): Value {
  const given: unknown = parts;
  if (!Array.isArray(given)) throw new GraphError(`concat: parts must be a list of Values, got ${showValue(given)}`);
  Array.from(parts).forEach((part, i) => requireValue("concat", `part ${i}`, part));
  const [first] = parts;
  if (first === undefined) throw new GraphError("concat: needs at least one part, got none");
  const outer = showShape(first.shape.slice(0, -1));
  for (const part of parts) {
    if (showShape(part.shape.slice(0, -1)) !== outer || part.batched !== first.batched || part.dtype !== "f32") {
      throw new GraphError(
        `concat: all parts must be f32 and equal in every dimension but the last, got ${parts.map((p) => showShape(p.shape)).join(" and ")}`,
      );
    }
  }
  const channels = parts.reduce((sum, part) => sum + part.shape.at(-1)!, 0);
  return makeOne(concatDefinition, parts, {}, [...first.shape.slice(0, -1), channels], first.batched);
}

/** Channels start to end (exclusive) of the last dimension. */
export function channelSlice(x: Value, start: number, end: number): Value {
  requireValue("channelSlice", "x", x);
  const channels = x.shape.at(-1)!;
  if (!Number.isInteger(start) || !Number.isInteger(end) || start < 0 || end <= start || end > channels) {
    throw new GraphError(
      `channelSlice: needs 0 <= start < end <= ${channels}, got ${showValue(start)} and ${showValue(end)}`,
    );
  }
  return makeOne(channelSliceDefinition, [x], { start }, [...x.shape.slice(0, -1), end - start], x.batched);
}
