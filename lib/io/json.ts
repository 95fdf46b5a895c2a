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
  if (key !== undefined) throw new SyntaxError(`the key ${JSON.stringify(key)} occurs twice in one object`);
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
