/** Named float32 tensors in native memory. */
import { StriateError } from "../../errors.js";
import { newFloats } from "../../memory.js";
import { sizeOf } from "../../shape/values.js";
import type { State, StateTensorSpec } from "../backend.js";
import { checkStateSpecs, noSuchTensor } from "../ports.js";
import type { NativeAddon, StateHandle } from "./addon.js";
import { calling } from "./failure.js";

export class NativeState implements State {
  readonly specs: readonly StateTensorSpec[];
  /** For compiling against it. */
  readonly handle: StateHandle;
  private readonly numbers: ReadonlyMap<string, number>;

  constructor(
    private readonly addon: NativeAddon,
    specs: readonly StateTensorSpec[],
  ) {
    checkStateSpecs(specs);
    this.specs = specs.map(({ name, shape }) => ({ name, shape: [...shape] }));
    this.numbers = new Map(specs.map(({ name }, i) => [name, i]));
    this.handle = calling(() => addon.createState(Float64Array.from(specs, ({ shape }) => sizeOf(shape))));
  }

  get version(): number {
    return calling(() => this.addon.stateVersion(this.handle));
  }

  /** -1 where there is no tensor of that name. */
  numberOf(name: string): number {
    return this.numbers.get(name) ?? -1;
  }

  read(names: readonly string[]): Float32Array[] {
    const numbers = this.numbersOf(names);
    const tensors = Array.from(numbers, (number) => newFloats("state", this.sizeOfTensor(number)));
    calling(() => this.addon.stateRead(this.handle, numbers, tensors));
    return tensors;
  }

  write(tensors: ReadonlyMap<string, Float32Array>): void {
    const numbers = this.numbersOf([...tensors.keys()]);
    const values = [...tensors.values()];
    numbers.forEach((number, i) => {
      const size = this.sizeOfTensor(number);
      if (values[i]!.length !== size) {
        throw new StriateError(
          "ERR_STRIATE_ARGUMENT",
          `state: ${JSON.stringify(this.specs[number]!.name)} has ${size} elements, got ${values[i]!.length}`,
        );
      }
    });
    calling(() => this.addon.stateWrite(this.handle, numbers, values));
  }

  dispose(): void {
    this.addon.stateDispose(this.handle);
  }

  private numbersOf(names: readonly string[]): Int32Array {
    return Int32Array.from(names, (name) => {
      const number = this.numberOf(name);
      if (number < 0) throw noSuchTensor(name, this.specs);
      return number;
    });
  }

  private sizeOfTensor(number: number): number {
    return sizeOf(this.specs[number]!.shape);
  }
}
