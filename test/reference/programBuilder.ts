/** Small Programs by hand: operands by name, arena buffers behind one another, no reuse. */
import { opSchemas, type OpName } from "../../lib/graph/opSchema.js";
import {
  PROGRAM_VERSION,
  type Buffer,
  type Dtype,
  type Program,
  type Step,
  type Storage,
  type StorageKind,
} from "../../lib/graph/program.js";

export interface PlaceOptions {
  readonly dtype?: Dtype;
  readonly batched?: boolean;
  /** Default: the channels. */
  readonly pixelStride?: number;
  readonly offset?: number;
}

type List = "prepare" | "steps" | "commit";

export class ProgramBuilder {
  readonly storages: Storage[] = [];
  readonly buffers: Buffer[] = [];
  readonly prepare: Step[] = [];
  readonly steps: Step[] = [];
  readonly commit: Step[] = [];

  constructor(readonly rows = 1) {}

  /** A storage of its own for one buffer; returns the buffer's number. */
  place(kind: StorageKind, name: string, shape: readonly number[], options: PlaceOptions = {}): number {
    const channels = shape[shape.length - 1]!;
    const { dtype = "f32", batched = false, pixelStride = channels, offset = 0 } = options;
    const pixels = shape.slice(0, -1).reduce((product, size) => product * size, 1);
    // A whole number of pixels, so that rows of a batch lie in rows of the storage.
    const size = shape.length === 1 ? offset + channels : pixels * pixelStride;
    const storage = this.storages.push({ kind, dtype, size, name }) - 1;
    return this.view(storage, shape, { batched, pixelStride, offset });
  }

  /** One more buffer on a storage. */
  view(storage: number, shape: readonly number[], options: PlaceOptions = {}): number {
    const { batched = false, pixelStride = shape[shape.length - 1]!, offset = 0 } = options;
    return this.buffers.push({ storage, offset, pixelStride, shape, batched }) - 1;
  }

  /** Absent operands are left out, attributes default to 0. */
  step<Op extends OpName>(
    op: Op,
    operands: Readonly<Record<string, number>>,
    attributes: Readonly<Record<string, number>> = {},
    list: List = "steps",
  ): this {
    const schema = opSchemas[op];
    const numberOf = (name: string): number => operands[name.replace("?", "")] ?? -1;
    this[list].push({
      op,
      inputs: schema.operands.map(numberOf),
      outputs: schema.results.map(numberOf),
      attributes: schema.attributes.map((name) => attributes[name] ?? 0),
      label: op,
    });
    return this;
  }

  build(): Program {
    const { rows, storages, buffers, prepare, steps, commit } = this;
    return { version: PROGRAM_VERSION, rows, storages, buffers, prepare, steps, commit, arenaBeforeReuse: 0 };
  }
}
