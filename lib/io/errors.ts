import { StriateError } from "../errors.js";

/** A file that is not what its name says, or damaged. The message says where. */
export class FormatError extends StriateError {
  declare readonly code: "ERR_STRIATE_FORMAT";

  constructor(message: string, options?: ErrorOptions) {
    super("ERR_STRIATE_FORMAT", message, options);
  }
}

/** A saved model that cannot be loaded. */
export class ModelFileError extends StriateError {
  declare readonly code: "ERR_STRIATE_MODEL_FILE";
  /** Everything that is wrong, one sentence each. */
  readonly problems: readonly string[];

  constructor(path: string, problems: readonly string[], options?: ErrorOptions) {
    const [first, ...others] = problems;
    const text = others.length === 0 ? ` ${first ?? ""}` : ["", ...problems].join("\n  - ");
    super("ERR_STRIATE_MODEL_FILE", `${path}: cannot load the model:${text}`, options);
    this.problems = problems;
  }
}
