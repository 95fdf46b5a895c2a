/**
 * A Program bound to a State's memory, run in this thread: the heart of Executables and of the worker alike.
 */
import type { OpName } from "../../graph/opSchema.js";
import type { Program, RunScalars, Step } from "../../graph/program.js";
import { newFloats } from "../../memory.js";
import type { InputArray, OutputArray, StepExplanation } from "../backend.js";
import { checkRunArguments, outputArray, portsOf, type Port } from "../ports.js";
import { attributesOf, operandsOf, type Attributes, type KernelContext, type Operands } from "./kernel.js";
import { kernelOf } from "./kernels.js";
import { heldRead, heldUpdate, heldWrite } from "./lock.js";
import { planPoison, poison } from "./poison.js";
import type { StateMemory } from "./state.js";
import { viewOf, type Tensor, type TensorData } from "./tensor.js";

/** What a run asks of its caller, and tells it. All of it is absent in synchronous runs. */
export interface RunControl {
  /** Asked between steps: stop now? */
  aborted(): boolean;
  /** Asked once, before anything is committed or returned: from here on the run cannot be aborted any more. */
  enterCommit(): boolean;
  /** Parts of the State's lock that this run holds from now on. */
  holds(held: number): void;
}

/** The run was aborted: the State is untouched. */
export class AbortedRun extends Error {}

/** Operands change their `data` from run to run. */
type BoundTensor = { -readonly [Key in keyof Tensor]: Tensor[Key] };

interface BoundStep {
  readonly run: (operands: Operands<OpName>, attributes: Attributes<OpName>, context: KernelContext) => void;
  readonly operands: Operands<OpName>;
  readonly attributes: Attributes<OpName>;
}

/** All steps for one number of live rows. */
interface Binding {
  readonly rows: number;
  readonly tensors: readonly BoundTensor[];
  readonly prepare: readonly BoundStep[];
  readonly steps: readonly BoundStep[];
  readonly commit: readonly BoundStep[];
}

const nothing = new Float32Array(0);

export class Runner {
  private readonly inputs: readonly Port[];
  private readonly outputs: readonly Port[];
  private readonly trains: boolean;
  private readonly deadAfter: readonly (readonly number[])[] | undefined;
  /** The memory of arena and prepared storages, made by the first run. */
  private own: readonly Float32Array[] | undefined;
  private binding: Binding | undefined;
  private preparedVersion: number | undefined;

  /** @param program verified */
  constructor(
    readonly program: Program,
    private readonly memory: StateMemory,
    checkMode: boolean,
  ) {
    this.inputs = portsOf(program, "input");
    this.outputs = portsOf(program, "output");
    this.trains = program.commit.length > 0;
    this.deadAfter = checkMode ? planPoison(program) : undefined;
  }

  /** @throws StriateError ERR_STRIATE_ARGUMENT where inputs or scalars do not fit the Program */
  checkArguments(inputs: readonly InputArray[], scalars: RunScalars): void {
    checkRunArguments(this.program, this.inputs, inputs, scalars);
  }

  /**
   * Arguments were checked.
   * @param times receives the milliseconds of each step
   * @throws AbortedRun where `control` says so, or what a step throws
   */
  run(inputs: readonly InputArray[], scalars: RunScalars, control?: RunControl, times?: Float64Array): OutputArray[] {
    const { lock } = this.memory;
    const held = this.trains ? heldUpdate : heldRead;
    if (this.trains) lock.acquireUpdate();
    else lock.acquireRead();
    control?.holds(held);
    try {
      this.memory.checkUsable();
      return this.runLocked(inputs, scalars, control, times);
    } finally {
      this.release();
      control?.holds(0);
      if (this.trains) lock.releaseUpdate();
      else lock.releaseRead();
    }
  }

  private runLocked(
    inputs: readonly InputArray[],
    scalars: RunScalars,
    control: RunControl | undefined,
    times: Float64Array | undefined,
  ): OutputArray[] {
    const { lock } = this.memory;
    const context = { rows: scalars.rows, learningRate: scalars.learningRate ?? 0 };
    const runStep = (step: BoundStep, index: number): void => {
      const start = times === undefined ? 0 : performance.now();
      step.run(step.operands, step.attributes, context);
      if (times !== undefined) times[index] = performance.now() - start;
    };
    const binding = this.bind(scalars.rows);
    const outputs = this.attach(binding, inputs);
    if (this.preparedVersion !== lock.version) {
      binding.prepare.forEach(runStep);
      this.preparedVersion = lock.version;
    }
    const first = binding.prepare.length;
    binding.steps.forEach((step, i) => {
      if (control?.aborted()) throw new AbortedRun();
      runStep(step, first + i);
      this.poisonAfter(binding, i);
    });
    if (control !== undefined && !control.enterCommit()) throw new AbortedRun();
    if (this.trains) {
      lock.acquireWrite();
      control?.holds(heldUpdate + heldWrite);
      // Commit steps only compute on verified operands: they cannot throw, so the State cannot be left half written.
      binding.commit.forEach((step, i) => {
        runStep(step, first + binding.steps.length + i);
        this.poisonAfter(binding, binding.steps.length + i);
      });
      control?.holds(heldUpdate);
      lock.releaseWrite();
    }
    return outputs;
  }

  private bind(rows: number): Binding {
    if (this.binding?.rows === rows) return this.binding;
    const { program } = this;
    const tensors: readonly BoundTensor[] = program.buffers.map((buffer) => viewOf(buffer, nothing, rows));
    const boundStep = ({ op, inputs, outputs, attributes }: Step): BoundStep => ({
      run: kernelOf(op).run,
      operands: operandsOf(
        op,
        [...inputs, ...outputs].map((id) => (id < 0 ? undefined : tensors[id])),
      ),
      attributes: attributesOf(op, attributes),
    });
    this.binding = {
      rows,
      tensors,
      prepare: program.prepare.map(boundStep),
      steps: program.steps.map(boundStep),
      commit: program.commit.map(boundStep),
    };
    return this.binding;
  }

  /** Gives every buffer its memory for this run; returns the outputs, new for each run. */
  private attach({ tensors, rows }: Binding, inputs: readonly InputArray[]): OutputArray[] {
    const { storages, buffers } = this.program;
    this.own ??= storages.map(({ kind, size }) =>
      kind === "arena" || kind === "prepared" ? newFloats("memory", size) : nothing,
    );
    const outputs: OutputArray[] = [];
    let nextInput = 0;
    const memory = storages.map(({ kind, name }, i): TensorData => {
      if (kind === "input") return inputs[nextInput++]!;
      if (kind === "state") return this.memory.tensor(name);
      if (kind !== "output") return this.own![i]!;
      const output = outputArray(this.outputs[outputs.length]!, rows);
      outputs.push(output);
      return output;
    });
    if (this.deadAfter !== undefined) {
      storages.forEach(({ kind }, i) => {
        if (kind === "arena" || kind === "output") memory[i]!.fill(NaN);
      });
    }
    // Inputs of other dtypes reach only the ops that take them, which verify() made sure of.
    buffers.forEach((buffer, i) => (tensors[i]!.data = memory[buffer.storage]! as Float32Array));
    return outputs;
  }

  private poisonAfter(binding: Binding, time: number): void {
    for (const id of this.deadAfter?.[time] ?? []) poison(binding.tensors[id]!);
  }

  /** Lets go of the memory of inputs, outputs and State. */
  private release(): void {
    for (const tensor of this.binding?.tensors ?? []) tensor.data = nothing;
  }

  explain(): StepExplanation[] {
    const binding = this.bind(this.program.rows);
    const { prepare, steps, commit } = this.program;
    const bound = [...binding.prepare, ...binding.steps, ...binding.commit];
    return [...prepare, ...steps, ...commit].map(({ op }, i) => {
      const { operands, attributes } = bound[i]!;
      const choice = kernelOf(op).choose?.(operands, attributes);
      return {
        algorithm: choice?.algorithm ?? "loops",
        kernel: "reference",
        declined: choice?.declined ?? [],
        packedBytes: 0,
        scratchBytes: choice?.scratchBytes ?? 0,
      };
    });
  }
}
