/**
 * Writes the Programs that the native fuzz (native/test/fuzz_test.cc) starts from: the case tables' steps in all their
 * layouts and whole lowered graphs, encoded as the addon gets them.
 *
 *     npx tsx scripts/exportCorpus.ts build-sanitize/corpus.bin
 *
 * The file is float64 words, little endian: for each Program the count of its words, the count of State tensors, the
 * tensors' sizes, the words.
 */
import { writeFileSync } from "node:fs";
import { encodeProgram } from "../lib/backend/native/encode.js";
import { lower } from "../lib/graph/lower.js";
import type { Program } from "../lib/graph/program.js";
import { GraphBuilder, graphs } from "../test/cases/graphs.js";
import { rooms } from "../test/cases/index.js";
import { buildProgram, layoutsOf } from "../test/support/programs.js";

/** Mutants of small Programs run fast, and have as many fields. */
const mostElements = 8000;
const mostPerOp = 14;

function elementsOf(program: Program): number {
  return program.storages.reduce((total, { size }) => total + size, 0);
}

/** Which inputs its steps have, and which of them are batched: checks of one need a Program that has it alone. */
function formOf({ steps, commit, buffers }: Program): string {
  const formOfOperand = (id: number): string => (id < 0 ? "-" : buffers[id]!.batched ? "b" : "c");
  return [...steps, ...commit].map(({ op, inputs }) => op + inputs.map(formOfOperand).join("")).join(" ");
}

/** `count` of the items, evenly spaced. */
function spread<Item>(items: readonly Item[], count: number): Item[] {
  if (items.length <= count) return [...items];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * items.length) / count)]!);
}

function stepPrograms(): Program[] {
  const byOp = new Map<string, Program[]>();
  for (const { cases } of Object.values(rooms)) {
    for (const stepCase of cases) {
      for (const layout of layoutsOf(stepCase)) {
        const { program } = buildProgram(stepCase, layout);
        if (elementsOf(program) <= mostElements) byOp.set(stepCase.op, [...(byOp.get(stepCase.op) ?? []), program]);
      }
    }
  }
  return [...byOp.values()].flatMap((programs) => {
    const bySize = programs.toSorted((a, b) => elementsOf(b) - elementsOf(a));
    const smallestOfEach = [...new Map(bySize.map((program) => [formOf(program), program])).values()];
    return [...smallestOfEach, ...spread(programs, Math.max(0, mostPerOp - smallestOfEach.length))];
  });
}

function graphPrograms(): Program[] {
  return graphs
    .map(({ rows, build }) => {
      const outputs = Object.entries(build(new GraphBuilder(rows))).map(([name, value]) => ({ name, value }));
      return lower({ outputs }, { rows });
    })
    .filter((program) => elementsOf(program) <= mostElements);
}

const target = process.argv[2];
if (target === undefined) throw new Error("usage: exportCorpus.ts <file>");
const words: number[] = [];
const programs = [...stepPrograms(), ...graphPrograms()];
for (const program of programs) {
  const states = program.storages.filter(({ kind }) => kind === "state");
  const encoded = encodeProgram(program, (name) => states.findIndex((storage) => storage.name === name));
  words.push(encoded.length, states.length, ...states.map(({ size }) => size), ...encoded);
}
writeFileSync(target, new Uint8Array(Float64Array.from(words).buffer));
console.log(`${programs.length} Programs, ${words.length} words`);
