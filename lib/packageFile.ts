/** Files of the package, wherever the calling module was bundled to. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

let folder: string | undefined;

/**
 * The path of a file or folder of the installed package.
 * @param path from the folder of package.json: "data/digits.bin.gz"
 */
export function packageFile(path: string): string {
  folder ??= dirname(createRequire(import.meta.url).resolve("striate/package.json"));
  return join(folder, path);
}
