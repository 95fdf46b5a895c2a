/** Named float32 tensors in shared memory: the State of the reference backend. */
import { StriateError } from "../../errors.js";
import { allocated } from "../../memory.js";
import { sizeOf } from "../../shape/values.js";
import type { State, StateTensorSpec } from "../backend.js";
import { checkStateSpecs, noSuchTensor } from "../ports.js";
import { lockWords, StateLock } from "./lock.js";

/** What another thread needs to use the same State. Crosses to it by postMessage. */
export interface SharedState {
  readonly id: number;
  readonly specs: readonly StateTensorSpec[];
  readonly words: Int32Array;
  readonly values: Float32Array;
}

/** Tensors begin at multiples of this many floats: a cache line. */
const alignment = 16;

/** The memory of a State in one thread. Whoever reads or writes holds the lock. */
export class StateMemory {
  readonly lock: StateLock;
  private readonly tensors = new Map<string, Float32Array>();

  constructor(public shared: SharedState) {
    this.lock = new StateLock(shared.words);
    let offset = 0;
    for (const { name, shape } of shared.specs) {
      const size = sizeOf(shape);
      this.tensors.set(name, shared.values.subarray(offset, offset + size));
      offset += alignUp(size);
    }
  }

  /** Lets go of the tensors; Executables that are still around keep the lock only, which says that they are gone. */
  release(): void {
    this.tensors.clear();
    this.shared = { ...this.shared, specs: [], values: new Float32Array(0) };
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  tensor(name: string): Float32Array {
    const tensor = this.tensors.get(name);
    if (tensor === undefined) throw noSuchTensor(name, this.shared.specs);
    return tensor;
  }

  /** To be called under the lock. */
  checkUsable(): void {
    const { condition } = this.lock;
    if (condition === "disposed") throw disposedError();
    if (condition === "torn") {
      throw new StriateError("ERR_STRIATE_STATE", "state: its contents are damaged, a thread died while it wrote them");
    }
  }
}

function disposedError(): StriateError {
  return new StriateError("ERR_STRIATE_DISPOSED", "state: it was disposed and cannot be used any more");
}

function alignUp(size: number): number {
  return Math.ceil(size / alignment) * alignment;
}

let lastId = 0;

export class ReferenceState implements State {
  readonly specs: readonly StateTensorSpec[];
  private memory: StateMemory | undefined;

  /** @param onDispose tells other threads of this State's id that it is gone */
  constructor(
    specs: readonly StateTensorSpec[],
    private readonly onDispose: (id: number) => void,
  ) {
    checkStateSpecs(specs);
    this.specs = specs.map(({ name, shape }) => ({ name, shape: [...shape] }));
    const elements = specs.reduce((total, { shape }) => total + alignUp(sizeOf(shape)), 0);
    this.memory = new StateMemory({
      id: ++lastId,
      specs: this.specs,
      words: new Int32Array(new SharedArrayBuffer(4 * lockWords)),
      values: allocated("state", 4 * elements, () => new Float32Array(new SharedArrayBuffer(4 * elements))),
    });
  }

  get version(): number {
    return this.usable().lock.version;
  }

  /** The memory, for compiling against it. */
  usable(): StateMemory {
    if (this.memory === undefined) throw disposedError();
    return this.memory;
  }

  read(names: readonly string[]): Float32Array[] {
    const memory = this.usable();
    const tensors = names.map((name) => memory.tensor(name));
    memory.lock.acquireRead();
    try {
      memory.checkUsable();
      return tensors.map((tensor) => allocated("state", tensor.byteLength, () => new Float32Array(tensor)));
    } finally {
      memory.lock.releaseRead();
    }
  }

  write(tensors: ReadonlyMap<string, Float32Array>): void {
    const memory = this.usable();
    const pairs = [...tensors].map(([name, values]) => {
      const tensor = memory.tensor(name);
      if (values.length !== tensor.length) {
        throw new StriateError(
          "ERR_STRIATE_ARGUMENT",
          `state: ${JSON.stringify(name)} has ${tensor.length} elements, got ${values.length}`,
        );
      }
      return [tensor, values] as const;
    });
    memory.lock.acquireUpdate();
    try {
      memory.checkUsable();
      memory.lock.acquireWrite();
      for (const [tensor, values] of pairs) tensor.set(values);
      memory.lock.releaseWrite();
    } finally {
      memory.lock.releaseUpdate();
    }
  }

  dispose(): void {
    if (this.memory === undefined) return;
    const { lock, shared } = this.memory;
    lock.acquireUpdate();
    lock.acquireWrite();
    lock.condition = "disposed";
    lock.releaseWrite();
    lock.releaseUpdate();
    this.memory.release();
    this.memory = undefined;
    this.onDispose(shared.id);
  }
}
