/** Arrays of every kind of memory and of every wrong size: the same result as from an ordinary one, or a refusal. */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { nativeBackend } from "../../lib/backend/native/index.js";
import { referenceBackend } from "../../lib/backend/reference/index.js";
import { filter } from "../../lib/filter/index.js";
import { assertShape, run, sequential, sgd, StriateError, tensor, type Tensor } from "../../lib/index.js";
import { conv2d } from "../../lib/ops/index.js";
import { attempt, attemptAsync, check, detached, expectRefusal } from "./junk.js";

type Floats = Float32Array;

/** The same numbers in memory of other kinds; Node.js 20 knows them all, the TypeScript of ES2022 not yet. */
type Growable = new (
  bytes: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(bytes: number): void };
const Resizable = ArrayBuffer as unknown as Growable;
const GrowableShared = SharedArrayBuffer as unknown as new (
  bytes: number,
  options: { maxByteLength: number },
) => SharedArrayBuffer;

const kinds: Readonly<Record<string, (numbers: Floats) => Floats>> = {
  "a SharedArrayBuffer": (numbers) => copyInto(new Float32Array(new SharedArrayBuffer(numbers.byteLength)), numbers),
  "a growable SharedArrayBuffer": (numbers) =>
    copyInto(new Float32Array(new GrowableShared(numbers.byteLength, { maxByteLength: 4096 })), numbers),
  "a resizable ArrayBuffer": (numbers) =>
    copyInto(new Float32Array(new Resizable(numbers.byteLength, { maxByteLength: 4096 })), numbers),
  "a part of a resizable ArrayBuffer": (numbers) =>
    copyInto(new Float32Array(new Resizable(4096, { maxByteLength: 8192 }), 64, numbers.length), numbers),
  "a part of a larger array": (numbers) => copyInto(new Float32Array(numbers.length + 7).subarray(3, -4), numbers),
  "a subclass": (numbers) => copyInto(new (class extends Float32Array {})(numbers.length), numbers),
};

function copyInto(target: Floats, numbers: ArrayLike<number>): Floats {
  target.set(numbers);
  return target;
}

/** Arrays that are not what they seem. */
const broken: Readonly<Record<string, (length: number) => unknown>> = {
  "a detached one": detached,
  "one that is too short": (length) => new Float32Array(length - 1),
  "one that is too long": (length) => new Float32Array(length + 1),
  "an empty one": () => new Float32Array(0),
  "one whose buffer has shrunk below it": (length) => {
    const buffer = new Resizable(4 * length, { maxByteLength: 4 * length });
    const array = new Float32Array(buffer, 0, length);
    buffer.resize(4);
    return array;
  },
  "one that lies about its length": (length) => Object.defineProperty(new Float32Array(3), "length", { value: length }),
  "a Float64Array": (length) => new Float64Array(length),
  "a BigInt64Array": (length) => new BigInt64Array(length),
  "a DataView": (length) => new DataView(new ArrayBuffer(4 * length)),
  "an object with a length": (length) => ({ length }),
  nothing: () => undefined,
};

const net = sequential([6, 5, 2]).conv2d({ filters: 3, kernel: 3 }).relu().flatten().dense({ units: 4 }).softmax();
const rows = 3;
const size = rows * 6 * 5 * 2;
const numbers = Float32Array.from({ length: size }, (_, i) => Math.sin(i));

describe.each([
  ["native", nativeBackend()],
  ["reference", referenceBackend],
])("%s", (_, backend) => {
  const model = net.model({ seed: 3, backend });
  afterAll(() => model.dispose());
  const images = (data: unknown) => ({ shape: [rows, 6, 5, 2], data }) as Tensor<[number, 6, 5, 2], Float32Array>;
  const expected = model.predictSync(images(numbers)).data;

  test.each(Object.entries(kinds))("%s is read like any other", async (_, make) => {
    expect(model.predictSync(images(make(numbers))).data).toEqual(expected);
    expect((await model.predict(images(make(numbers)))).data).toEqual(expected);
    // In three runs, each reading a part.
    expect((await model.predict(images(make(numbers)), { batchSize: 1 })).data).toEqual(expected);
    const into = make(new Float32Array(rows * 4));
    expect(Float32Array.from(model.predictSync(images(numbers), { into }).data)).toEqual(expected);
  });

  test.each(Object.entries(broken))("%s is refused, and the model goes on", async (_, make) => {
    const bad = images(make(size));
    const refused = { code: expect.stringMatching(/^ERR_STRIATE_/) as string };
    expect(() => model.predictSync(bad)).toThrow(expect.objectContaining(refused));
    await expect(model.predict(bad)).rejects.toMatchObject(refused);
    await expect(model.predict(bad, { batchSize: 1 })).rejects.toMatchObject(refused);
    const into = make(rows * 4);
    if (into !== undefined) {
      const options = { into: into as Float32Array };
      expect(() => model.predictSync(images(numbers), options)).toThrow(expect.objectContaining(refused));
    }
    const labels = Int32Array.of(0, 1, 2);
    const options = { epochs: 1, optimizer: sgd({ learningRate: 0.1 }), loss: "crossEntropy" } as const;
    expect(() => model.fitSync({ images: bad, labels }, options)).toThrow(expect.objectContaining(refused));
    expect(() =>
      model.setParameters(new Map([["dense1.bias", { shape: [4], data: make(4) as Float32Array }]])),
    ).toThrow(expect.objectContaining(refused));
    expect(model.predictSync(images(numbers)).data).toEqual(expected);
  });

  test("NaN and infinity go through, and come out", () => {
    for (const value of [NaN, Infinity, -Infinity, 3e38]) {
      const { data } = model.predictSync(images(new Float32Array(size).fill(value)));
      expect(data).toHaveLength(rows * 4);
    }
    expect(model.predictSync(images(new Float32Array(size).fill(NaN))).data.every(Number.isNaN)).toBe(true);
    expect(model.predictSync(images(numbers)).data).toEqual(expected);
  });

  test("an array that is detached or shrinks between the runs of a call ends it with a code", async () => {
    const sent = numbers.slice();
    const pending = model.predict(images(sent), { batchSize: 1 });
    structuredClone(sent.buffer, { transfer: [sent.buffer] });
    await expect(pending).rejects.toMatchObject({ code: "ERR_STRIATE_DATA" });

    const buffer = new Resizable(4 * size, { maxByteLength: 4 * size });
    const shrinking = model.predict(images(copyInto(new Float32Array(buffer), numbers)), { batchSize: 1 });
    buffer.resize(4);
    await expect(shrinking).rejects.toMatchObject({ code: "ERR_STRIATE_DATA" });

    const own = numbers.slice();
    const trained = net.model({ backend });
    const fit = trained.fit(
      { images: images(own), labels: Int32Array.of(0, 1, 2) },
      {
        epochs: 3,
        batchSize: 1,
        optimizer: sgd({ learningRate: 0.1 }),
        loss: "crossEntropy",
        onBatch: () => own.buffer.byteLength > 0 && structuredClone(own.buffer, { transfer: [own.buffer] }),
      },
    );
    await expect(fit).rejects.toMatchObject({ code: "ERR_STRIATE_DATA" });
    expect(trained.predictSync(images(numbers)).data).toHaveLength(rows * 4);
    trained.dispose();
    expect(model.predictSync(images(numbers)).data).toEqual(expected);
  });

  test("more rows than there is memory for", () => {
    for (const batchSize of [2 ** 26, 2 ** 31, 2 ** 40, 2 ** 53 - 1]) {
      const error: unknown = attemptError(() => model.plan({ kind: "predict" }, { batchSize }));
      expectRefusal(error);
      expect(error.code).toMatch(/^ERR_STRIATE_(MEMORY|PROGRAM|GRAPH)$/);
    }
  });

  test("nets larger than any memory", () => {
    const build = (shape: number[]) => sequential(shape as [number, number, number]);
    const nets: (() => { model(options: object): { predictSync(images: never): unknown; dispose(): void } })[] = [
      () => build([2 ** 26, 2 ** 26, 2 ** 26]),
      () => build([4, 4, 1]).conv2d({ filters: 2 ** 52, kernel: 3 }),
      () => build([4, 4, 1]).conv2d({ filters: 2 ** 31, kernel: 3 }),
      () => build([4, 4, 1]).conv2d({ filters: 1, kernel: 1, padding: 2 ** 30 }),
      () => build([4, 4, 1]).conv2d({ filters: 1, kernel: 1, padding: 2 ** 52 }),
      () =>
        build([4, 4, 1])
          .flatten()
          .dense({ units: 2 ** 40 }),
      () => build([4, 4, 2 ** 31]).depthwiseConv2d({ kernel: 3, depthMultiplier: 2 ** 31 }),
      () => build([4, 4, 1]).maxPool2d({ size: 2 ** 31, padding: 2 ** 31 - 1, stride: 1 }),
    ];
    for (const make of nets) {
      const error: unknown = attemptError(() => {
        const huge = make().model({ backend });
        try {
          huge.predictSync({ shape: [1, 4, 4, 1], data: new Float32Array(16) } as never);
        } finally {
          huge.dispose();
        }
      });
      expectRefusal(error);
    }
  });
});

function attemptError(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return expect.fail("nothing was thrown");
}

test("shapes that no data has", async () => {
  const dimension = fc.oneof(
    fc.constantFrom(0, 1, 2, 3, 2 ** 16, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 2 ** 63, -1, -2, 0.5, NaN, Infinity),
    fc.integer({ min: 1, max: 4 }),
  );
  const data = fc.constantFrom<() => Float32Array | Uint8Array | Int32Array>(
    () => new Float32Array(0),
    () => new Float32Array(4),
    () => new Uint8Array(16),
    () => new Int32Array(36),
  );
  const model = sequential([2, 2, 1]).relu().model();
  const weights = tensor([1, 1, 1, 1], Float32Array.of(1));
  check(
    fc.property(fc.array(dimension, { maxLength: 6 }), data, (shape, make) => {
      const product = shape.reduce((total, each) => total * each, 1);
      const given = attempt(() => tensor(shape, make()));
      if (given !== undefined) expect(given.data).toHaveLength(product);
      const value = { shape, data: make() } as unknown as Tensor<never, Float32Array>;
      const fine = shape.length === 4 && product === value.data.length && shape.every((each) => Number.isInteger(each));
      const calls: (() => { readonly shape: readonly number[]; readonly data: ArrayLike<number> })[] = [
        () => model.predictSync(value),
        () => run((x, w) => conv2d(x, w), value, weights),
        () => filter(value, [[1]]),
      ];
      for (const call of calls) {
        const result = attempt(call);
        if (result === undefined) continue;
        expect(result.data.length).toBe(product);
        expect(fine || call === calls[2]).toBe(true);
      }
      attempt(() => assertShape(value, ["batch", 2, 2, 1]));
      attempt(() => model.gradientsSync(tensor([1, 2, 2, 1], new Float32Array(4)), { of: "relu1", seed: value }));
    }),
    1500,
  );
  expect(await attemptAsync(() => model.predict({ shape: [2 ** 53, 2, 2, 1], data: new Float32Array(4) }))).toBe(
    undefined,
  );
  expect(attemptError(() => tensor([2 ** 31, 2 ** 31], new Float32Array(0)))).toBeInstanceOf(StriateError);
});
