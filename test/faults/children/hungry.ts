/** Run by the memory test under a limit: asks for more and more, and tells what it was refused. */
import { sequential } from "../../../lib/index.js";
import { attempt } from "./attempt.js";

const shape = [64, 64, 8] as const;
const size = 64 * 64 * 8;
const net = sequential(shape).conv2d({ filters: 64, kernel: 3, padding: "same" }).relu();
const model = net.conv2d({ filters: 64, kernel: 3, padding: "same" }).model();

const images = <Rows extends number>(rows: Rows) => ({
  shape: [rows, ...shape] as const,
  data: new Float32Array(rows * size),
});

await attempt("small", () => model.predictSync(images(1)));
for (const batchSize of [2 ** 12, 2 ** 16, 2 ** 20]) {
  await attempt("plan", () => model.plan({ kind: "predict" }, { batchSize }));
}
const many = images(1024);
await attempt("sync", () => model.predictSync(many, { batchSize: 1024 }));
await attempt("async", async () => model.predict(many, { batchSize: 1024 }));
await attempt("state", () =>
  sequential([2 ** 15])
    .dense({ units: 2 ** 16 })
    .model(),
);
await attempt("small", () => model.predictSync(images(1)));
console.log("alive");
