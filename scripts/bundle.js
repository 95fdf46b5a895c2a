// Bundles lib/ into dist/, after tsc has written the declarations. What entries share goes into chunks, so that "striate"
// and "striate/ops" are one instance of everything; what is imported dynamically (files of models) stays apart until it is
// called. Importing the package (Zen 4, Node.js 20, where importing an empty file takes 6 ms): a hundred small modules
// 40 ms, these chunks as they fall 15.5, one chunk 13: 0.4 ms for each file, 5 for V8 to look through the text, 0.7 to run
// it. Shorter names (a third less text) gain nothing.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const manifest = JSON.parse(readFileSync(`${root}/package.json`, "utf8"));
for (const file of readdirSync(`${root}/dist`, { recursive: true, encoding: "utf8" })) {
  if (/\.js(\.map)?$/.test(file)) rmSync(`${root}/dist/${file}`);
}

/**
 * A chunk is what the same set of entries reaches: where every entry, dynamic imports too, reaches all that the package
 * exports, that is one chunk, and no import takes a file more for each set.
 * @type {import("esbuild").Plugin}
 */
const oneChunk = {
  name: "one chunk",
  setup({ onResolve, onLoad, resolve }) {
    onResolve({ filter: /^(\.|lib\/)/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      const isEntry = kind === "entry-point" || kind === "dynamic-import";
      if (!isEntry || pluginData === oneChunk) return undefined;
      const options = { kind, importer, resolveDir, pluginData: oneChunk };
      return { ...(await resolve(path, options)), pluginData: oneChunk };
    });
    onLoad({ filter: /\.ts$/ }, ({ path, pluginData }) => {
      if (pluginData !== oneChunk) return undefined;
      const reached = ["index.ts", "ops/index.ts"]
        .map((file) => join(root, "lib", file))
        .filter((file) => file !== path);
      const imports = reached.map((file) => `import ${JSON.stringify(file)};`).join("");
      return { contents: `${readFileSync(path, "utf8")}\n${imports}`, loader: "ts" };
    });
  },
};

await bundle(entriesOf(Object.values(manifest.exports)), [oneChunk]);
/** Apart, so that the command loads no more than what it was asked for: it shares no object with an importer. */
await bundle(entriesOf(Object.values(manifest.bin)));
/** The file for a thread of its own, which shares nothing; and the reference backend and its lock alone, for their tests. */
for (const name of ["worker", "index", "lock"]) await bundle([`backend/reference/${name}`]);

/**
 * The modules of lib/ behind targets in package.json.
 * @param {readonly (string | { readonly default: string })[]} targets
 */
function entriesOf(targets) {
  const files = targets.map((target) => (typeof target === "string" ? target : target.default));
  return files.flatMap((file) => /^(?:\.\/)?dist\/(.*)\.js$/.exec(file)?.[1] ?? []);
}

/**
 * @param {readonly string[]} entries modules of lib/
 * @param {import("esbuild").Plugin[]} plugins
 */
async function bundle(entries, plugins = []) {
  await build({
    absWorkingDir: root,
    entryPoints: entries.map((entry) => `lib/${entry}.ts`),
    outbase: "lib",
    outdir: "dist",
    lineLimit: 120, // Node.js prints the whole line from which an error comes that nobody catches
    chunkNames: "chunks/[name]-[hash]",
    plugins,
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20.19",
    sourcemap: true,
    sourcesContent: false,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "warning",
  });
}
