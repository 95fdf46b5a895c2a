/** What crosses between a thread and its worker. */
import { OptionError, ShapeError, StriateError } from "../../errors.js";
import type { Program, RunScalars } from "../../graph/program.js";
import type { InputArray, OutputArray } from "../backend.js";
import type { SharedState } from "./state.js";

export type Request =
  | {
      readonly kind: "compile";
      readonly executable: number;
      readonly program: Program;
      readonly state: SharedState;
      readonly checkMode: boolean;
    }
  | {
      readonly kind: "run";
      readonly executable: number;
      readonly job: number;
      readonly inputs: readonly InputArray[];
      readonly scalars: RunScalars;
      /** jobWords 32-bit words of shared memory. */
      readonly words: Int32Array;
    }
  /** The executable will not run again. */
  | { readonly kind: "forget"; readonly executable: number };

export type Reply =
  | { readonly job: number; readonly outputs: OutputArray[] }
  | { readonly job: number; readonly error: SentError }
  | { readonly job: number; readonly aborted: true };

/** Words of a job in shared memory: its phase, and the parts of the State's lock that it holds. */
export const jobWords = 2;
const PHASE = 0;
const HELD = 1;

const open = 0;
const committed = 1;
const aborted = 2;

/**
 * Who decides first, wins: the caller aborts an open job and may reject at once, for the State will not change; or the
 * worker enters the commit, and from then on the job ends as if no one had asked.
 */
export const jobPhase = {
  isAborted: (words: Int32Array): boolean => Atomics.load(words, PHASE) === aborted,
  abort: (words: Int32Array): boolean => Atomics.compareExchange(words, PHASE, open, aborted) === open,
  commit: (words: Int32Array): boolean => Atomics.compareExchange(words, PHASE, open, committed) === open,
} as const;

export const jobHolds = {
  set: (words: Int32Array, held: number): number => Atomics.store(words, HELD, held),
  get: (words: Int32Array): number => Atomics.load(words, HELD),
} as const;

/** An error as plain data: structured clone would lose its class and code. */
export interface SentError {
  readonly type: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  readonly option: string | undefined;
  readonly cause: SentError | undefined;
}

export function sendError(error: unknown): SentError {
  if (!(error instanceof Error)) {
    return {
      type: "Error",
      message: String(error),
      stack: undefined,
      code: undefined,
      option: undefined,
      cause: undefined,
    };
  }
  const { code, option } = error as { code?: unknown; option?: unknown };
  return {
    type: error instanceof StriateError && error.constructor === StriateError ? "StriateError" : error.constructor.name,
    message: error.message,
    stack: error.stack,
    code: typeof code === "string" ? code : undefined,
    option: typeof option === "string" ? option : undefined,
    cause: error.cause === undefined ? undefined : sendError(error.cause),
  };
}

const plainErrors: Readonly<Partial<Record<string, ErrorConstructor>>> = { RangeError, TypeError, ReferenceError };

/** The same class again, with the stack of where it was thrown. */
export function receiveError({ type, message, stack, code, option, cause }: SentError): Error {
  const options = cause === undefined ? {} : { cause: receiveError(cause) };
  let error: Error;
  if (type === "ShapeError") error = new ShapeError(option ?? "", message, options);
  else if (type === "OptionError") error = new OptionError(option ?? "", message, options);
  else if (code?.startsWith("ERR_STRIATE_")) error = new StriateError(code, message, options);
  else error = new (plainErrors[type] ?? Error)(message, options);
  if (stack !== undefined) error.stack = stack;
  return error;
}
