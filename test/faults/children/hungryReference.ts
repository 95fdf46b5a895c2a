/**
 * Run by the memory test under a limit, on the reference backend: asks for more than there is, and tells what it was
 * refused. Each call fails where memory is asked for, before anything is computed that takes long.
 */
import { sequential, type Model } from "../../../lib/index.js";
import { writeSafetensors } from "../../../lib/io/safetensors.js";
import { attempt } from "./attempt.js";

async function attemptBoth(name: string, net: { model(): unknown }): Promise<void> {
  const model = net.model() as Model;
  const shape = [1, ...model.inputShape] as const;
  const image = { shape, data: new Float32Array(shape.reduce((product, size) => product * size)) };
  await attempt(name, () => model.predictSync(image));
  await attempt(`${name}Awaited`, async () => model.predict(image));
}

const small = sequential([8, 8, 1]).conv2d({ filters: 4, kernel: 3 }).relu();
const weights = sequential([2 ** 12])
  .dense({ units: 2 ** 12 })
  .model();
await attemptBoth("small", small);
await attempt("state", () =>
  sequential([2 ** 15])
    .dense({ units: 2 ** 16 })
    .model(),
);
const wide = sequential([1024, 1024, 1]).conv2d({ filters: 2048, kernel: 1 });
await attemptBoth("output", wide);
await attemptBoth("arena", wide.maxPool2d({ size: 1024 }));
await attemptBoth("scratch", sequential([1100, 1100, 8]).conv2d({ filters: 1, kernel: 13, algorithm: "im2col" }));
// 64 MiB, and copies of it until there is no room.
const copies: unknown[] = [];
for (let i = 0; i < 64; i++) await attempt("copy", () => copies.push(weights.parameters()));
await attempt("file", () => writeSafetensors(weights.parameters()));
copies.length = 0;
await attemptBoth("small", small);
console.log("alive");
