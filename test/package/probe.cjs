// @ts-check
'use strict';
// A user's program: loads every entry of the package by `import` or `require`, as its argument says, trains and uses a
// small model on and off the calling thread, and prints one line of JSON. Plain JavaScript: each runtime runs it as it is.

/** @type {(name: string) => Promise<any>} */
const load = process.argv[2] === 'require' ? async (name) => require(name) : (name) => import(name);

async function main() {
  /** @type {Record<string, number>} */
  const entries = {};
  for (const entry of ['striate', 'striate/ops', 'striate/matrix', 'striate/visualize', 'striate/filter']) {
    entries[entry] = Object.keys(await load(entry)).length;
  }
  const { backendInfo, digits, run, sequential, sgd, tensor } = await load('striate');
  const { conv2d, matmul } = await load('striate/ops');
  const { backend, isa, loadError } = backendInfo();

  const ramp = (/** @type {number[]} */ shape, /** @type {number} */ scale) => {
    const size = shape.reduce((product, length) => product * length, 1);
    return tensor(
      shape,
      Float32Array.from({ length: size }, (_, i) => (((i * 37) % 101) / 101 - 0.5) * scale),
    );
  };
  const ops = [
    run(
      (/** @type {any} */ x, /** @type {any} */ k) => conv2d(x, k, { padding: 'same' }),
      ramp([1, 12, 12, 64], 1 / 12),
      ramp([3, 3, 64, 16], 1 / 12),
    ),
    run((/** @type {any} */ x, /** @type {any} */ y) => matmul(x, y), ramp([9, 31], 1), ramp([31, 17], 1)),
  ];

  const { train, all } = await digits();
  const net = sequential([8, 8, 1])
    .conv2d({ filters: 16, kernel: 3, padding: 'same' })
    .relu()
    .maxPool2d({ size: 2 })
    .conv2d({ filters: 16, kernel: 3, padding: 'same' })
    .batchNorm()
    .relu()
    .flatten()
    .dense({ units: 10 })
    .softmax();
  const model = net.model({ seed: 1 });
  const images = { shape: [8, 8, 8, 1], data: all.images.data.subarray(0, 8 * 64) };
  const before = model.predictSync(images);
  const few = {
    images: { shape: [64, 8, 8, 1], data: train.images.data.subarray(0, 64 * 64) },
    labels: train.labels.subarray(0, 64),
  };
  await model.fit(few, { epochs: 2, batchSize: 32, optimizer: sgd({ learningRate: 0.01 }), loss: 'crossEntropy' });
  const after = await model.predict(images);

  const values = [...ops, before, after].flatMap(({ data }) => [...data]);
  console.log(JSON.stringify({ backend, isa, loadError, entries, values }));
}

void main();
