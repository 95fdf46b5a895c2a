/** The list of works, read from shapes/*.json. */
import { readFileSync } from "node:fs";
import {
  contenderNames,
  pixelwiseOps,
  type ConvShape,
  type Direction,
  type Image,
  type ModelShape,
  type PeerName,
  type PixelwiseOp,
  type Work,
} from "./work.js";

type Entry = Readonly<Record<string, unknown>>;

/** Every work whose id matches, in the order of the files. */
export function listWorks(filter: RegExp = /(?:)/): Work[] {
  const works = [
    ...readShapes("conv.json").flatMap(convWorks),
    ...readShapes("pairs.json").flatMap(pairWorks),
    ...readShapes("gemm.json").flatMap(gemmWorks),
    ...readShapes("pixelwise.json").flatMap(pixelwiseWorks),
    ...readShapes("models.json").flatMap(modelWorks),
    ...readShapes("process.json").map(processWork),
  ];
  const ids = works.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new RangeError(`bench/shapes: ${twice} is listed twice`);
  return works.filter(({ id }) => filter.test(id));
}

export function readShapes(file: string): Entry[] {
  return JSON.parse(readFileSync(new URL(`shapes/${file}`, import.meta.url), "utf8")) as Entry[];
}

const isText = (value: unknown): value is string => typeof value === "string";
const isPositive = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;
const isNatural = (value: unknown): value is number => value === 0 || isPositive(value);
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isImage = (value: unknown): value is Image =>
  Array.isArray(value) && value.length === 3 && value.every(isPositive);
const listOf =
  <T>(test: (value: unknown) => value is T) =>
  (value: unknown): value is readonly T[] =>
    Array.isArray(value) && value.length > 0 && value.every(test);
const oneOf =
  <T extends string>(...words: readonly T[]) =>
  (value: unknown): value is T =>
    words.includes(value as T);
const maybe =
  <T>(test: (value: unknown) => value is T) =>
  (value: unknown): value is T | undefined =>
    value === undefined || test(value);

type Rules<T> = { readonly [Key in keyof T]-?: (value: unknown) => value is T[Key] };

/** @throws RangeError for an entry that lacks a field, has one too many or one out of range */
export function checked<T extends object>(entry: Entry, rules: Rules<T>, file: string): T {
  const tests = Object.entries<(value: unknown) => boolean>(rules);
  const wrong = [
    ...tests.filter(([field, test]) => !test(entry[field])).map(([field]) => field),
    ...Object.keys(entry).filter((field) => !(field in rules)),
  ];
  if (wrong.length > 0) {
    throw new RangeError(`bench/shapes/${file}: ${wrong.join(", ")} must be right in ${JSON.stringify(entry)}`);
  }
  return entry as unknown as T;
}

interface ConvEntry extends Omit<ConvShape, "groups"> {
  readonly batches: readonly number[];
  readonly directions: readonly Direction[];
  readonly groups: number | undefined;
}
const convRules: Rules<ConvEntry> = {
  name: isText,
  input: isImage,
  filters: isPositive,
  kernel: isPositive,
  stride: isPositive,
  padding: isNatural,
  groups: maybe(isPositive),
  batches: listOf(isPositive),
  directions: listOf(oneOf("forward", "backwardInput", "backwardFilter")),
};

export function convWorks(entry: Entry): Work[] {
  const { batches, directions, groups = 1, ...rest } = checked(entry, convRules, "conv.json");
  const shape = { ...rest, groups };
  return directions.flatMap((direction) =>
    batches.map((batch): Work => {
      const peers: PeerName[] = direction === "forward" ? ["onnxruntime", "onednn"] : ["onednn"];
      return { kind: "conv", id: `${direction}/${shape.name}/${batch}`, batch, direction, shape, peers };
    }),
  );
}

function pairWorks(entry: Entry): Work[] {
  const rules = { name: isText, input: isImage, middle: isPositive, batches: listOf(isPositive) };
  const { name, batches, input, middle } = checked(entry, rules, "pairs.json");
  return batches.map((batch) => ({
    ...{ kind: "pair", id: `pair/${name}/${batch}`, batch, input, middle, peers: ["onnxruntime"] },
  }));
}

/** The batch is the number of rows, m. */
function gemmWorks(entry: Entry): Work[] {
  const forms = listOf(oneOf("packed", "both"));
  const rules = { name: isText, m: isPositive, n: isPositive, k: isPositive, forms };
  const { name, m, n, k, forms: wanted } = checked(entry, rules, "gemm.json");
  return wanted.map((form) => ({
    ...{ kind: "gemm", id: `gemm/${name}/${form}`, batch: m, m, n, k, packed: form === "packed" },
    peers: ["onnxruntime", "openblas"],
  }));
}

function pixelwiseWorks(entry: Entry): Work[] {
  const ops = listOf(oneOf<PixelwiseOp>(...pixelwiseOps));
  const rules = { name: isText, input: isImage, batches: listOf(isPositive), ops };
  const { name, batches, input, ops: wanted } = checked(entry, rules, "pixelwise.json");
  return wanted.flatMap((op) =>
    batches.map((batch): Work => {
      const peers: PeerName[] = op === "maxPool2d" ? ["onnxruntime"] : [];
      return { kind: "pixelwise", id: `${op}/${name}/${batch}`, batch, op, input, peers };
    }),
  );
}

const modelRules: Rules<ModelShape & { readonly rows: readonly object[] }> = {
  name: isText,
  input: isImage,
  classes: isPositive,
  rows: listOf((value): value is object => typeof value === "object" && value !== null),
};
const peerNames = contenderNames.filter((name): name is PeerName => !name.startsWith("striate"));
const modelRowRules = {
  kind: oneOf("infer", "train", "referenceInfer", "referenceTrain"),
  batches: listOf(isPositive),
  peers: listOf(oneOf<PeerName>(...peerNames)),
};

export function modelWorks(entry: Entry): Work[] {
  const { rows, ...model } = checked(entry, modelRules, "models.json");
  return rows.flatMap((row) => {
    const { kind, batches, peers } = checked(row as Entry, modelRowRules, "models.json");
    return batches.map((batch): Work => ({
      kind: kind === "infer" || kind === "referenceInfer" ? "infer" : "train",
      id: `${kind}/${model.name}/${batch}`,
      ...{ batch, model, peers, backend: kind.startsWith("reference") ? "reference" : "native" },
    }));
  });
}

function processWork(entry: Entry): Work {
  const peers: readonly PeerName[] = ["onnxruntime"];
  switch (entry["kind"]) {
    case "call":
      checked(entry, { kind: isText, name: isText }, "process.json");
      return { kind: "call", id: `call/${entry["name"] as string}`, batch: 1, peers };
    case "import": {
      const { name, addon } = checked(entry, { kind: isText, name: isText, addon: isBoolean }, "process.json");
      return { kind: "import", id: `import/${name}`, batch: 1, addon, peers };
    }
    case "memory": {
      const rules = { kind: isText, name: isText, input: isImage, classes: isPositive };
      const { name, input, classes } = checked(entry, rules, "process.json");
      return { kind: "memory", id: `memory/${name}`, batch: 1, model: { name, input, classes }, peers: [] };
    }
    default:
      throw new RangeError(`bench/shapes/process.json: kind must be right in ${JSON.stringify(entry)}`);
  }
}
