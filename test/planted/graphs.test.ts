/** The suite can fail: bugs of differentiation, of the memory plan and of caches must fail whole graphs. */
import { afterEach, describe, expect, it, vi } from "vitest";
import type { Backend } from "../../lib/backend/backend.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import type * as arena from "../../lib/graph/arena.js";
import type * as gradient from "../../lib/graph/gradient.js";
import type { GradientRule, GraphOpName, Value } from "../../lib/graph/value.js";
import { opDefinitions } from "../../lib/ops/table.js";
import { graphs } from "../cases/graphs.js";
import { graphFailures } from "../support/graphRun.js";
import { stateCases, stateFailures } from "../support/stateRun.js";

const planted = vi.hoisted(() => ({ arena: false, accumulate: false }));

vi.mock("../../lib/graph/arena.js", async (importOriginal) => {
  const original = await importOriginal<typeof arena>();
  const planArena: typeof original.planArena = (blocks) => {
    if (!planted.arena) return original.planArena(blocks);
    // the second reader is forgotten: memory is taken for others while it still waits
    const short = blocks.map(({ size, first, last }) => ({ size, first, last: Math.min(last, first + 1), offset: 0 }));
    const total = original.planArena(short);
    blocks.forEach((block, k) => (block.offset = short[k]!.offset));
    return total;
  };
  return { ...original, planArena };
});

vi.mock("../../lib/graph/gradient.js", async (importOriginal) => {
  const original = await importOriginal<typeof gradient>();
  const backpropagate: typeof original.backpropagate = (root, seed, wrt, accumulate) =>
    original.backpropagate(root, seed, wrt, planted.accumulate ? (_, last) => last : accumulate);
  return { ...original, backpropagate };
});

/** By a comparison: graphs that cannot be built or are refused are caught by that, but prove nothing about this suite. */
function someGraphFails(): boolean {
  return graphs.some((graph) => {
    try {
      return graphFailures(graph, referenceBackend).some((failure) => /elements wrong|gradient rule/.test(failure));
    } catch {
      return false;
    }
  });
}

afterEach(() => {
  Object.assign(planted, { arena: false, accumulate: false });
});

type Gradients = readonly (Value | undefined)[];
const gradientBugs: readonly (readonly [
  string,
  GraphOpName,
  (right: Gradients, dy: Value | undefined) => Gradients,
])[] = [
  ["missing bias gradient", "conv2d", ([dx, dfilter]) => [dx, dfilter, undefined]],
  ["missing bias gradient", "matmul", ([da, db]) => [da, db, undefined]],
  ["missing filter gradient", "conv2d", ([dx, , dbias]) => [dx, undefined, dbias]],
  ["the gradient ends at the convolution", "conv2d", ([, dfilter, dbias]) => [undefined, dfilter, dbias]],
  ["only one summand gets a gradient", "add", ([da]) => [da, undefined]],
  [
    "parts of equal size exchanged",
    "concat",
    ([a, b, ...rest]) => (a?.shape.join() === b?.shape.join() ? [b, a, ...rest] : [a, b, ...rest]),
  ],
  ["the activation is skipped", "activation", (_, dy) => [dy]],
  ["dgamma and dbeta exchanged", "batchNorm.train", ([dx, dgamma, dbeta]) => [dx, dbeta, dgamma]],
  ["statistics taken as constants", "batchNorm.train", ([dx, dgamma, dbeta], dy) => [dx && dy, dgamma, dbeta]],
];

describe("a bug of the graph is caught", () => {
  it.each(gradientBugs)("%s: %s", (_name, op, bug) => {
    const definition = opDefinitions.get(op)! as { gradient: GradientRule };
    const rule = definition.gradient;
    definition.gradient = (node, resultGradients) => bug(rule(node, resultGradients), resultGradients[0]);
    try {
      expect(someGraphFails()).toBe(true);
    } finally {
      definition.gradient = rule;
    }
  });

  it("gradients of a shared value: the last one wins", () => {
    planted.accumulate = true;
    expect(someGraphFails()).toBe(true);
  });

  it("memory is reused before its last reader has run", () => {
    planted.arena = true;
    expect(someGraphFails()).toBe(true);
  });

  it("and without a bug nothing fails", () => {
    expect(someGraphFails()).toBe(false);
  });
});

/** Weights packed once: writes to the State reach every Executable but those that have run before. */
const stalePacking: Backend = {
  name: "reference",
  info: () => referenceBackend.info(),
  createState: (specs) => referenceBackend.createState(specs),
  compile: (program, state) => {
    const snapshot = referenceBackend.createState(state.specs);
    const real = referenceBackend.compile(program, program.commit.length > 0 ? state : snapshot);
    let packed = false;
    return {
      program,
      run: (inputs, scalars) => {
        const names = state.specs.map(({ name }) => name);
        if (!packed) snapshot.write(new Map(state.read(names).map((tensor, i) => [names[i]!, tensor])));
        packed = true;
        return real.run(inputs, scalars);
      },
      runAsync: (inputs, scalars, options) => real.runAsync(inputs, scalars, options),
      explain: () => real.explain(),
      profile: (inputs, scalars) => real.profile(inputs, scalars),
      dispose: () => {
        real.dispose();
        snapshot.dispose();
      },
    };
  },
};

describe("stale packed weights are caught", () => {
  it.each(stateCases)("$name", (stateCase) => {
    const failures = stateFailures(stateCase, stalePacking).join("\n");
    expect(failures).toContain("prediction after a write");
    expect(failures).toContain("prediction after a training step");
    expect(failures).not.toContain("at first");
  });
});
