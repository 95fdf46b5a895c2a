/** What is measured, as data: single layers in shapes/conv.json, models in shapes/models.json with models/. */
import { readFileSync } from "node:fs";

/** One convolution with a bias. */
export interface ConvShape {
  readonly name: string;
  readonly batch: number;
  /** [height, width, channels] */
  readonly input: readonly [number, number, number];
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Default 1. */
  readonly groups?: number;
}

/** A model of models/. */
export interface ModelShape {
  readonly name: string;
  readonly batch: number;
}

export type Work =
  | { readonly kind: "conv"; readonly id: string; readonly shape: ConvShape }
  | { readonly kind: "model"; readonly id: string; readonly shape: ModelShape };

/** Every work whose id, `name/batch`, matches. */
export function listWorks(filter: RegExp): Work[] {
  const convs = readShapes("conv.json").map((entry): Work => {
    const shape = checkConv(entry);
    return { kind: "conv", id: `${shape.name}/${shape.batch}`, shape };
  });
  const models = readShapes("models.json").map((entry): Work => {
    const shape = checkModel(entry);
    return { kind: "model", id: `${shape.name}/${shape.batch}`, shape };
  });
  const works = [...convs, ...models];
  const ids = works.map(({ id }) => id);
  const twice = ids.find((id, i) => ids.indexOf(id) !== i);
  if (twice !== undefined) throw new RangeError(`bench/shapes: ${twice} is listed twice`);
  return works.filter(({ id }) => filter.test(id));
}

function readShapes(file: string): Readonly<Record<string, unknown>>[] {
  return JSON.parse(readFileSync(new URL(`shapes/${file}`, import.meta.url), "utf8")) as Readonly<
    Record<string, unknown>
  >[];
}

const positive = (value: unknown): boolean => Number.isInteger(value) && (value as number) > 0;
const natural = (value: unknown): boolean => value === 0 || positive(value);

type Rules<T> = { readonly [Key in keyof T]-?: (value: unknown) => boolean };

const modelRules: Rules<ModelShape> = {
  name: (value) => typeof value === "string",
  batch: positive,
};
const convRules: Rules<ConvShape> = {
  ...modelRules,
  input: (value) => Array.isArray(value) && value.length === 3 && value.every(positive),
  filters: positive,
  kernel: positive,
  stride: positive,
  padding: natural,
  groups: (value) => value === undefined || positive(value),
};

/** @throws RangeError for an entry that lacks a field, has one too many or one out of range */
export function checkConv(entry: Readonly<Record<string, unknown>>): ConvShape {
  return checked(entry, convRules, "conv.json");
}

/** @throws RangeError as checkConv */
export function checkModel(entry: Readonly<Record<string, unknown>>): ModelShape {
  return checked(entry, modelRules, "models.json");
}

function checked<T extends object>(entry: Readonly<Record<string, unknown>>, rules: Rules<T>, file: string): T {
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
