/**
 * Every error that striate throws on purpose is a {@link StriateError}: its `code` is stable and meant for programs,
 * its message is meant for people and carries the values at fault.
 *
 * @example
 * ```ts
 * try {
 *   sequential([7, 7, 1]).conv2d({ filters: 4, kernel: 3, stride });
 * } catch (error) {
 *   if (error instanceof ShapeError) console.error(error.code, error.option, error.message);
 * }
 * ```
 */
export class StriateError extends Error {
  /** Stable, for programs: `ERR_STRIATE_...`. */
  readonly code: string;

  /**
   * @param code stable name, `ERR_STRIATE_...`
   * @param message `<op or layer>: <rule>, got <value>`
   * @param options `cause` keeps the error that led to this one
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/**
 * Sizes that do not fit together. The compiler reports the same sentence wherever it knows the sizes: there this class
 * stands in the error message as the type that the option at fault would need, with the sentence as its parameter.
 */
export class ShapeError<Sentence extends string = string> extends StriateError {
  declare readonly code: "ERR_STRIATE_SHAPE";
  /** The whole sentence, beginning with the layer or op. */
  declare readonly message: Sentence;
  /** The option at fault, or the argument (`other`, `block`, `this`). */
  readonly option: string;

  constructor(option: string, sentence: Sentence, options?: ErrorOptions) {
    super("ERR_STRIATE_SHAPE", sentence, options);
    this.option = option;
  }
}

/** An option that no layer or op knows, or a value outside of its range: wrong whatever the shapes are. */
export class OptionError extends StriateError {
  declare readonly code: "ERR_STRIATE_OPTION";
  /** The option at fault. */
  readonly option: string;

  constructor(option: string, message: string, options?: ErrorOptions) {
    super("ERR_STRIATE_OPTION", message, options);
    this.option = option;
  }
}

/** A graph that cannot be built, differentiated or lowered. */
export class GraphError extends StriateError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_STRIATE_GRAPH", message, options);
  }
}

/** A gradient was asked of an op that has none; the message says why. */
export class GradientError extends StriateError {
  constructor(message: string, options?: ErrorOptions) {
    super("ERR_STRIATE_GRADIENT", message, options);
  }
}

/** STRIATE_BACKEND=native, but the addon does not load; the message lists causes and remedies. */
export class BackendError extends StriateError {
  declare readonly code: "ERR_STRIATE_BACKEND";

  constructor(message: string, options?: ErrorOptions) {
    super("ERR_STRIATE_BACKEND", message, options);
  }
}

/** What an error says, in one line that is not too long: other libraries tell stories, and quote the file. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .trim()
    .replace(/\s*[\n\r]\s*/g, "; ")
    .replace(/\p{Cc}/gu, encodeURIComponent);
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}
