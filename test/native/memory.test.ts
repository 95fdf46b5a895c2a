/** What a model holds is what it says, V8 knows it, and dispose() gives it back. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { backendInfo, Model, sequential } from "../../lib/index.js";

const backend = nativeBackend();
const { addon } = backend;

const net = sequential([64, 64, 3])
  .conv2d({ filters: 32, kernel: 3, padding: "same" })
  .relu()
  .maxPool2d({ size: 2 })
  .conv2d({ filters: 64, kernel: 3, padding: "same" })
  .relu()
  .flatten()
  .dense({ units: 64 });
const parameterBytes = 4 * (3 * 9 * 32 + 32 + 32 * 9 * 64 + 64 + 32 * 32 * 64 * 64 + 64);
const images = { shape: [8, 64, 64, 3] as const, data: new Float32Array(8 * 64 * 64 * 3) };
const portBytes = 4 * 8 * (64 * 64 * 3 + 64);

// Drawn once: what is drawn for each model would be arrays that V8 counts, too.
const drawn = new Model<[64, 64, 3], [64]>(net.node, { backend });
const parameters = drawn.parameters();
drawn.dispose();

// What V8 collects in the middle of a test, such as the arrays that were drawn, would be missing from its figures.
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const newModel = () => new Model<[64, 64, 3], [64]>(net.node, { backend, parameters });

test("a model holds its parameters, and after a predict the plan's memory as well; V8 is told of it all", async () => {
  collect();
  collect(); // buffers that the first one found are swept beside it
  const before = addon.memory();
  const since = (): { held: number; external: number } => {
    const { held, external } = addon.memory();
    return { held: held - before.held, external: external - before.external };
  };
  // V8 counts the ArrayBuffers of what is done here, too.
  const arrays = 2 ** 20;
  const expectHeld = (least: number, most = least): void => {
    const { held, external } = since();
    expect(held).toBeGreaterThanOrEqual(least);
    expect(held).toBeLessThanOrEqual(most);
    expect(Math.abs(external - held)).toBeLessThan(arrays);
  };
  using model = newModel();
  expectHeld(parameterBytes);
  const { packedWeights, arena, scratch } = model.plan({ kind: "predict" }, { batchSize: 8 }).memory;
  expectHeld(parameterBytes + packedWeights);
  model.predictSync(images);
  const withSync = parameterBytes + packedWeights + arena + scratch;
  expectHeld(withSync, withSync + portBytes);
  await model.predict(images);
  expectHeld(withSync + portBytes, withSync + arena + scratch + 2 * portBytes);
  // Again and again changes nothing.
  const { held } = since();
  for (let i = 0; i < 20; i++) await model.predict(images);
  expect(since().held).toBe(held);
  expect(backendInfo().nativeBytes).toBe(addon.memory().held);
  model.dispose();
  expectHeld(0);
});

test("dispose() and the end of a `using` block give the memory back at once, to the system as well", async () => {
  const before = addon.memory().held;
  for (let round = 0; round < 20; round++) {
    let resident: number;
    let held: number;
    {
      using model = newModel();
      model.predictSync(images);
      // Whoever is told that a run is over finds nobody else holding on to it.
      await model.predict(images);
      held = addon.memory().held - before;
      resident = process.memoryUsage.rss();
    }
    expect(held).toBeGreaterThan(parameterBytes);
    expect(addon.memory().held).toBe(before);
    // The dense layer's weights and their packed copy are most of it.
    expect(resident - process.memoryUsage.rss()).toBeGreaterThan(1.5 * parameterBytes);
  }
});
