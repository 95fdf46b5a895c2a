/** Who filters: each in a process of its own. */
import { createRequire } from "node:module";
import { filter, filterAsync } from "../../lib/filter/index.js";
import { backendInfo, setThreads } from "../../lib/backend/select.js";
import { image, type Task } from "./task.js";

export const contenderNames = ["striate", "striate awaited", "sharp", "opencv"] as const;
export type ContenderName = (typeof contenderNames)[number];

export interface Contender {
  readonly description: string;
  /** How far a correct result may be from the exact one: half a unit for the nearest byte, one where some are truncated. */
  readonly tolerance: number;
  /** The result stays valid until the next call. */
  call(task: Task): Promise<Uint8Array> | Uint8Array;
}

type Open = (data: Uint8Array, threads: number) => Contender | Promise<Contender>;

const shape = [image.height, image.width, image.channels];
const rounding = 1e-3;

/** @param awaited filterAsync, which makes a new result; else filter, into memory that is there */
const striate =
  (awaited: boolean): Open =>
  (data, threads) => {
    setThreads(threads);
    const { backend, isa } = backendInfo();
    const into = new Uint8Array(data.length);
    return {
      description: `striate, ${backend} ${isa}`,
      tolerance: 0.5 + rounding,
      call: awaited
        ? async ({ kernel }) => (await filterAsync({ shape, data }, kernel, { depth: "u8" })).data
        : ({ kernel }) => filter({ shape, data }, kernel, { depth: "u8", into }).data,
    };
  };

/** Raw pixels in and out: decoding and encoding are nobody's business here. */
const sharpConvolve: Open = async (data, threads) => {
  const { default: sharp } = await import("sharp");
  sharp.cache(false);
  sharp.concurrency(threads);
  const raw = { height: image.height, width: image.width, channels: image.channels };
  return {
    description: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}`,
    tolerance: 1 + rounding,
    call: ({ size, kernel }) =>
      sharp(data, { raw }).convolve({ width: size, height: size, kernel: kernel.flat(), scale: 1 }).raw().toBuffer(),
  };
};

/** What is used of the package, which is not there when the repository is type-checked. */
interface OpenCv {
  readonly CV_8UC3: number;
  readonly CV_32FC1: number;
  readonly BORDER_DEFAULT: number;
  readonly Mat: new (rows?: number, columns?: number, type?: number) => { readonly data: Uint8Array; delete(): void };
  readonly Point: new (x: number, y: number) => object;
  matFromArray(rows: number, columns: number, type: number, values: readonly number[]): { delete(): void };
  filter2D(...args: readonly unknown[]): void;
  getBuildInformation(): string;
  onRuntimeInitialized?: () => void;
}

/** One thread: no build of it for Node.js has more. Its matrices are its own memory, filled beforehand and kept. */
const opencv: Open = async (data) => {
  // Never awaited itself: it has a `then` that resolves to itself, again and again.
  const cv = createRequire(import.meta.url)("@techstark/opencv-js") as OpenCv;
  if (typeof cv.Mat !== "function") await new Promise<void>((resolve) => (cv.onRuntimeInitialized = resolve));
  const source = new cv.Mat(image.height, image.width, cv.CV_8UC3);
  source.data.set(data);
  const target = new cv.Mat();
  return {
    description: `OpenCV ${/OpenCV (\S+)/.exec(cv.getBuildInformation())?.[1] ?? ""} in WebAssembly`,
    tolerance: 0.5 + rounding,
    call: ({ size, kernel }) => {
      const weights = cv.matFromArray(size, size, cv.CV_32FC1, kernel.flat());
      cv.filter2D(source, target, -1, weights, new cv.Point(-1, -1), 0, cv.BORDER_DEFAULT);
      weights.delete();
      return target.data;
    },
  };
};

export const contenders: { readonly [Name in ContenderName]: Open } = {
  striate: striate(false),
  "striate awaited": striate(true),
  sharp: sharpConvolve,
  opencv,
};
