/**
 * Refuses a malformed Program before anything runs. Typed arrays keep every access inside of its memory anyway; this
 * makes sure that a run means something: known ops with as many operands as they take, buffers inside their storages,
 * and each list writing only what it may. The shapes that each op needs are in opRules.ts.
 */
import { StriateError } from "../../errors.js";
import { opSchemas, type OpName } from "../../graph/opSchema.js";
import {
  PROGRAM_VERSION,
  type Buffer,
  type Program,
  type Step,
  type Storage,
  type StorageKind,
} from "../../graph/program.js";
import { opRules } from "./opRules.js";

const kinds: readonly StorageKind[] = ["input", "output", "state", "prepared", "arena"];
const dtypes = ["f32", "i32", "u8"] as const;
const maxRank = 5;
/** Row numbers and loop counters stay small integers. */
const maxRows = 2 ** 31 - 1;
/** More elements than any machine has; sums of a few of these stay exact. */
const maxElements = 2 ** 48;

/** Ops that update State in place, in the commit list. */
const commitOps: ReadonlySet<OpName> = new Set<OpName>(["sgd", "batchNorm.updateStatistics", "copy"]);
/** Ops that depend on constants alone, in the prepare list. */
const prepareOps: ReadonlySet<OpName> = new Set<OpName>(["batchNorm.fold", "copy", "fill"]);
/** Ops that may write their result over an operand: they read each element before they write it. */
const inPlaceOps: ReadonlySet<OpName> = new Set<OpName>([
  "activation",
  "activation.backward",
  "add",
  "rescale",
  "batchNorm.inference",
  "batchNorm.trainBackward",
  "softmax",
  "softmax.backward",
]);

function refuse(where: string, rule: string): never {
  throw new StriateError("ERR_STRIATE_PROGRAM", `program: ${where}${rule}`);
}

function isCount(value: unknown, least: number, most: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

function checkCount(where: string, name: string, value: unknown, least: number, most: number): void {
  if (!isCount(value, least, most))
    refuse(where, `${name} must be a whole number from ${least} to ${most}, got ${String(value)}`);
}

function checkObject(where: string, value: unknown): void {
  if (typeof value !== "object" || value === null) refuse(where, `must be an object, got ${String(value)}`);
}

function checkArray(where: string, name: string, value: unknown): void {
  if (!Array.isArray(value)) refuse(where, `${name} must be an array, got ${typeof value}`);
}

/**
 * @param stateSize elements of a State tensor, undefined where there is none of that name
 * @throws StriateError ERR_STRIATE_PROGRAM, naming the storage, buffer or step at fault
 */
export function verify(program: Program, stateSize: (name: string) => number | undefined): void {
  checkObject("", program);
  if ((program.version as number) !== PROGRAM_VERSION) {
    refuse("", `version must be ${PROGRAM_VERSION}, got ${String(program.version)}`);
  }
  checkCount("", "rows", program.rows, 1, maxRows);
  for (const name of ["storages", "buffers", "prepare", "steps", "commit"] as const)
    checkArray("", name, program[name]);
  program.storages.forEach((storage, i) => checkStorage(`storage ${i}: `, storage, stateSize));
  checkMemory(program);
  const states = program.storages.filter(({ kind }) => kind === "state").map(({ name }) => name);
  const twice = states.find((name, i) => states.indexOf(name) !== i);
  if (twice !== undefined) refuse("", `State tensor ${JSON.stringify(twice)} is bound twice`);
  program.buffers.forEach((buffer, i) => checkBuffer(`buffer ${i}: `, program, buffer));
  checkRows(program);
  for (const list of ["prepare", "steps", "commit"] as const) {
    program[list].forEach((step, i) => checkStep(program, list, step, `${list} ${i}: `));
  }
}

function checkStorage(where: string, storage: Storage, stateSize: (name: string) => number | undefined): void {
  checkObject(where, storage);
  const { kind, dtype, size, name } = storage;
  if (!kinds.includes(kind)) refuse(where, `kind must be one of ${kinds.join(", ")}, got ${kind}`);
  if (!dtypes.includes(dtype)) refuse(where, `dtype must be one of ${dtypes.join(", ")}, got ${dtype}`);
  if (dtype !== "f32" && kind !== "input" && !(dtype === "u8" && kind === "output"))
    refuse(where, `only inputs may hold i32, only inputs and outputs u8, got ${dtype} for kind ${kind}`);
  checkCount(where, "size", size, 1, maxElements);
  if (kind !== "state") return;
  const expected = stateSize(name);
  if (expected === undefined) refuse(where, `the State has no tensor ${JSON.stringify(name)}`);
  if (expected !== size) {
    refuse(where, `State tensor ${JSON.stringify(name)} has ${expected} elements, the Program expects ${size}`);
  }
}

/** A size gone wrong must not bring the machine down: what a Program allocates has to fit its memory. */
function checkMemory({ storages }: Program): void {
  const elements = storages.reduce((total, { kind, size }) => total + (kind === "state" ? 0 : size), 0);
  const memory = process.getBuiltinModule("node:os").totalmem();
  if (4 * elements <= memory) return;
  const rule = `its storages must fit the memory of ${memory} bytes, got ${4 * elements}`;
  throw new StriateError("ERR_STRIATE_MEMORY", `program: ${rule}`);
}

function checkBuffer(where: string, program: Program, buffer: Buffer): void {
  checkObject(where, buffer);
  const { storages, rows } = program;
  checkCount(where, "storage", buffer.storage, 0, storages.length - 1);
  checkCount(where, "offset", buffer.offset, 0, maxElements);
  checkCount(where, "pixelStride", buffer.pixelStride, 1, maxElements);
  checkArray(where, "shape", buffer.shape);
  checkCount(where, "the rank of its shape", buffer.shape.length, 1, maxRank);
  for (const size of buffer.shape) checkCount(where, "size", size, 1, maxElements);
  if (typeof buffer.batched !== "boolean") refuse(where, `batched must be true or false, got ${typeof buffer.batched}`);
  const { channels, end } = measure(buffer);
  if (buffer.pixelStride < channels)
    refuse(where, `pixelStride ${buffer.pixelStride} is less than its ${channels} channels`);
  const { size } = storages[buffer.storage]!;
  // An end too large for whole numbers is too large for any storage as well.
  if (!(end <= size)) {
    refuse(
      where,
      `does not fit storage ${buffer.storage} of ${size} elements: [${buffer.shape.join(", ")}], ` +
        `offset ${buffer.offset}, pixelStride ${buffer.pixelStride}`,
    );
  }
  if (buffer.batched && buffer.shape[0] !== rows) {
    refuse(where, `is batched, so its first size must be ${rows}, got ${buffer.shape[0]!}`);
  }
}

function measure(buffer: Buffer): { pixels: number; channels: number; end: number } {
  const channels = buffer.shape[buffer.shape.length - 1]!;
  const pixels = buffer.shape.slice(0, -1).reduce((product, size) => product * size, 1);
  return { pixels, channels, end: buffer.offset + (pixels - 1) * buffer.pixelStride + channels };
}

/** Whether a run passes or gets the live rows of a storage only: some buffer on it is batched. */
function isBatched(program: Program, storage: number): boolean {
  return program.buffers.some((buffer) => buffer.storage === storage && buffer.batched);
}

/** Where callers pass or get live rows only, row r of every buffer must lie in row r of the storage. */
function checkRows(program: Program): void {
  const batched = program.storages.map(
    ({ kind }, i) => (kind === "input" || kind === "output") && isBatched(program, i),
  );
  program.buffers.forEach((buffer, i) => {
    const where = `buffer ${i}: `;
    const { kind, size } = program.storages[buffer.storage]!;
    if (buffer.batched && (kind === "state" || kind === "prepared"))
      refuse(where, `is batched, but storage ${buffer.storage} is of kind ${kind}`);
    if (!batched[buffer.storage]) return;
    if (!buffer.batched) refuse(where, `is not batched, but storage ${buffer.storage} holds batched buffers`);
    const { pixels, channels } = measure(buffer);
    const flat = buffer.shape.length === 1;
    const pixelsPerRow = flat ? 1 : pixels / program.rows;
    const rowSize = flat ? 1 : pixelsPerRow * buffer.pixelStride;
    const rowEnd = buffer.offset + (pixelsPerRow - 1) * buffer.pixelStride + (flat ? 1 : channels);
    if (rowSize * program.rows !== size || rowEnd > rowSize) {
      refuse(where, `its rows do not lie in the ${program.rows} rows of storage ${buffer.storage} (${size} elements)`);
    }
  });
}

type List = "prepare" | "steps" | "commit";

const writable: Readonly<Record<List, readonly StorageKind[]>> = {
  prepare: ["prepared"],
  steps: ["arena", "output"],
  commit: ["state"],
};

function checkStep(program: Program, list: List, step: Step, place: string): void {
  checkObject(place, step);
  if (typeof step.op !== "string" || !Object.hasOwn(opSchemas, step.op)) refuse(place, `there is no op ${step.op}`);
  const where = `${place}${step.op}: `;
  const schema = opSchemas[step.op];
  checkOperands(where, "operand", schema.operands, step.inputs, program.buffers.length);
  checkOperands(where, "result", schema.results, step.outputs, program.buffers.length);
  checkArray(where, "attributes", step.attributes);
  if (step.attributes.length !== schema.attributes.length) {
    refuse(where, `takes ${schema.attributes.length} attributes, got ${step.attributes.length}`);
  }
  schema.attributes.forEach((name, i) => {
    if (!Number.isFinite(step.attributes[i]))
      refuse(where, `${name} must be a finite number, got ${String(step.attributes[i])}`);
  });
  if (list === "prepare" && !prepareOps.has(step.op)) refuse(where, "this op may not prepare");
  if (list === "commit" && !commitOps.has(step.op)) refuse(where, "this op may not commit");
  const kindOf = (id: number): StorageKind => program.storages[program.buffers[id]!.storage]!.kind;
  for (const id of step.inputs) {
    if (id < 0 || list !== "prepare" || kindOf(id) === "state" || kindOf(id) === "prepared") continue;
    refuse(where, `reads state and prepared memory only, buffer ${id} is of kind ${kindOf(id)}`);
  }
  for (const id of step.outputs) {
    if (id < 0 || writable[list].includes(kindOf(id))) continue;
    refuse(where, `writes ${writable[list].join(" and ")} only, buffer ${id} is of kind ${kindOf(id)}`);
  }
  checkOverlaps(program, list, step, where);
  const fault = opRules(program, step);
  if (fault !== undefined) refuse(where, fault);
}

function checkOperands(
  where: string,
  what: string,
  names: readonly string[],
  ids: readonly number[],
  buffers: number,
): void {
  checkArray(where, `${what}s`, ids);
  if (ids.length !== names.length) refuse(where, `takes ${names.length} ${what}s, got ${ids.length}`);
  names.forEach((name, i) => checkCount(where, `${what} ${name}`, ids[i], name.endsWith("?") ? -1 : 0, buffers - 1));
}

/** A result may share memory with an operand only as the same buffer, and only where the op works in place. */
function checkOverlaps(program: Program, list: List, step: Step, where: string): void {
  const inPlace = list === "commit" || inPlaceOps.has(step.op);
  step.outputs.forEach((id, i) => {
    if (id < 0) return;
    for (const other of step.inputs) {
      if (other < 0 || !overlap(program, id, other)) continue;
      if (!inPlace || !sameElements(program.buffers[id]!, program.buffers[other]!)) {
        refuse(where, `result buffer ${id} overlaps operand buffer ${other}`);
      }
    }
    for (const other of step.outputs.slice(0, i)) {
      if (other >= 0 && overlap(program, id, other)) refuse(where, `its results overlap, buffers ${other} and ${id}`);
    }
  });
}

function sameElements(a: Buffer, b: Buffer): boolean {
  return a.offset === b.offset && a.pixelStride === b.pixelStride && a.shape.at(-1) === b.shape.at(-1);
}

/** Whether two buffers share an element. May say yes for different strides that interleave without meeting. */
export function overlap(program: Program, first: number, second: number): boolean {
  const a = program.buffers[first]!;
  const b = program.buffers[second]!;
  const sizes = { a: measure(a), b: measure(b) };
  if (a.storage !== b.storage || a.offset >= sizes.b.end || b.offset >= sizes.a.end) return false;
  const stride = a.pixelStride;
  if (stride !== b.pixelStride) return true;
  // Channel slices of one wider tensor meet only where their channels do, unless one wraps around a pixel.
  const startA = a.offset % stride;
  const startB = b.offset % stride;
  const endA = startA + sizes.a.channels;
  const endB = startB + sizes.b.channels;
  return endA > stride || endB > stride || (startA < endB && startB < endA);
}
