/**
 * `npm run soak`: whether memory stays where it is over 100,000 predicts and over 100 models made, used and disposed, with
 * the garbage collector left alone and called. Exits with 1 where resident memory grows.
 */
import { grows, type Soak } from "./soak.js";

// V8 lets its young generation grow for some 30,000 predicts or 100 models before it is as large as it will be.
const works: Omit<Soak, "exposeGc">[] = [
  { kind: "predicts", model: "lenet5", count: 100_000, warmUp: 50_000 },
  { kind: "models", model: "squeezenet1_1", count: 100, warmUp: 150 },
];
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1).padStart(6)} MiB`;

for (const exposeGc of [false, true]) {
  for (const work of works) {
    const what = `${work.count.toLocaleString("en")} ${work.kind} (${work.model})${exposeGc ? ", --expose-gc" : ""}`;
    const isGrowing = await grows({ ...work, exposeGc }, ({ first, last, most, growth }, isFlat) => {
      const change = `${growth < 0 ? "" : "+"}${(100 * growth).toFixed(1)} %`;
      console.log(
        `${what.padEnd(44)} ${mebibytes(first)} -> ${mebibytes(last)}  ${change.padStart(7)}  most ${mebibytes(most)}${isFlat ? "" : "  GROWS"}`,
      );
    });
    if (isGrowing) process.exitCode = 1;
  }
}
