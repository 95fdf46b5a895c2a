/**
 * The process whose memory is watched: `work.ts predicts|models COUNT WARM_UP MODEL`. Prints its resident bytes as JSON, a
 * hundred samples from behind the warm-up to the end. Under --expose-gc it collects before each of them.
 */
import { rootOf } from "../../lib/layers/node.js";
import { models } from "../models/index.js";
import { weights } from "../net.js";
import { randomArray } from "../random.js";
import { striate } from "../striate.js";
import { product } from "../work.js";

const samples = 100;
const collect = (globalThis as { readonly gc?: () => void }).gc;

async function watch(step: () => Promise<void>, count: number, warmUp: number): Promise<void> {
  for (let i = 0; i < warmUp; i++) await step();
  const resident: number[] = [];
  for (let sample = 1; sample <= samples; sample++) {
    for (let i = Math.floor(((sample - 1) * count) / samples); i < Math.floor((sample * count) / samples); i++)
      await step();
    collect?.();
    resident.push(process.memoryUsage.rss());
  }
  console.log(JSON.stringify(resident));
}

const [kind, name] = [process.argv[2], process.argv[5]!];
const [count, warmUp] = [Number(process.argv[3]), Number(process.argv[4])];
const { node } = models.get(name)!.net();
const parameters = weights(node, name);
const open = () => new striate.Model(node, { parameters });
type Model = ReturnType<typeof open>;

const mostRows = kind === "predicts" ? 8 : 1;
const input = randomArray(mostRows * product(rootOf(node).outputShape), "soak");
const images = (model: Model, rows: number) => {
  const shape = [rows, ...model.inputShape] as const;
  return { shape, data: input.subarray(0, product(shape)) };
};

/** Ten predicts as a server makes them: several at once, in batches of several sizes, in both forms, some given up, some wrong. */
async function predictTen(model: Model): Promise<void> {
  const controller = new AbortController();
  const calls = [1, 1, 2, 3, 8].map((rows) => model.predict(images(model, rows)));
  const left = model.predict(images(model, 3), { signal: controller.signal });
  controller.abort();
  const wrong = model.predict({ ...images(model, 1), data: new Float32Array(3) });
  model.predictSync(images(model, 1));
  model.predictSync(images(model, 2));
  model.predictSync(images(model, 4), { into: new Float32Array(4 * product(model.outputShape)) });
  const settled = await Promise.allSettled([left, wrong, ...calls]);
  const given = settled.map(({ status }) => status === "fulfilled");
  if (given[0] || given[1] || given.slice(2).includes(false)) throw new Error(`soak: ${JSON.stringify(settled)}`);
}

async function useOne(): Promise<void> {
  using model = open();
  model.predictSync(images(model, 1));
  await model.predict(images(model, 1));
  using predictor = model.predictor();
  await predictor.predict(images(model, 1));
}

if (kind === "predicts") {
  using model = open();
  await watch(() => predictTen(model), count / 10, warmUp / 10);
} else if (kind === "models") {
  const before = striate.backendInfo().nativeBytes;
  await watch(useOne, count, warmUp);
  const left = striate.backendInfo().nativeBytes - before;
  if (left !== 0) throw new Error(`soak: ${left} bytes are held by models that were disposed`);
} else {
  throw new RangeError(`soak: the work must be predicts or models, got ${kind}`);
}
