/** JSON as it comes out of files written by strangers. */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [key: string]: JsonValue };

export type JsonObject = { readonly [key: string]: JsonValue };

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Parses UTF-8 JSON strictly: malformed UTF-8 and an object with the same key twice are errors, where JSON.parse lets the last one win
 * (so that two readers could see two different files).
 *
 * @throws SyntaxError or TypeError with the reason
 */
export function parseJson(bytes: Uint8Array): JsonValue {
  const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  const value = JSON.parse(text) as JsonValue;
  const key = duplicateKey(text);
  if (key !== undefined) throw new SyntaxError(`the key ${showJson(key)} occurs twice in one object`);
  return value;
}

/** A key that occurs twice in one object of valid JSON text, however it is escaped. */
function duplicateKey(text: string): string | undefined {
  // Only strings, braces and the colon after a key matter; everything between them is skipped.
  const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"(\s*:)?|[{}]/g;
  const keys: Set<string>[] = [];
  for (let match = tokens.exec(text); match !== null; match = tokens.exec(text)) {
    const [token, colon] = match;
    if (token === "{") keys.push(new Set());
    else if (token === "}") keys.pop();
    else if (colon !== undefined) {
      const key = JSON.parse(token.slice(0, token.length - colon.length)) as string;
      const seen = keys.at(-1)!;
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

/** A value for a message; files may hold very long ones, and nested ones that would exhaust the stack. */
export function showJson(value: JsonValue | undefined): string {
  if (typeof value === "string") return JSON.stringify(value.length > 100 ? `${value.slice(0, 100)}...` : value);
  if (Array.isArray(value)) {
    const shown = (value as readonly JsonValue[]).slice(0, 8).map((each) => (isPlain(each) ? showJson(each) : "..."));
    return `[${[...shown, ...(value.length > 8 ? ["..."] : [])].join(",")}]`;
  }
  if (isJsonObject(value)) {
    const shown = Object.entries(value).slice(0, 4);
    const fields = shown.map(([key, each]) => `${showJson(key)}:${isPlain(each) ? showJson(each) : "..."}`);
    return `{${[...fields, ...(Object.keys(value).length > 4 ? ["..."] : [])].join(",")}}`;
  }
  return value === undefined ? "undefined" : JSON.stringify(value);
}

const isPlain = (value: JsonValue): boolean => typeof value !== "object" || value === null;
