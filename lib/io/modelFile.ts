/**
 * A saved model is a folder with two files: `model.json`, a versioned description, and the tensors it names,
 * `weights-HASH.safetensors`, where HASH is of their content. The weights are written first and `model.json` is replaced last, in one
 * rename: a reader gets the old model or the new one, never the description of one with the numbers of the other.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Tensor } from "../data/tensor.js";
import { reasonOf } from "../errors.js";
import { writeFileAtomic } from "./atomic.js";
import { ModelFileError } from "./errors.js";
import { shortened } from "../shape/values.js";
import { isJsonObject, parseJson, showJson, type JsonObject, type JsonValue } from "./json.js";
import { readSafetensors, writeSafetensors } from "./safetensors.js";

const format = "striate-model";
/** Raised when a reader of the version before would misunderstand the file. */
const version = 1;
const descriptionFile = "model.json";
const weightsPattern = /^weights-[0-9a-f]{16}\.safetensors$/;
/** Temporary files of writeFileAtomic. */
const leftoverPattern = /^\.(model\.json|weights-[0-9a-f]{16}\.safetensors)\.\d+\.[0-9a-f]{12}\.tmp$/;

/** What is saved: the graph as plain data, the tensors, and whatever belongs to them, such as the names of classes. */
export interface ModelFile {
  readonly graph: JsonValue;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: JsonObject;
}

interface Description {
  readonly weights: { readonly file: string; readonly sha256: string };
  readonly graph: JsonValue;
  readonly metadata: JsonObject;
}

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Everything that is wrong with the text of a `model.json`, or its content. */
function parseDescription(path: string, bytes: Uint8Array): Description {
  let value: JsonValue;
  try {
    value = parseJson(bytes);
  } catch (cause) {
    throw new ModelFileError(path, [`it is not valid JSON: ${reasonOf(cause)}`], { cause });
  }
  if (!isJsonObject(value)) throw new ModelFileError(path, ["it must hold a JSON object"]);
  if (value.format !== format) {
    throw new ModelFileError(path, [`format must be ${JSON.stringify(format)}, got ${showJson(value.format)}`]);
  }
  // Nothing more can be said of the fields of another version.
  if (value.version !== version) {
    const newer = typeof value.version === "number" && value.version > version;
    const remedy = newer ? "; a newer striate wrote it: update this one" : "";
    throw new ModelFileError(path, [`version must be ${version}, got ${showJson(value.version)}${remedy}`]);
  }
  const problems: string[] = [];
  const { weights, graph, metadata } = value;
  const file = isJsonObject(weights) ? weights.file : undefined;
  const sha256 = isJsonObject(weights) ? weights.sha256 : undefined;
  if (typeof file !== "string" || !weightsPattern.test(file)) {
    problems.push(`weights.file must be named weights-HASH.safetensors, got ${showJson(file)}`);
  }
  if (typeof sha256 !== "string" || !/^[0-9a-f]{64}$/.test(sha256)) {
    problems.push(`weights.sha256 must be 64 hexadecimal digits, got ${showJson(sha256)}`);
  }
  if (graph === undefined) problems.push("graph is missing");
  if (!isJsonObject(metadata)) problems.push(`metadata must be an object, got ${showJson(metadata)}`);
  if (problems.length > 0) throw new ModelFileError(path, problems);
  return value as unknown as Description;
}

/** The weights file that a folder's model.json names, if there is a sound one. */
async function currentWeights(path: string): Promise<string | undefined> {
  try {
    return parseDescription(path, await readFile(path)).weights.file;
  } catch {
    return undefined;
  }
}

/** Milliseconds after which a file that no description names is taken for one that a killed save has left. */
const abandonedAfter = 3_600_000;

/** Removes what killed saves have left. What is younger may belong to another writer, whose description comes next. */
async function removeAbandoned(folder: string, weights: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name === weights || !(weightsPattern.test(name) || leftoverPattern.test(name))) continue;
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > abandonedAfter) await rm(path, { force: true });
  }
}

/**
 * Saves a model into a folder, made if need be; a model that is there is replaced. Any number of readers may load meanwhile; there should
 * be one writer at a time.
 */
export async function saveModelFile(folder: string, model: ModelFile): Promise<void> {
  const bytes = writeSafetensors(model.tensors, { format: "striate" });
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const file = `weights-${sha256.slice(0, 16)}.safetensors`;
  const description = {
    format,
    version,
    weights: { file, sha256 },
    metadata: model.metadata,
    graph: model.graph,
  };
  const path = join(folder, descriptionFile);

  await mkdir(folder, { recursive: true });
  const before = await currentWeights(path);
  await writeFileAtomic(join(folder, file), bytes);
  await writeFileAtomic(path, `${JSON.stringify(description, undefined, 2)}\n`);
  if (before !== undefined && before !== file) await rm(join(folder, before), { force: true });
  await removeAbandoned(folder, file);
}

/**
 * Loads a saved model. Format, version, names and the hash of the weights are checked; a file that was replaced while it was being read is
 * read again.
 *
 * @throws ModelFileError listing everything that is wrong
 */
export async function loadModelFile(folder: string): Promise<ModelFile> {
  const path = join(folder, descriptionFile);
  let missing: string | undefined;
  for (;;) {
    let text: Uint8Array;
    try {
      text = await readFile(path);
    } catch (cause) {
      const reason = codeOf(cause) === "ENOENT" ? "there is no such file; save a model there first" : reasonOf(cause);
      throw new ModelFileError(path, [reason], { cause });
    }
    const { weights, graph, metadata } = parseDescription(path, text);
    const weightsPath = join(folder, weights.file);
    let bytes: Uint8Array;
    try {
      bytes = await readFile(weightsPath);
    } catch (cause) {
      // A writer deletes the old weights after it has replaced model.json: then that now names others.
      if (codeOf(cause) === "ENOENT" && missing !== weights.file) {
        missing = weights.file;
        continue;
      }
      throw new ModelFileError(path, [`its weights cannot be read: ${reasonOf(cause)}`], { cause });
    }
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (sha256 !== weights.sha256) {
      throw new ModelFileError(path, [
        `${weights.file} is damaged: its SHA-256 must be ${weights.sha256}, got ${sha256}`,
      ]);
    }
    const { tensors } = readSafetensors(bytes, weightsPath);
    return { graph, tensors, metadata };
  }
}

/**
 * What keeps `tensors` from being the parameters that a graph expects: names that are missing, names nobody asked for, other shapes, other
 * dtypes.
 *
 * @returns one sentence each; empty if they fit
 */
export function tensorProblems(
  expected: ReadonlyMap<string, readonly number[]>,
  tensors: ReadonlyMap<string, Tensor>,
): string[] {
  const problems: string[] = [];
  for (const [name, shape] of expected) {
    const found = tensors.get(name);
    if (found === undefined) problems.push(`tensor ${shortened(name)} of shape [${shape.join(", ")}] is missing`);
    else if (found.shape.length !== shape.length || found.shape.some((size, axis) => size !== shape[axis])) {
      problems.push(`tensor ${shortened(name)} must have shape [${shape.join(", ")}], got [${found.shape.join(", ")}]`);
    } else if (!(found.data instanceof Float32Array)) {
      problems.push(`tensor ${shortened(name)} must hold float32 values, got ${found.data.constructor.name}`);
    }
  }
  for (const name of tensors.keys()) {
    if (!expected.has(name)) problems.push(`tensor ${shortened(name)} belongs to no layer of the graph`);
  }
  return problems;
}
