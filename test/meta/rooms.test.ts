/** No missing rooms: an op has a definition, a gradient or a reason, an oracle, a case table, and a kernel in both backends. */
import { existsSync, readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelOf } from "../../lib/backend/reference/kernels.js";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import { opDefinitions } from "../../lib/ops/table.js";
import { rooms } from "../cases/index.js";
import { gradientOracles } from "../support/oracle/gradients.js";
import { oracles } from "../support/oracle/index.js";

const ops = Object.keys(opSchemas) as OpName[];

/** The room of an op whose name is not the room's: backward ops live with their forward op, element-wise ones in families. */
const families: Readonly<Record<string, readonly string[]>> = {
  arithmetic: ["add", "copy", "fill", "rescale", "channelSum"],
  loss: ["softmaxCrossEntropy", "meanSquaredError"],
  im2col: ["im2col", "col2im"],
};

function roomOf(op: string): string {
  const forward = op.split(".")[0]!;
  return Object.entries(families).find(([, members]) => members.includes(forward))?.[0] ?? forward;
}

const roomNames = [...new Set(ops.map(roomOf))];

/** Rooms of lib/ops that hold no op of a Program, and files that all rooms share. */
const structure = ["structure"];
const shared = ["define", "gradient", "index", "table"];

function namesIn(folder: string): string[] {
  return readdirSync(new URL(`../../${folder}`, import.meta.url)).map((file) => file.replace(/\.ts$/, ""));
}

describe.each(ops)("%s", (op) => {
  it("has a gradient, or says why not", () => {
    const { gradient } = opDefinitions.get(op)!;
    if (typeof gradient !== "function") expect(gradient.none.length).toBeGreaterThan(10);
  });

  it("has an oracle, and one for its gradient", () => {
    expect(oracles[op]).toBeTypeOf("function");
    const { gradient } = opDefinitions.get(op)!;
    // a copy is its own gradient and only the planner makes one
    if (op !== "copy") expect(op in gradientOracles).toBe(typeof gradient === "function");
  });

  it("has cases, in the table of its room", () => {
    expect(rooms[roomOf(op)]!.cases.filter((stepCase) => stepCase.op === op).length).toBeGreaterThan(2);
  });

  it("has a reference kernel and a native op", () => {
    expect(kernelOf(op).run).toBeTypeOf("function");
    expect(
      nativeBackend()
        .addon.opTable()
        .map(({ name }) => name),
    ).toContain(op);
  });
});

describe("rooms", () => {
  it("every op with a gradient is built from Values in a case", () => {
    const built = new Set(
      Object.values(rooms).flatMap(({ cases }) => cases.filter(({ build }) => build !== undefined).map(({ op }) => op)),
    );
    expect(Object.keys(gradientOracles).filter((op) => !built.has(op as OpName))).toEqual([]);
  });

  it.each(roomNames)("%s has all its files", (room) => {
    const files = [
      `lib/ops/${room}.ts`,
      `lib/backend/reference/${room}.ts`,
      `native/kernels/${room}`,
      `test/cases/${room}.ts`,
    ];
    expect(files.filter((file) => !existsSync(new URL(`../../${file}`, import.meta.url)))).toEqual([]);
  });

  it("no case table without a room, and none without error texts", () => {
    expect(Object.keys(rooms).sort()).toEqual([...roomNames].sort());
    expect(Object.entries(rooms).flatMap(([room, { errors }]) => (errors.length === 0 ? [room] : []))).toEqual([]);
  });

  it("lib/ops holds these rooms and no others", () => {
    expect(namesIn("lib/ops").sort()).toEqual([...roomNames, ...structure, ...shared].sort());
  });
});
